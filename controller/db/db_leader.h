/*
 * Which controller leads: the one whose connection (its own, outside the pool) holds an advisory lock. It
 * tries each second; while it leads, it makes sure as often that the connection lives. The same connection
 * hears of what others change.
 */
#ifndef CORRAL_CONTROLLER_DB_LEADER_H
#define CORRAL_CONTROLLER_DB_LEADER_H

#include "controller/db/db_pool.h"

struct db_leader;

enum db_told {
    DB_TOLD_KEY,     /* text: its prefix; "*": any (also after a connection was lost) */
    DB_TOLD_DESIRED, /* "ID GENERATION": the desired state of a sandbox */
    DB_TOLD_NODE     /* its name: how an administrator marked it */
};

struct db_leader_events {
    /* This controller leads from now on; epoch is higher than any before. */
    void (*on_gained)(void *arg, uint64_t epoch);
    /* It does not lead any more (connection lost): another may, at once. */
    void (*on_lost)(void *arg);
    /* Something was changed, by this controller or another. What is told while nobody listens is lost. */
    void (*on_told)(void *arg, enum db_told what, const char *text);
    void *arg;
    /* Optional: while it leads, about once a second: what PostgreSQL's clock said after it was asked at
     * asked_ms. */
    void (*on_clock)(void *arg, uint64_t asked_ms, int64_t unix_ms);
    /* Optional: from now on it hears of each key that is made or changed; what was before is to be read. */
    void (*on_listening)(void *arg);
};

/* Owned; copies url and id (which says in the database who leads). Begins at once. */
struct db_leader *db_leader_new(struct loop *loop, const char *url, const char *id,
                                const struct db_leader_events *events);

/* Gives the lead up. No callback. Not from one of its callbacks. */
void db_leader_free(struct db_leader *leader);

/* It was refused as one that leads no more: its connection is made again, and the lead lost with it. */
void db_leader_doubt(struct db_leader *leader);

bool db_leader_leads(const struct db_leader *leader);

#endif
