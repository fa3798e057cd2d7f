/*
 * One connection to PostgreSQL, asynchronous and in pipeline mode: many queries may be under way, each a
 * transaction of its own. It connects, and reconnects with backoff, by itself. Private to this folder.
 */
#ifndef CORRAL_CONTROLLER_DB_DB_CONN_H
#define CORRAL_CONTROLLER_DB_DB_CONN_H

#include "controller/db/db_query.h"

struct db_conn;

struct db_conn_events {
    void (*on_up)(void *arg);
    void (*on_down)(void *arg); /* after the queries under way were ended */
    void (*on_room)(void *arg); /* a query is done: another can be sent */
    /*
     * Optional (may be NULL): a query that is no longer under way failed with an action that is more than
     * telling its caller. The connection does its own part of every action but read-only and full. Returns
     * true if it took the query (db_query_again), to send it on another connection.
     */
    bool (*on_trouble)(void *arg, struct db_conn *conn, struct db_query *query, enum db_action action);
    void (*on_notify)(void *arg, const char *channel, const char *payload); /* may be NULL */
    void *arg;
};

/*
 * Sets the leadership epoch of this session and of later ones: their writes are refused once that lead is
 * over (hold_to_epoch). 0, the initial value: no epoch.
 */
void db_conn_set_epoch(struct db_conn *conn, uint64_t epoch);

/*
 * The result is the caller's; begins to connect at once. timeout_ms: for connecting, and for one query from
 * its sending. idle_ms: the server ends a session that is idle for this long; 0: never.
 */
struct db_conn *db_conn_new(struct loop *loop, const char *url, uint32_t timeout_ms, uint32_t idle_ms,
                            const struct db_conn_events *events);

/* Ends the queries under way with ERR_CANCELLED, without events. Not from a callback. */
void db_conn_free(struct db_conn *conn);

bool db_conn_up(const struct db_conn *conn);        /* takes queries */
bool db_conn_read_only(const struct db_conn *conn); /* it is up, and the server says that it is read-only */
unsigned db_conn_load(const struct db_conn *conn);

/* Takes and sends the query, whose callback comes later, on the loop. The connection must be up. */
void db_conn_send(struct db_conn *conn, struct db_query *query);

/* Drops the connection and reconnects; queries under way get ERR_DATABASE_UNAVAILABLE. */
void db_conn_drop(struct db_conn *conn, const char *why);

/* Stops taking queries, and reconnects when those under way are answered. */
void db_conn_renew(struct db_conn *conn);

/*
 * Ends queries that have waited for timeout_ms: their result is unknown. Drops the connection if the server
 * has worked on one query past its own limit. Call regularly.
 */
void db_conn_check(struct db_conn *conn);

#endif
