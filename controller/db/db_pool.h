/*
 * The connections to PostgreSQL: asynchronous, in pipeline mode, on the loop. A request is one call of one
 * SQL function, a transaction of its own; the typed functions in the other headers of this folder make the
 * requests. Rules for every request: its callback is called once, on the loop, never inside the call that
 * made it; what the callback gets is borrowed for the call. ERR_DATABASE_UNAVAILABLE means that it is unknown
 * whether the request was carried out (no connection, connection lost, queue full, too slow); every request
 * may be repeated. Strings in a request are copied.
 *
 * Limits: at most queue_max requests wait or are under way, further ones are refused; the server ends a
 * statement that takes longer than timeout_ms, and a request that has waited that long fails; a server that
 * does not answer loses its connection. A lost connection is reconnected with backoff. A request that
 * certainly failed (a deadlock, a session that was ended) is sent again, a few times.
 */
#ifndef CORRAL_CONTROLLER_DB_DB_POOL_H
#define CORRAL_CONTROLLER_DB_DB_POOL_H

#include "common/base/defs.h"
#include "common/base/err.h"
#include "common/base/histogram.h"
#include "common/base/trace.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct loop;
struct db_pool;

/* Why the database takes no writes; reads may still work, except with the last value. */
enum db_trouble { DB_WELL, DB_IS_READ_ONLY, DB_DISK_FULL, DB_IS_AWAY };
const char *db_trouble_sentence(enum db_trouble trouble);

struct db_pool_options {
    const char *url;      /* libpq's connection string or URI; copied */
    unsigned connections; /* 0: 4; 64 at most */
    unsigned queue_max;   /* 0: 4096 */
    uint32_t timeout_ms;  /* 0: 10000 */
    unsigned depth;       /* requests under way on one connection; 0: 32 */
    /*
     * Optional: the first connection is up, or the last one is lost. After "up", read the live rows again: a
     * create whose answer was lost may have been committed.
     */
    void (*on_change)(void *arg, bool up);
    /* Optional: the database stopped taking writes (never DB_IS_AWAY), or takes them again (DB_WELL). */
    void (*on_trouble)(void *arg, enum db_trouble trouble);
    /* Optional: a request was refused because another controller leads by now. */
    void (*on_deposed)(void *arg);
    void *arg;
};

/*
 * The answer of most requests: an object or a list as JSON, or NULL; code is 0, or an error with its
 * sentence.
 */
typedef void db_json_cb(void *arg, int code, const struct err *e, const char *json);

/* A page of a list as JSON; next: the cursor of the page after it, NULL where this is the last. */
typedef void db_page_cb(void *arg, int code, const struct err *e, const char *json, const char *next);

/* Owned by the caller; borrows loop. Connects only after start. */
struct db_pool *db_pool_new(struct loop *loop, const struct db_pool_options *options);
void db_pool_start(struct db_pool *pool);

/* Calls every outstanding callback with ERR_CANCELLED, then frees. Not from a callback of the pool. */
void db_pool_free(struct db_pool *pool);

/*
 * Sets the leadership epoch of all later requests: their writes fail with ERR_NOT_LEADING once that lead is
 * over, in every function (hold_to_epoch). 0, the initial value: no epoch, reads only.
 */
void db_pool_set_epoch(struct db_pool *pool, uint64_t epoch);

/* Whether at least one connection is usable. */
bool db_pool_up(const struct db_pool *pool);

/* DB_WELL where writes succeed, as far as known from the last failed write or from the probe. */
enum db_trouble db_pool_trouble(const struct db_pool *pool);

/* Starts the write probe: every 5 s, and every second while writes fail. The schema must exist. */
void db_pool_watch_writes(struct db_pool *pool);

struct db_pool_stats {
    unsigned connections, up, waiting, in_flight;
    uint64_t requests, failures; /* since the start */
    double latency_ms;           /* moving average over answered requests */
};
struct db_pool_stats db_pool_stats(const struct db_pool *pool);

/* What a request is for: its time is counted by it. */
enum db_class {
    DB_CHANGE,  /* a change that is none of the others */
    DB_ADMIT,   /* admits sandboxes */
    DB_MOVE,    /* moves sandboxes from one state to another */
    DB_HISTORY, /* stores samples, violations and acts */
    DB_KEY,     /* looks up API keys, and tokens of ports */
    DB_READ,    /* reads */
    DB_CLASSES
};
const char *db_class_name(enum db_class class);

/* How long the answered requests of a class took, with their wait for a connection. Borrowed. */
extern const struct histogram_bounds db_pool_bounds;
const struct histogram *db_pool_times(const struct db_pool *pool, enum db_class class);

/* 0 where the database has exactly this program's schema; else ERR_CONFIG with what to do. */
void db_schema_check(struct db_pool *pool, db_json_cb *cb, void *arg);

/* The actor of an administrative act, for its audit row. Borrowed. */
struct db_actor {
    const char *user_id;
    const char *key_id;
    const char *address;
    const char *request_id;
    const struct trace *trace; /* of the request; not part of the row */
    /* Of a POST that may be repeated; idempotency_key NULL: none. */
    const char *idempotency_key;
    char route[160];
    uint8_t body_sha256[32];
    const char *if_match; /* the version to change; NULL: any */
};

#endif
