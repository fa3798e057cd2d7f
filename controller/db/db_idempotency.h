/*
 * Answers that a repeated POST gets again. Admission looks its key up and reserves it itself; answer and
 * forget finish it when the answer is known. Both are fire and forget: a lost answer is found again by the
 * sandbox.
 */
#ifndef CORRAL_CONTROLLER_DB_IDEMPOTENCY_H
#define CORRAL_CONTROLLER_DB_IDEMPOTENCY_H

#include "controller/db/db_admit.h"

/* What is kept for this key of a POST /sandbox: r is a replay, a mismatch, or NULL where the key is new. */
void db_idempotency_find(struct db_pool *pool, const char *key_id, const char *idempotency_key,
                         const uint8_t body_sha256[32], db_admit_cb *cb, void *arg);

/* Keeps what was answered to the request that created this sandbox (where it had an idempotency key). */
void db_idempotency_answer(struct db_pool *pool, const char *sandbox_id, int status, const char *body);

/* Forgets it: refusals (a start that failed) are not kept, so that a repetition tries again. */
void db_idempotency_forget(struct db_pool *pool, const char *sandbox_id);

#endif
