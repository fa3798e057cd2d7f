#include "controller/core/placement.h"

#include "common/base/mem.h"

#include <stdlib.h>
#include <string.h>

#define SHARE_UNIT 1000000u

struct place_request *place_request_copy(const struct place_request *request)
{
    struct place_request *copy = mem_zalloc(sizeof *copy);
    copy->limits = request->limits;
    copy->enforce = request->enforce;
    copy->region = request->region ? mem_strdup(request->region) : NULL;
    copy->runtime = request->runtime ? mem_strdup(request->runtime) : NULL;
    for (size_t i = 0; i < request->labels.count; i++)
        string_list_add(&copy->labels, request->labels.item[i]);
    return copy;
}

void place_request_free(struct place_request *request)
{
    if (!request)
        return;
    string_list_fini(&request->labels);
    free((void *)(uintptr_t)request->region);
    free((void *)(uintptr_t)request->runtime);
    free(request);
}

static bool list_has(const struct string_list *list, const char *text)
{
    for (size_t i = 0; i < list->count; i++) {
        if (!strcmp(list->item[i], text))
            return true;
    }
    return false;
}

static bool has_runtime(const struct node *node, const char *runtime)
{
    return !runtime || list_has(&node->facts.runtimes, runtime);
}

static bool enforces(const struct node *node, const struct place_request *request)
{
    return (node->facts.enforces & request->enforce) == request->enforce;
}

/* Whether the node has what the request asks for, full or not. */
static bool suits(const struct node *node, const struct place_request *request)
{
    if (request->other_than && !strcmp(request->other_than, node->facts.name))
        return false;
    if (request->region && strcmp(request->region, node->facts.region))
        return false;
    if (!has_runtime(node, request->runtime))
        return false;
    for (size_t i = 0; i < request->labels.count; i++) {
        if (!list_has(&node->facts.labels, request->labels.item[i]))
            return false;
    }
    return true;
}

/* The share of capacity in use after taking `more`, in millionths; above SHARE_UNIT where it does not fit. */
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

/*
 * Whether any node, in session or not, may have the runtime. A node that has not connected since this
 * controller started may have it.
 */
static bool anybody_has(const struct node_table *nodes, const char *runtime)
{
    for (size_t i = 0; i < nodes->count; i++) {
        const struct node *node = nodes->item[i];
        if (has_runtime(node, runtime) || !node->facts.boot_id[0])
            return true;
    }
    return !nodes->count;
}

static void say_why(const struct node_table *nodes, const struct place_request *request, size_t ready,
                    size_t enforcing, size_t suitable, struct err *e)
{
    if (!anybody_has(nodes, request->runtime))
        (void)err_set(e, ERR_INVALID, "runtime: no node has %s", request->runtime);
    else if (!ready)
        (void)err_set(e, ERR_NO_CAPACITY, "no node is ready; try again when one has joined");
    else if (!enforcing)
        (void)err_set(
            e, ERR_NO_CAPACITY,
            "no ready node can enforce the limits of a sandbox; corral-agent doctor there says why");
    else if (!suitable)
        (void)err_set(e, ERR_NO_CAPACITY,
                      "no ready node has the region, labels or runtime that were asked for");
    else
        (void)err_set(e, ERR_NO_CAPACITY,
                      "no node has enough memory, CPU and disk left; try again later or ask for less");
}

bool place_takes(const struct node *node, const struct place_request *request, uint64_t *full)
{
    *full = fullness(node, &request->limits);
    return node_state(node) == NODE_READY && enforces(node, request) && suits(node, request) &&
           *full <= SHARE_UNIT;
}

struct node *place(const struct node_table *nodes, const struct place_request *request, struct err *e)
{
    struct node *best = NULL;
    uint64_t best_fullness = SHARE_UNIT + 1;
    size_t ready = 0, enforcing = 0, suitable = 0;
    for (size_t i = 0; i < nodes->count; i++) {
        struct node *node = nodes->item[i];
        if (node_state(node) != NODE_READY)
            continue;
        ready++;
        if (!enforces(node, request))
            continue;
        enforcing++;
        if (!suits(node, request))
            continue;
        suitable++;
        uint64_t full = fullness(node, &request->limits);
        if (full < best_fullness) {
            best = node;
            best_fullness = full;
        }
    }
    if (!best)
        say_why(nodes, request, ready, enforcing, suitable, e);
    return best;
}
