/*
 * Elects the leading controller: the one whose connection (its own, outside of the pool) holds an advisory
 * lock. It tries every second; while it leads, it checks as often that the connection lives. The same
 * connection receives notifications of changes.
 */
#ifndef CORRAL_CONTROLLER_DB_DB_LEADER_H
#define CORRAL_CONTROLLER_DB_DB_LEADER_H

#include "controller/db/db_pool.h"

struct db_leader;

enum db_told {
    DB_TOLD_KEY,     /* text: its prefix; "*": any */
    DB_TOLD_DESIRED, /* "ID GENERATION": the desired state of a sandbox */
    DB_TOLD_NODE,    /* its name: how an administrator marked it */
    DB_TOLD_EVENT    /* "": there are new events */
};

struct db_leader_events {
    /* This controller leads from now on; epoch is higher than any earlier one. */
    void (*on_gained)(void *arg, uint64_t epoch);
    /* This controller does not lead any more (connection lost): another may lead at once. */
    void (*on_lost)(void *arg);
    /*
     * Something was changed, by this or another controller. Notifications sent while the connection is down
     * are lost.
     */
    void (*on_told)(void *arg, enum db_told what, const char *text);
    void *arg;
    /* Optional: about once a second while it leads: the time by PostgreSQL's clock, requested at asked_ms. */
    void (*on_clock)(void *arg, uint64_t asked_ms, int64_t unix_ms);
    /*
     * Optional: notifications of created or changed keys arrive from now on; earlier ones were lost, so any
     * key may have changed.
     */
    void (*on_listening)(void *arg);
    /*
     * Optional: after on_lost, and at the latest before the next on_gained: another controller has led since,
     * as the database says. While the database does not answer, that is not known.
     */
    void (*on_superseded)(void *arg);
};

/* The result is the caller's. Copies url and id (the name of the leader in the database). Begins at once. */
struct db_leader *db_leader_new(struct loop *loop, const char *url, const char *id,
                                const struct db_leader_events *events);

/* Gives the lead up. No callback. Not from one of its callbacks. */
void db_leader_free(struct db_leader *leader);

/* A write was refused because this controller leads no more: reconnects, which ends the lead. */
void db_leader_doubt(struct db_leader *leader);

bool db_leader_leads(const struct db_leader *leader);

#endif
