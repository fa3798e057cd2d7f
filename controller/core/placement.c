#include "controller/core/placement.h"

#include <string.h>

#define SHARE_UNIT 1000000u

static bool list_has(const struct string_list *list, const char *text)
{
    for (size_t i = 0; i < list->count; i++) {
        if (!strcmp(list->item[i], text))
            return true;
    }
    return false;
}

/* Whether the host is of the kind that was asked for, full or not. */
static bool suits(const struct node *node, const struct place_request *request)
{
    if (request->region && strcmp(request->region, node->facts.region))
        return false;
    if (request->runtime && !list_has(&node->facts.runtimes, request->runtime))
        return false;
    if ((node->facts.enforces & request->enforce) != request->enforce)
        return false;
    for (size_t i = 0; i < request->labels.count; i++) {
        if (!list_has(&node->facts.labels, request->labels.item[i]))
            return false;
    }
    return true;
}

/* The share of capacity after taking more, in millionths; above SHARE_UNIT where it does not fit. */
static uint64_t share(uint64_t reserved, uint64_t more, uint64_t capacity)
{
    if (more > capacity || reserved > capacity - more)
        return SHARE_UNIT + 1;
    return capacity ? (uint64_t)((double)(reserved + more) / (double)capacity * SHARE_UNIT) : 0;
}

static uint64_t fullness(const struct node *node, const struct sandbox_limits *limits)
{
    const struct node_resources *held = &node->reserved, *all = &node->facts.capacity;
    const uint64_t shares[] = {
        share(held->memory_bytes, limits->memory_bytes, all->memory_bytes),
        share(held->cpu_millis, limits->cpu_millis, all->cpu_millis),
        share(held->storage_bytes, limits->storage_bytes, all->storage_bytes),
        share(held->sandboxes, 1, all->sandboxes),
    };
    uint64_t largest = 0;
    for (size_t i = 0; i < ARRAY_LEN(shares); i++) {
        if (shares[i] > largest)
            largest = shares[i];
    }
    return largest;
}

struct node *place(const struct node_table *nodes, const struct place_request *request, struct err *e)
{
    struct node *best = NULL;
    uint64_t best_fullness = SHARE_UNIT + 1;
    size_t ready = 0, suitable = 0;
    for (size_t i = 0; i < nodes->count; i++) {
        struct node *node = nodes->item[i];
        if (node_state(node) != NODE_READY)
            continue;
        ready++;
        if (!suits(node, request))
            continue;
        suitable++;
        uint64_t full = fullness(node, &request->limits);
        if (full < best_fullness) {
            best = node;
            best_fullness = full;
        }
    }
    if (best)
        return best;
    if (!ready)
        (void)err_set(e, ERR_NO_CAPACITY, "no host is ready; try again when one has joined");
    else if (!suitable)
        (void)err_set(e, ERR_NO_CAPACITY,
                      "no ready host has the region, labels or runtime that were asked for");
    else
        (void)err_set(e, ERR_NO_CAPACITY,
                      "no host has enough memory, CPU and disk left; try again later or ask for less");
    return NULL;
}
