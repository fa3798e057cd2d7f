/*
 * One connection to PostgreSQL, asynchronous and in pipeline mode: many queries may be on the way, each a
 * transaction of its own. It connects, and connects again with backoff, by itself. Private to this folder.
 */
#ifndef CORRAL_CONTROLLER_DB_CONN_H
#define CORRAL_CONTROLLER_DB_CONN_H

#include "controller/db/db_query.h"

struct db_conn;

struct db_conn_events {
    void (*on_up)(void *arg);
    void (*on_down)(void *arg); /* after the queries on the way were told */
    void (*on_room)(void *arg); /* a query is done: there is room for another */
    /*
     * The query, no longer on the way, failed with an action that is more than to tell its caller; for all
     * but the read-only and the full the connection does its own part. True: taken (db_query_again), to be
     * sent elsewhere. May be NULL.
     */
    bool (*on_trouble)(void *arg, struct db_conn *conn, struct db_query *query, enum db_action action);
    void (*on_notify)(void *arg, const char *channel, const char *payload); /* may be NULL */
    void *arg;
};

/*
 * What is sent from now on, and after each connecting again, is of this leadership, and changes nothing once
 * that is over (hold_to_epoch); 0, as at first: of none.
 */
void db_conn_set_epoch(struct db_conn *conn, uint64_t epoch);

/* Owned; begins to connect at once. timeout_ms: of connecting, and of one query from its being sent. idle_ms:
 * the server ends a session that asks nothing for so long; 0: never. */
struct db_conn *db_conn_new(struct loop *loop, const char *url, uint32_t timeout_ms, uint32_t idle_ms,
                            const struct db_conn_events *events);

/* Tells the queries on the way ERR_CANCELLED; no event. Not from a callback. */
void db_conn_free(struct db_conn *conn);

bool db_conn_up(const struct db_conn *conn); /* takes queries */
bool db_conn_read_only(
    const struct db_conn *conn); /* it is up, and the server says that it takes no writes */
unsigned db_conn_load(const struct db_conn *conn);

/* Takes the query, which is told on the loop, later. The connection must be up. */
void db_conn_send(struct db_conn *conn, struct db_query *query);

/* Drops the connection and makes it again; what is on the way gets ERR_DATABASE_UNAVAILABLE. */
void db_conn_drop(struct db_conn *conn, const char *why);

/* Takes no more queries, and is made again once those on the way are answered. */
void db_conn_renew(struct db_conn *conn);

/*
 * Tells who has waited for timeout_ms that it is unknown what became of it; drops the connection where the
 * server has worked on one query for longer than its own limit. Called regularly.
 */
void db_conn_check(struct db_conn *conn);

#endif
