/*
 * Admission of new sandboxes: checked against the limits in force and written, in one transaction. Requests
 * that come while a batch is on its way go together into the next one: one round trip, one commit. A batch
 * whose answer was lost is sent again until the request's time is over (the id makes that safe).
 */
#ifndef CORRAL_CONTROLLER_DB_ADMIT_H
#define CORRAL_CONTROLLER_DB_ADMIT_H

#include "common/model/sandbox_spec.h"
#include "controller/db/db_pool.h"

struct db_admit;

/* What the installation gives where tier, override and key are silent (contract, environment names). */
struct db_defaults {
    uint64_t max_sandboxes, max_key_sandboxes, max_total_sandboxes;
#define LIMIT(KIND, name, ...)      uint64_t name;
#define LIMIT_TIME(KIND, name, ...) uint64_t name;
#include "common/model/limit.def"
};

/* All strings are copied; NULL stands for "". */
struct db_admit_request {
    const char *id, *user_id, *key_id;
    const char *name, *image, *node, *region, *runtime;
    const char *labels;               /* a JSON object's text; NULL: none */
    const char *request_id, *address; /* for the audit */
    enum sandbox_network network;
    bool restart_elsewhere;
    bool warm;
    struct sandbox_limits limits;
    uint64_t shm_bytes; /* 0: sandbox_default_shm() */
    uint32_t enforced;  /* enum enforce_bit of the node */
    uint64_t lifetime_seconds;
    const uint8_t *spec;
    size_t spec_len;
    const char *idempotency_key; /* NULL: none */
    uint8_t body_sha256[32];     /* of the request's body, with an idempotency key */
};

enum db_admit_outcome {
    DB_ADMITTED,
    DB_ADMIT_QUOTA,     /* scope, limit, used */
    DB_ADMIT_NO_ROOM,   /* the node is not ready or has no room: place again or answer no_capacity */
    DB_ADMIT_REPLAY,    /* the same request was made before: see status, json and id */
    DB_ADMIT_MISMATCH,  /* the idempotency key was used for another body */
    DB_ADMIT_NO_CALLER, /* the key was revoked or the user deleted meanwhile: 401 */
};

/* Borrowed for the call. */
struct db_admit_result {
    enum db_admit_outcome outcome;
    const char *scope; /* "user", "api_key", "system" */
    uint64_t limit, used;
    const char *id;   /* admitted; replay: the sandbox of the first request */
    const char *node; /* where it was placed */
    uint64_t generation, remaining_ms;
    int64_t expires_ms; /* the deadline, Unix time by PostgreSQL's clock */
    const char *json;   /* the sandbox; replay: the stored answer's body, NULL where it is not known yet */
    int status; /* replay: the stored answer's status, 0 where it is not known yet: wait for the sandbox */
};

/* code 0: see r->outcome; else r is NULL. */
typedef void db_admit_cb(void *arg, int code, const struct err *e, const struct db_admit_result *r);

/* Owned; borrows pool and loop, which outlive it. defaults are copied, and may be changed (on reload). */
struct db_admit *db_admit_new(struct loop *loop, struct db_pool *pool, const struct db_defaults *defaults);
void db_admit_set_defaults(struct db_admit *admit, const struct db_defaults *defaults);

/* Outstanding callbacks get ERR_CANCELLED. Before db_pool_free. */
void db_admit_free(struct db_admit *admit);

/* At most 4096 wait; more, and those older than 5 s, get ERR_DATABASE_UNAVAILABLE. */
void db_admit(struct db_admit *admit, const struct db_admit_request *request, db_admit_cb *cb, void *arg);

#endif
