/*
 * The nodes that the controller knows: the facts of each, whether it is in session, and how much of it is
 * reserved for sandboxes. Pure; owned by the cluster state, which keeps `reserved` up to date.
 */
#ifndef CORRAL_CONTROLLER_CORE_NODE_TABLE_H
#define CORRAL_CONTROLLER_CORE_NODE_TABLE_H

#include "common/model/node_wire.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum node_state { NODE_READY, NODE_CORDONED, NODE_DRAINING, NODE_UNREACHABLE, NODE_UNHEALTHY };

struct node {
    struct node_facts facts; /* of its latest session; before the first session only the name is set */
    bool session;            /* it is connected now */
    bool gone;               /* declared silent: unreachable */
    bool cordoned;
    bool draining;
    uint64_t gone_at_ms; /* without a session: when it is declared silent; 0: not planned */
    struct node_resources reserved;
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

/* Copies facts (strings and lists included) into dst, which is all zero or holds earlier facts. */
void node_facts_copy(struct node_facts *dst, const struct node_facts *src);

#endif
