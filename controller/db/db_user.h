/*
 * Users, their keys, and tiers. Each change is one transaction with its audit row. Bodies are texts of JSON
 * objects with the API's field names, validated by the caller; errors that only the database can find are
 * ERR_INVALID, ERR_CONFLICT or ERR_NOT_FOUND with a sentence. A successful change may have a notice, for
 * example that current use is above a lowered limit: the callback's e is then that sentence (code 0).
 */
#ifndef CORRAL_CONTROLLER_DB_DB_USER_H
#define CORRAL_CONTROLLER_DB_DB_USER_H

#include "controller/core/caller.h"
#include "controller/db/db_pool.h"

/* The data that verifies a key. */
struct db_key {
    struct caller caller;
    uint8_t sha256[32];
    bool expires;
    uint64_t remaining_ms; /* until it expires; cache the caller no longer */
};
/* key is NULL where code is not 0; ERR_UNAUTHENTICATED: no valid key has this prefix. */
typedef void db_key_cb(void *arg, int code, const struct err *e, const struct db_key *key);
void db_key_find(struct db_pool *pool, const char *prefix, db_key_cb *cb, void *arg);

/*
 * What these keys (ids) may do now: a status for each that is valid, in any order. Copies ids; status is
 * borrowed.
 */
typedef void db_keys_cb(void *arg, int code, const struct err *e, const struct key_status *status,
                        size_t count);
void db_keys_now(struct db_pool *pool, const char *const *key_ids, size_t count, db_keys_cb *cb, void *arg);

/* The prefixes of all valid keys, without their "crl_", one after the other (NULL: none), at most `most`. */
void db_key_prefixes(struct db_pool *pool, unsigned most, db_json_cb *cb, void *arg);

/* Notes that these keys (ids) were used now. Fire and forget: best called once a minute with all of them. */
void db_keys_used(struct db_pool *pool, const char *const *key_ids, size_t count);

/* body: {name, tier, role, overrides}. id: "usr_…", created by the caller. */
void db_user_create(struct db_pool *pool, const char *id, const char *body, const struct db_actor *actor,
                    db_json_cb *cb, void *arg);
/* body: any of name, tier, role, overrides (null removes one). */
void db_user_patch(struct db_pool *pool, const char *id, const char *body, const struct db_actor *actor,
                   db_json_cb *cb, void *arg);
/* ERR_CONFLICT while the user has live sandboxes. Revokes the user's keys. */
void db_user_delete(struct db_pool *pool, const char *id, const struct db_actor *actor, db_json_cb *cb,
                    void *arg);
void db_user_get(struct db_pool *pool, const char *id, db_json_cb *cb, void *arg);
void db_user_list(struct db_pool *pool, const char *cursor, unsigned limit, db_page_cb *cb, void *arg);

/*
 * body: {name, scopes, max_sandboxes, expires_at}. Creates the key (common/io/api_key.h); the answer has it
 * under "key", only once: a repeated answer lacks the secret. id: "key_…".
 */
/* prefix: of the key; NULL where none was created. */
typedef void db_key_made_cb(void *arg, int code, const struct err *e, const char *json, const char *prefix);
void db_key_create(struct db_pool *pool, const char *user_id, const char *id, const char *body,
                   const struct db_actor *actor, db_key_made_cb *cb, void *arg);
/* The same for the actor's own user; ERR_FORBIDDEN where it would be more than the actor's key itself. */
void db_own_key_create(struct db_pool *pool, const char *id, const char *body, const struct db_actor *actor,
                       db_key_made_cb *cb, void *arg);
void db_own_key_revoke(struct db_pool *pool, const char *id, const struct db_actor *actor, db_json_cb *cb,
                       void *arg);
/* body: any of name, scopes, max_sandboxes, expires_at. ERR_CONFLICT where the key is revoked. */
void db_key_patch(struct db_pool *pool, const char *user_id, const char *id, const char *body,
                  const struct db_actor *actor, db_json_cb *cb, void *arg);
void db_key_get(struct db_pool *pool, const char *user_id, const char *id, db_json_cb *cb, void *arg);
void db_key_revoke(struct db_pool *pool, const char *user_id, const char *id, const struct db_actor *actor,
                   db_json_cb *cb, void *arg);
void db_key_list(struct db_pool *pool, const char *user_id, const char *cursor, unsigned limit,
                 db_page_cb *cb, void *arg);

/* body: the columns of a tier; null stands for the installation's default. */
void db_tier_create(struct db_pool *pool, const char *body, const struct db_actor *actor, db_json_cb *cb,
                    void *arg);
void db_tier_patch(struct db_pool *pool, const char *name, const char *body, const struct db_actor *actor,
                   db_json_cb *cb, void *arg);
/* ERR_CONFLICT while users are on the tier. */
void db_tier_delete(struct db_pool *pool, const char *name, const struct db_actor *actor, db_json_cb *cb,
                    void *arg);
void db_tier_get(struct db_pool *pool, const char *name, db_json_cb *cb, void *arg);
void db_tier_list(struct db_pool *pool, const char *cursor, unsigned limit, db_page_cb *cb, void *arg);

#endif
