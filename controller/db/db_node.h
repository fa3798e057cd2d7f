/* Nodes, and statistics of the whole system. */
#ifndef CORRAL_CONTROLLER_DB_DB_NODE_H
#define CORRAL_CONTROLLER_DB_DB_NODE_H

#include "common/model/node_wire.h"
#include "controller/db/db_pool.h"

/* A session began: creates or updates the node's row; the marks of an administrator stay. */
void db_node_join(struct db_pool *pool, const struct node_facts *facts, db_json_cb *cb, void *arg);

enum db_node_health { DB_NODE_READY, DB_NODE_UNREACHABLE, DB_NODE_UNHEALTHY };
/* Writes the node's health, with an event for each change. reason: a sentence; "" where the node is ready. */
void db_node_set_health(struct db_pool *pool, const char *name, enum db_node_health health,
                        const char *reason, db_json_cb *cb, void *arg);

/* Writes an event that items of a node were left out; first: a sentence about the first of them. */
void db_node_left_out(struct db_pool *pool, const char *name, uint64_t count, const char *first,
                      db_json_cb *cb, void *arg);

enum db_node_admin { DB_NODE_UNCORDON, DB_NODE_CORDON, DB_NODE_DRAIN };
void db_node_set_admin(struct db_pool *pool, const char *name, enum db_node_admin state,
                       const struct db_actor *actor, db_json_cb *cb, void *arg);

/* ERR_NOT_FOUND. */
void db_node_revoke(struct db_pool *pool, const char *name, const struct db_actor *actor, db_json_cb *cb,
                    void *arg);

/* ERR_CONFLICT: it is connected, or sandboxes live on it. */
void db_node_remove(struct db_pool *pool, const char *name, const struct db_actor *actor, db_json_cb *cb,
                    void *arg);

/* The revocations of a node. Borrowed for the call. */
struct db_node_revocation {
    const char *node;
    int64_t issued_until_s; /* Unix time */
    struct string_list fingerprints;
};
typedef void db_node_revocations_cb(void *arg, int code, const struct err *e,
                                    const struct db_node_revocation *rows, size_t count);
void db_node_revocations(struct db_pool *pool, db_node_revocations_cb *cb, void *arg);

/* An event about a node; data: a JSON object. Fire and forget. */
void db_node_event(struct db_pool *pool, const char *name, const char *type, const char *data);

/* Nodes in session, with what they use. Fire and forget: best called every few seconds with all of them. */
struct db_node_seen {
    const char *name;
    struct node_resources used;
};
void db_nodes_seen(struct db_pool *pool, const struct db_node_seen *seen, size_t count);

void db_node_get(struct db_pool *pool, const char *name, db_json_cb *cb, void *arg);
void db_node_list(struct db_pool *pool, const char *cursor, unsigned limit, db_page_cb *cb, void *arg);

/* Every node, for a controller that begins to lead. capacity is the node's; state as the API names it. */
struct db_node_row {
    const char *name, *state, *region, *labels; /* labels: a JSON object's text */
    const char *boot_id, *state_id, *fingerprint;
    bool cordoned, draining;
    struct node_resources capacity;
    uint32_t enforces;
};
typedef void db_node_rows_cb(void *arg, int code, const struct err *e, const struct db_node_row *rows,
                             size_t count);
void db_node_rows(struct db_pool *pool, db_node_rows_cb *cb, void *arg);

/* Parts of the system's stats, as JSON. Borrowed for the call; NULL where code is not 0. */
struct db_system_stats {
    const char *sandboxes, *nodes, *capacity, *reserved, *leader;
    int schema_version;
};
typedef void db_system_stats_cb(void *arg, int code, const struct err *e,
                                const struct db_system_stats *stats);
void db_system_stats(struct db_pool *pool, uint64_t max_total_sandboxes, db_system_stats_cb *cb, void *arg);

#endif
