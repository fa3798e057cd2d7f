/*
 * Stored answers for repeated POSTs. Admission itself looks its key up and reserves it; answer and forget
 * complete that when the answer is known. Both are fire and forget: if an answer is lost, it is rebuilt from
 * the sandbox.
 */
#ifndef CORRAL_CONTROLLER_DB_DB_IDEMPOTENCY_H
#define CORRAL_CONTROLLER_DB_DB_IDEMPOTENCY_H

#include "controller/db/db_admit.h"

/*
 * Finds what is stored for this key of a POST /sandbox: r is a replay, a mismatch, or NULL where the key is
 * new.
 */
void db_idempotency_find(struct db_pool *pool, const char *key_id, const char *idempotency_key,
                         const uint8_t body_sha256[32], db_admit_cb *cb, void *arg);

/* Stores the answer to the request that created this sandbox, if it had an idempotency key. */
void db_idempotency_answer(struct db_pool *pool, const char *sandbox_id, int status, const char *body);

/*
 * Deletes the reservation: refusals (a failed start) are not stored, so that a repeated request tries again.
 */
void db_idempotency_forget(struct db_pool *pool, const char *sandbox_id);

#endif
