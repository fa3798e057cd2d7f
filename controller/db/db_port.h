/*
 * The URLs of ports inside sandboxes. Each change is one transaction with its audit row; the database never
 * gets a token, only its SHA-256.
 */
#ifndef CORRAL_CONTROLLER_DB_DB_PORT_H
#define CORRAL_CONTROLLER_DB_DB_PORT_H

#include "common/base/id.h"
#include "controller/core/caller.h"
#include "controller/db/db_pool.h"

#define DB_PORT_ID_MAX 30 /* "prt_" and 26 characters */

struct db_port_new {
    const char *id, *sandbox;
    uint16_t port;
    uint8_t sha256[32]; /* of its token */
    uint64_t lifetime_seconds;
    bool needs_admin; /* an administrator makes it, in another user's sandbox */
};

/* made: false where json is the answer to an earlier request with the same Idempotency-Key. ERR_WRONG_STATE,
 * ERR_CONFLICT. */
typedef void db_port_made_cb(void *arg, int code, const struct err *e, const char *json, bool made);
void db_port_create(struct db_pool *pool, const struct db_port_new *port, const struct db_actor *actor,
                    db_port_made_cb *cb, void *arg);

/* owner: whose the sandbox must be; NULL: anybody's. ERR_NOT_FOUND. */
void db_port_delete(struct db_pool *pool, const char *sandbox, const char *id, const char *owner,
                    const struct db_actor *actor, db_json_cb *cb, void *arg);
void db_port_list(struct db_pool *pool, const char *sandbox, const char *owner, const char *cursor,
                  unsigned limit, db_page_cb *cb, void *arg);

/* A port that holds now, and the key in whose name it carries. */
struct db_port {
    char id[DB_PORT_ID_MAX + 1];
    struct sandbox_id sandbox;
    uint16_t port;
    uint64_t remaining_ms;
    struct caller caller; /* without limits and lookup */
    bool key_expires;
    uint64_t key_remaining_ms;
};

/* ERR_NOT_FOUND: there is none. port is NULL where code is not 0. */
typedef void db_port_cb(void *arg, int code, const struct err *e, const struct db_port *port);
void db_port_find(struct db_pool *pool, const uint8_t sha256[32], db_port_cb *cb, void *arg);

#endif
