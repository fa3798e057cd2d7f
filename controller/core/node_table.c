#include "controller/core/node_table.h"

#include "common/base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void node_table_fini(struct node_table *table)
{
    for (size_t i = 0; i < table->count; i++) {
        node_facts_fini(&table->item[i]->facts);
        free(table->item[i]);
    }
    free(table->item);
    memset(table, 0, sizeof *table);
}

/* There are a few hundred nodes at most: a linear search is enough. */
struct node *node_table_find(const struct node_table *table, const char *name)
{
    for (size_t i = 0; i < table->count; i++) {
        if (!strcmp(table->item[i]->facts.name, name))
            return table->item[i];
    }
    return NULL;
}

struct node *node_table_get(struct node_table *table, const char *name)
{
    struct node *node = node_table_find(table, name);
    if (node)
        return node;
    node = mem_zalloc(sizeof *node);
    snprintf(node->facts.name, sizeof node->facts.name, "%s", name);
    table->item = mem_grow(table->item, table->count + 1, sizeof *table->item);
    table->item[table->count++] = node;
    return node;
}

enum node_state node_state(const struct node *node)
{
    if (!node->session)
        return NODE_UNREACHABLE;
    if (node->facts.unhealthy[0])
        return NODE_UNHEALTHY;
    if (node->draining)
        return NODE_DRAINING;
    return node->cordoned ? NODE_CORDONED : NODE_READY;
}

const char *node_state_name(enum node_state state)
{
    static const char *const names[] = {[NODE_READY] = "ready",
                                        [NODE_CORDONED] = "cordoned",
                                        [NODE_DRAINING] = "draining",
                                        [NODE_UNREACHABLE] = "unreachable",
                                        [NODE_UNHEALTHY] = "unhealthy"};
    if (state >= ARRAY_LEN(names))
        abort();
    return names[state];
}

void node_reserve(struct node *node, const struct sandbox_limits *limits)
{
    node->reserved.memory_bytes += limits->memory_bytes;
    node->reserved.cpu_millis += limits->cpu_millis;
    node->reserved.storage_bytes += limits->storage_bytes;
    node->reserved.sandboxes++;
}

void node_release(struct node *node, const struct sandbox_limits *limits)
{
    node->reserved.memory_bytes -= limits->memory_bytes;
    node->reserved.cpu_millis -= limits->cpu_millis;
    node->reserved.storage_bytes -= limits->storage_bytes;
    node->reserved.sandboxes--;
}

void node_warm_add(struct node *node, uint64_t memory_bytes, uint64_t storage_bytes)
{
    node->warm.held.memory_bytes += memory_bytes;
    node->warm.held.storage_bytes += storage_bytes;
    node->warm.held.sandboxes++;
}

void node_warm_remove(struct node *node, uint64_t memory_bytes, uint64_t storage_bytes)
{
    node->warm.held.memory_bytes -= memory_bytes;
    node->warm.held.storage_bytes -= storage_bytes;
    node->warm.held.sandboxes--;
}

void node_resources_json(struct json_text *t, const struct node_resources *r)
{
    json_text_num(t, "memory_bytes", r->memory_bytes);
    json_text_num(t, "cpu_millis", r->cpu_millis);
    json_text_num(t, "storage_bytes", r->storage_bytes);
    json_text_num(t, "sandboxes", r->sandboxes);
}

static void list_copy(struct string_list *dst, const struct string_list *src)
{
    memset(dst, 0, sizeof *dst);
    for (size_t i = 0; i < src->count; i++)
        string_list_add(dst, src->item[i]);
}

void node_facts_copy(struct node_facts *dst, const struct node_facts *src)
{
    struct node_facts copy = *src;
    list_copy(&copy.labels, &src->labels);
    list_copy(&copy.runtimes, &src->runtimes);
    node_facts_fini(dst);
    *dst = copy;
}
