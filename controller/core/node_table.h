/*
 * The nodes that the controller knows: the facts of each, whether it is in session, and how much of it is
 * reserved for sandboxes. Pure; owned by the cluster state, which keeps `reserved` up to date.
 */
#ifndef CORRAL_CONTROLLER_CORE_NODE_TABLE_H
#define CORRAL_CONTROLLER_CORE_NODE_TABLE_H

#include "common/base/json_text.h"
#include "common/model/node_wire.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum node_state { NODE_READY, NODE_CORDONED, NODE_DRAINING, NODE_UNREACHABLE, NODE_UNHEALTHY };

#define NODE_WARM_CLASSES 33 /* those whose demand is counted, and the base image's */

/* Members of one class that failed on a node. */
struct node_warm_class {
    uint64_t class_id; /* of which class this is; of another one it says nothing */
    uint64_t again_ms; /* none is made before this time */
    unsigned failures; /* in a row */
};

/* The members of the warm pool on a node (warm_pool.h), beside what is reserved for sandboxes. */
struct node_warm {
    struct node_resources held; /* of those that are to stay; an idle one uses no processor */
    struct node_warm_class failed[NODE_WARM_CLASSES];
    /* As counted in the current step of the pool. */
    size_t of_base, of_others, under_way, taken, sandboxes_starting;
    uint64_t begun_ms, quiet_ms; /* when the latest one began; when no sandbox was starting there */
};

struct node {
    struct node_facts facts; /* of its latest session; before the first session only the name is set */
    bool session;            /* it is connected now */
    bool gone;               /* declared silent: unreachable */
    bool cordoned;
    bool draining;
    uint64_t gone_at_ms; /* without a session: when it is declared silent; 0: not planned */
    struct node_resources reserved;
    struct node_warm warm;
};

struct node_table {
    struct node **item;
    size_t count;
};

/* Frees every node; the table is empty afterwards. */
void node_table_fini(struct node_table *table);

/* Borrowed until node_table_fini; NULL where there is none. */
struct node *node_table_find(const struct node_table *table, const char *name);

/* The node of this name; created (no session, not gone) if it is missing. Borrowed. */
struct node *node_table_get(struct node_table *table, const char *name);

/*
 * The state that the API and placement use: the first that holds of unreachable, unhealthy, draining,
 * cordoned, ready.
 */
enum node_state node_state(const struct node *node);

/* The state's public name. Static. */
const char *node_state_name(enum node_state state);

/* Adds a sandbox with these limits to what is reserved on the node; removes it again. */
void node_reserve(struct node *node, const struct sandbox_limits *limits);
void node_release(struct node *node, const struct sandbox_limits *limits);

/* The same of a member of the warm pool. */
void node_warm_add(struct node *node, uint64_t memory_bytes, uint64_t storage_bytes);
void node_warm_remove(struct node *node, uint64_t memory_bytes, uint64_t storage_bytes);

/* Adds the four figures to the object that is open. */
void node_resources_json(struct json_text *t, const struct node_resources *r);

/* Copies facts (strings and lists included) into dst, which is all zero or holds earlier facts. */
void node_facts_copy(struct node_facts *dst, const struct node_facts *src);

#endif
