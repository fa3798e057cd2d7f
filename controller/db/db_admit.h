/*
 * Admission of new sandboxes: one transaction checks the limits in force and writes the rows. Requests that
 * arrive while a batch is under way form the next batch: one round trip, one commit. A batch whose answer was
 * lost is sent again until the requests' time is over; the ids make that safe.
 */
#ifndef CORRAL_CONTROLLER_DB_DB_ADMIT_H
#define CORRAL_CONTROLLER_DB_DB_ADMIT_H

#include "controller/core/sandbox_request.h"
#include "controller/core/sandbox_row.h"
#include "controller/db/db_pool.h"

struct db_admit;

/* The values of the installation, used where neither tier, override nor key sets one. */
struct db_defaults {
    uint64_t max_sandboxes, max_key_sandboxes, max_total_sandboxes;
#define LIMIT(KIND, name, ...)      uint64_t name;
#define LIMIT_TIME(KIND, name, ...) uint64_t name;
#include "common/model/limit.def"
};

/* A requested create and what was decided about it. Everything is copied; NULL stands for "". */
struct db_admit_request {
    const char *id;
    struct db_actor actor; /* its owner */
    const struct sandbox_request *asked;
    struct sandbox_limits limits; /* what it gets */
    uint64_t lifetime_seconds;
    const uint8_t *spec; /* packed, its environment sealed */
    size_t spec_len;
    const char *env_key; /* id of the key that sealed its environment; "": it has none */
    bool warm; /* its id is a member's of the warm pool, which it takes over if that stands on its node */
    const char *image_ref, *image_digest; /* the whole name of the image; what it stands for, "": not known */
    bool any_tier;                        /* every tier may run it: it is the base image */
    const char *node, *region;
    uint32_t enforced; /* enum enforce_bit of the node */
};

enum db_admit_outcome {
    DB_ADMITTED,
    DB_ADMIT_QUOTA,     /* scope, limit, used */
    DB_ADMIT_NO_ROOM,   /* the node is not ready or has no room: place it elsewhere or answer no_capacity */
    DB_ADMIT_REPLAY,    /* the same request was made before: see status, json and id */
    DB_ADMIT_MISMATCH,  /* the idempotency key was used for another body */
    DB_ADMIT_IMAGE,     /* its tier may not run this image: 422 */
    DB_ADMIT_NO_CALLER, /* the key was revoked or the user deleted meanwhile: 401 */
};

/* Borrowed for the call. */
struct db_admit_result {
    enum db_admit_outcome outcome;
    const char *scope; /* "user", "api_key", "system" */
    uint64_t limit, used;
    struct sandbox_row row; /* admitted */
    const char *id;         /* replay: the sandbox of the first request; */
    int status;       /* …the stored answer's status, 0 where it is not known yet: wait for the sandbox; */
    const char *json; /* …its body, NULL where it is not known yet */
};

/* code 0: see r->outcome; else r is NULL. */
typedef void db_admit_cb(void *arg, int code, const struct err *e, const struct db_admit_result *r);

/*
 * The result is the caller's. Borrows pool and loop until db_admit_free. Copies defaults, which may change on
 * reload.
 */
struct db_admit *db_admit_new(struct loop *loop, struct db_pool *pool, const struct db_defaults *defaults);
void db_admit_set_defaults(struct db_admit *admit, const struct db_defaults *defaults);

/* Outstanding callbacks get ERR_CANCELLED. Call before db_pool_free. */
void db_admit_free(struct db_admit *admit);

/* At most 4096 requests wait; further ones, and those older than 5 s, get ERR_DATABASE_UNAVAILABLE. */
void db_admit(struct db_admit *admit, const struct db_admit_request *request, db_admit_cb *cb, void *arg);

#endif
