/*
 * Webhooks and their deliveries, as users see and change them. Each change is one transaction with its audit
 * row; secrets come sealed (common/io/secrets.h). owner: whose the webhook must be; NULL: anybody's.
 * ERR_NOT_FOUND where it is not.
 */
#ifndef CORRAL_CONTROLLER_DB_DB_WEBHOOK_H
#define CORRAL_CONTROLLER_DB_DB_WEBHOOK_H

#include "controller/db/db_pool.h"

struct db_sealed {
    const uint8_t *bytes;
    size_t len;
    const char *key; /* the id of the key that sealed it */
};

/* made: false where json is the answer to an earlier request with the same Idempotency-Key. ERR_CONFLICT: the
 * user has as many as may be. */
typedef void db_webhook_made_cb(void *arg, int code, const struct err *e, const char *json, bool made);
/* body: {url, events, labels}. id: "whk_…". */
void db_webhook_create(struct db_pool *pool, const char *id, const char *body, const struct db_sealed *secret,
                       const struct db_actor *actor, db_webhook_made_cb *cb, void *arg);
/* body: any of url, events, labels, enabled. */
void db_webhook_patch(struct db_pool *pool, const char *id, const char *owner, const char *body,
                      const struct db_actor *actor, db_json_cb *cb, void *arg);
/* The secret so far goes on signing beside the new one for a day. */
void db_webhook_rotate(struct db_pool *pool, const char *id, const char *owner,
                       const struct db_sealed *secret, const struct db_actor *actor, db_json_cb *cb,
                       void *arg);
void db_webhook_delete(struct db_pool *pool, const char *id, const char *owner, const struct db_actor *actor,
                       db_json_cb *cb, void *arg);
void db_webhook_get(struct db_pool *pool, const char *id, const char *owner, db_json_cb *cb, void *arg);
/* owner: an id or a name. */
void db_webhook_list(struct db_pool *pool, const char *owner, const char *cursor, unsigned limit,
                     db_page_cb *cb, void *arg);

/* state: NULL: any. */
void db_webhook_deliveries(struct db_pool *pool, const char *id, const char *owner, const char *state,
                           const char *cursor, unsigned limit, db_page_cb *cb, void *arg);
/* event: the id of one's event; NULL: all that are dead. ERR_WRONG_STATE where the webhook is disabled. */
void db_webhook_replay(struct db_pool *pool, const char *id, const char *owner, const char *event,
                       const struct db_actor *actor, db_json_cb *cb, void *arg);

#endif
