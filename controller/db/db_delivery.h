/* Deliveries of events to webhooks, as the leader makes and tries them (sql/functions/deliveries.sql). */
#ifndef CORRAL_CONTROLLER_DB_DB_DELIVERY_H
#define CORRAL_CONTROLLER_DB_DB_DELIVERY_H

#include "controller/core/webhook_retry.h"
#include "controller/core/webhook_turns.h"
#include "controller/db/db_pool.h"

/* Makes the deliveries of the next events, at most `most` of these. more: there may be further events; any: a
 * delivery was made. */
typedef void db_delivery_made_cb(void *arg, int code, const struct err *e, bool more, bool any);
void db_delivery_make(struct db_pool *pool, unsigned most, db_delivery_made_cb *cb, void *arg);

struct db_delivery_key {
    char webhook[WEBHOOK_ID_MAX + 1];
    uint64_t seq; /* the event's number */
};

/* A delivery to try. What it names is borrowed from the answer. */
struct db_delivery {
    struct db_delivery_key key;
    char user[WEBHOOK_USER_MAX + 1];
    const char *url, *body;
    const char *sandbox_id; /* NULL: its event is of none */
    unsigned tries;
    bool troubled;
    const char *secret, *old_secret; /* sealed, in hexadecimal; old: NULL: there is none */
    const char *secret_key;          /* the id of the key that sealed secret */
};

/* Those that are due, without the busy ones; of `most` healthy webhooks and as many troubled ones. */
typedef void db_delivery_due_cb(void *arg, int code, const struct err *e, const struct db_delivery *due,
                                size_t count);
void db_delivery_due(struct db_pool *pool, const struct db_delivery_key *busy, size_t busy_count,
                     unsigned most, db_delivery_due_cb *cb, void *arg);

/* What became of a try. */
struct db_delivery_try {
    const char *url;
    unsigned tries; /* before it */
    struct webhook_verdict verdict;
    unsigned status;               /* 0: there was no answer */
    const char *problem, *excerpt; /* "": none */
    uint64_t took_ms;
};
void db_delivery_end(struct db_pool *pool, const struct db_delivery_key *key,
                     const struct db_delivery_try *what, db_json_cb *cb, void *arg);

/* A webhook's secret was sealed again, with another key than d names. Fire and forget. */
void db_delivery_reseal(struct db_pool *pool, const struct db_delivery *d, const uint8_t *sealed, size_t len,
                        const char *key);

/* How many wait, and for how long the oldest has. */
typedef void db_delivery_waiting_cb(void *arg, int code, const struct err *e, uint64_t waiting,
                                    uint64_t oldest_seconds);
void db_delivery_waiting(struct db_pool *pool, db_delivery_waiting_cb *cb, void *arg);

#endif
