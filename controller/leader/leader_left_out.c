/*
 * Items of a node's messages that were left out, by the node or by us: counted for each node and written as
 * an event, at most one a minute and node.
 */
#include "controller/leader/leader_left_out.h"

#include "controller/leader/leader_int.h"

#include "common/io/log.h"
#include "common/base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <uthash.h>

#define TELL_EVERY_MS 60000

/* One entry for each node that ever left an item out: at most as many as have certificates. */
struct left_out {
    char node[NODE_NAME_MAX + 1];
    size_t count; /* since the last event */
    char first[NODE_DETAIL_MAX + 1];
    uint64_t next_ms; /* no event before this time */
    UT_hash_handle hh;
};

static void on_told(void *arg, int code, const struct err *e, const char *json)
{
    if (code && code != ERR_CANCELLED)
        log_warn("leader", "the event about left-out items of a node was not written: %s", e ? e->text : "");
}

static void tell(struct leader *leader, struct left_out *l, uint64_t now)
{
    if (!l->count || now < l->next_ms)
        return;
    db_node_left_out(leader->pool, l->node, l->count, l->first, on_told, leader);
    l->count = 0;
    l->next_ms = now + TELL_EVERY_MS;
}

void leader_on_left_out(void *owner, const char *node, size_t count, const char *first)
{
    struct leader *leader = owner;
    struct left_out *l;
    HASH_FIND_STR(leader->left_out, node, l);
    if (!l) {
        l = mem_zalloc(sizeof *l);
        snprintf(l->node, sizeof l->node, "%s", node);
        HASH_ADD_STR(leader->left_out, node, l);
    }
    if (!l->count) {
        log_warn("leader", "node=%s %zu of its items were left out or lowered; the first: %s", node, count,
                 first);
        snprintf(l->first, sizeof l->first, "%s", first);
    }
    l->count += count;
    tell(leader, l, loop_now_ms());
}

void leader_tell_left_out(struct leader *leader)
{
    struct left_out *l, *next;
    if (!leader->ready)
        return;
    HASH_ITER(hh, leader->left_out, l, next)
    tell(leader, l, loop_now_ms());
}

void leader_left_out_fini(struct leader *leader)
{
    struct left_out *l, *next;
    HASH_ITER(hh, leader->left_out, l, next)
    {
        HASH_DEL(leader->left_out, l);
        free(l);
    }
}
