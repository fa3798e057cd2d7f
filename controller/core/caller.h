/*
 * Who makes a request: the user and the API key of the request, with all that admission and the routes need
 * to know of both. Read from the database with the key; never kept after the request. Pure.
 */
#ifndef CORRAL_CONTROLLER_CORE_CALLER_H
#define CORRAL_CONTROLLER_CORE_CALLER_H

#include "common/base/trace.h"
#include "common/model/sandbox_spec.h"
#include "controller/core/limit.h"

#include <stdbool.h>
#include <stdint.h>

#define USER_ID_MAX    30 /* "usr_" and 26 characters, as sandbox ids are made */
#define KEY_ID_MAX     30 /* "key_" and 26 */
#define KEY_PREFIX_MAX 16 /* "crl_" and 12: the public beginning of a key */
#define NAME_MAX_LEN   63
#define TIER_NAME_MAX  32

/* For how long what was read of a key may be used without the database: then a revocation may have been
 * missed. */
#define CALLER_KNOWN_MS 300000

enum scope_bit { SCOPE_READ = 1, SCOPE_WRITE = 2, SCOPE_ADMIN = 4, SCOPE_EXEC = 8 };

struct caller {
    char user_id[USER_ID_MAX + 1];
    char user_name[NAME_MAX_LEN + 1];
    char key_id[KEY_ID_MAX + 1];
    char tier[TIER_NAME_MAX + 1];
    bool admin;      /* the user's role */
    uint32_t scopes; /* enum scope_bit, of the key */
    struct limit_set tier_limits;
    struct limit_set overrides;
    struct violation_levels levels; /* of the tier */
    bool warm_starts;               /* likewise: its sandboxes may come from the warm pool */

    char key_prefix[KEY_PREFIX_MAX + 1];
    uint64_t lookup;  /* the number of the look-up that all this comes from */
    uint64_t read_ms; /* when that was, by the loop's clock; 0: now */
    bool expires;
    uint64_t expires_ms; /* when the key does, by the loop's clock */

    /* What the request needs of its key, for as long as it goes on. */
    uint32_t needs; /* any one of these scopes; 0: none */
    bool needs_admin;
    struct trace trace; /* of the request */
};

/* What a valid key may do now. */
struct key_status {
    char id[KEY_ID_MAX + 1];
    bool admin;
    uint32_t scopes;
    bool expires;
    uint64_t remaining_ms;
};

/* A route for administrators requires both the role and the scope. */
static inline bool caller_is_admin(const struct caller *caller)
{
    return caller->admin && (caller->scopes & SCOPE_ADMIN);
}

#endif
