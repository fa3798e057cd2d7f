#include "controller/core/system_sample.h"

#include "common/base/defs.h"
#include "common/base/mem.h"

#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#define NAME_MAX_BYTES 63 /* of a node, a region or a tier */

struct row_key {
    enum system_kind kind;
    char name[NAME_MAX_BYTES + 1];
};

struct system_row {
    struct row_key key;
    bool present; /* it has gauges of the last reading */
    uint64_t gauge[SYSTEM_GAUGE_COUNT];
    uint64_t creates;
    struct histogram starts;
    uint64_t refused[ERR_INDEX_COUNT];
    bool counted, any_refused;
    UT_hash_handle hh;
};

struct system_sample {
    struct system_row *head;
    size_t names[SYSTEM_KIND_COUNT];
};

/* --- rows --- */

static struct row_key key_of(enum system_kind kind, const char *name)
{
    struct row_key key;
    memset(&key, 0, sizeof key); /* it is compared with its padding */
    key.kind = kind;
    strncpy(key.name, name, NAME_MAX_BYTES);
    return key;
}

static struct system_row *find(const struct system_sample *sample, enum system_kind kind, const char *name)
{
    struct row_key key = key_of(kind, name);
    struct system_row *row;
    HASH_FIND(hh, sample->head, &key, sizeof key, row);
    return row;
}

/* NULL where the name is missing, or there are too many. */
static struct system_row *row_of(struct system_sample *sample, enum system_kind kind, const char *name)
{
    if (!name || (!name[0] && kind != SYSTEM_WHOLE))
        return NULL;
    struct system_row *row = find(sample, kind, name);
    if (row || sample->names[kind] >= SYSTEM_NAMES_MAX)
        return row;
    row = mem_zalloc(sizeof *row);
    row->key = key_of(kind, name);
    sample->names[kind]++;
    HASH_ADD(hh, sample->head, key, sizeof row->key, row);
    return row;
}

struct system_sample *system_sample_new(void)
{
    return mem_zalloc(sizeof(struct system_sample));
}

static void drop(struct system_sample *sample, struct system_row *row)
{
    sample->names[row->key.kind]--;
    HASH_DEL(sample->head, row);
    free(row);
}

void system_sample_free(struct system_sample *sample)
{
    struct system_row *row, *next;
    if (!sample)
        return;
    HASH_ITER(hh, sample->head, row, next)
    {
        drop(sample, row);
    }
    free(sample);
}

/* The rows in which something at this place counts. Those that are missing are NULL. */
static void rows_at(struct system_sample *sample, const struct system_place *place,
                    struct system_row *rows[static SYSTEM_KIND_COUNT])
{
    rows[SYSTEM_WHOLE] = row_of(sample, SYSTEM_WHOLE, "");
    rows[SYSTEM_NODE] = row_of(sample, SYSTEM_NODE, place->node);
    rows[SYSTEM_REGION] = row_of(sample, SYSTEM_REGION, place->region);
    rows[SYSTEM_TIER] = row_of(sample, SYSTEM_TIER, place->tier);
}

/* --- what is counted --- */

void system_sample_created(struct system_sample *sample, const struct system_place *place)
{
    struct system_row *rows[SYSTEM_KIND_COUNT];
    rows_at(sample, place, rows);
    for (unsigned i = 0; i < SYSTEM_KIND_COUNT; i++) {
        if (!rows[i])
            continue;
        rows[i]->creates++;
        rows[i]->counted = true;
    }
}

void system_sample_started(struct system_sample *sample, const struct system_place *place, uint64_t took_ms)
{
    struct system_row *rows[SYSTEM_KIND_COUNT];
    uint64_t ms = took_ms < UINT32_MAX ? took_ms : UINT32_MAX;
    rows_at(sample, place, rows);
    for (unsigned i = 0; i < SYSTEM_KIND_COUNT; i++) {
        if (!rows[i])
            continue;
        histogram_add(&rows[i]->starts, &starts_bounds, ms * 1000);
        rows[i]->counted = true;
    }
}

void system_sample_refused(struct system_sample *sample, const char *tier, int code)
{
    struct system_row *rows[] = {row_of(sample, SYSTEM_WHOLE, ""), row_of(sample, SYSTEM_TIER, tier)};
    if (code >= 0 || -code >= ERR_INDEX_COUNT)
        return;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (!rows[i])
            continue;
        rows[i]->refused[-code]++;
        rows[i]->counted = rows[i]->any_refused = true;
    }
}

/* --- gauges --- */

static const enum system_gauge of_state[SANDBOX_STATE_COUNT] = {
    [SANDBOX_PENDING] = GAUGE_PENDING, [SANDBOX_STARTING] = GAUGE_STARTING, [SANDBOX_RUNNING] = GAUGE_RUNNING,
    [SANDBOX_PAUSED] = GAUGE_PAUSED,   [SANDBOX_STOPPING] = GAUGE_STOPPING, [SANDBOX_LOST] = GAUGE_LOST};

static const enum system_gauge of_node_state[] = {[NODE_READY] = GAUGE_NODES_READY,
                                                  [NODE_CORDONED] = GAUGE_NODES_CORDONED,
                                                  [NODE_DRAINING] = GAUGE_NODES_DRAINING,
                                                  [NODE_UNREACHABLE] = GAUGE_NODES_UNREACHABLE,
                                                  [NODE_UNHEALTHY] = GAUGE_NODES_UNHEALTHY};

/* A row that the reading before did not have begins at 0, but for figures that its kind does not have. */
static void begin(struct system_row *row)
{
    if (!row || row->present)
        return;
    memset(row->gauge, 0, sizeof row->gauge);
    row->present = true;
    for (unsigned g = 0; g < SYSTEM_GAUGE_COUNT; g++) {
        bool of_tier = row->key.kind == SYSTEM_TIER, whole = row->key.kind == SYSTEM_WHOLE;
        bool capacity = g <= GAUGE_CAPACITY_SANDBOXES,
             nodes = g >= GAUGE_NODES_READY && g < GAUGE_QUEUE_STARTS;
        bool node_queue = g == GAUGE_QUEUE_STARTS || g == GAUGE_QUEUE_STARTS_LONGEST;
        if ((of_tier && (capacity || nodes)) ||
            (g >= GAUGE_QUEUE_STARTS && !whole && !(node_queue && row->key.kind == SYSTEM_NODE)))
            row->gauge[g] = SYSTEM_NO_FIGURE;
    }
}

/* A sum stops at STATS_SUM_MAX, whatever a node reports. */
static void add(struct system_row *row, enum system_gauge gauge, uint64_t more)
{
    uint64_t *sum = &row->gauge[gauge];
    *sum = more < STATS_SUM_MAX - *sum ? *sum + more : STATS_SUM_MAX;
}

static void add_resources(struct system_row *row, enum system_gauge first, const struct node_resources *r)
{
    add(row, first, r->memory_bytes);
    add(row, first + 1, r->cpu_millis);
    add(row, first + 2, r->storage_bytes);
    add(row, first + 3, r->sandboxes);
}

struct reading {
    struct system_sample *sample;
    const struct stats *stats;
    uint64_t now;
};

static void read_sandbox(void *arg, const struct cluster_state_live *live)
{
    const struct reading *r = arg;
    const struct system_place place = {live->node, live->region, live->tier};
    struct node_resources reserved = {.memory_bytes = live->limits->memory_bytes,
                                      .cpu_millis = live->limits->cpu_millis,
                                      .storage_bytes = live->limits->storage_bytes,
                                      .sandboxes = 1},
                          used = {0};
    struct system_row *rows[SYSTEM_KIND_COUNT];
    struct sample figures;
    if (stats_find(r->stats, r->now, live->id, &figures))
        stats_add_use(&used, &figures);
    rows_at(r->sample, &place, rows);
    for (unsigned i = 0; i < SYSTEM_KIND_COUNT; i++) {
        if (!rows[i])
            continue;
        begin(rows[i]);
        add_resources(rows[i], GAUGE_RESERVED_MEMORY, &reserved);
        add_resources(rows[i], GAUGE_USED_MEMORY, &used);
        if (!sandbox_state_terminal(live->state))
            add(rows[i], of_state[live->state], 1);
    }
}

/* The capacity of a node counts until it is declared silent. */
static void read_node(struct system_sample *sample, const struct node *node)
{
    const struct system_place place = {node->facts.name, node->facts.region, NULL};
    struct system_row *rows[SYSTEM_KIND_COUNT];
    rows_at(sample, &place, rows);
    for (unsigned i = 0; i < SYSTEM_KIND_COUNT; i++) {
        if (!rows[i])
            continue;
        begin(rows[i]);
        if (!node->gone)
            add_resources(rows[i], GAUGE_CAPACITY_MEMORY, &node->facts.capacity);
        add(rows[i], of_node_state[node_state(node)], 1);
    }
}

/* Rows that have nothing to count any more go: of nodes that were removed, of tiers without a sandbox. */
static void forget(struct system_sample *sample)
{
    struct system_row *row, *next;
    HASH_ITER(hh, sample->head, row, next)
    {
        row->present = false;
        if (!row->counted)
            drop(sample, row);
    }
}

void system_sample_read(struct system_sample *sample, const struct cluster_state *cluster,
                        const struct stats *stats, uint64_t now)
{
    struct reading r = {sample, stats, now};
    const struct node_table *nodes = cluster_state_nodes(cluster);
    forget(sample);
    begin(row_of(sample, SYSTEM_WHOLE, ""));
    for (size_t i = 0; i < nodes->count; i++)
        read_node(sample, nodes->item[i]);
    cluster_state_each(cluster, read_sandbox, &r);
}

void system_sample_starts_waiting(struct system_sample *sample, const char *node, uint64_t starts,
                                  uint64_t longest_ms)
{
    struct system_row *rows[] = {row_of(sample, SYSTEM_WHOLE, ""), find(sample, SYSTEM_NODE, node)};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (!rows[i] || !rows[i]->present)
            continue;
        add(rows[i], GAUGE_QUEUE_STARTS, starts);
        uint64_t *longest = &rows[i]->gauge[GAUGE_QUEUE_STARTS_LONGEST];
        if (longest_ms > *longest)
            *longest = longest_ms < STATS_SUM_MAX ? longest_ms : STATS_SUM_MAX;
    }
}

void system_sample_queues(struct system_sample *sample, uint64_t creates, uint64_t waiters, uint64_t database)
{
    struct system_row *row = row_of(sample, SYSTEM_WHOLE, "");
    row->gauge[GAUGE_QUEUE_CREATES] = creates;
    row->gauge[GAUGE_QUEUE_WAITERS] = waiters;
    row->gauge[GAUGE_QUEUE_DATABASE] = database;
}

uint64_t system_sample_gauge(const struct system_sample *sample, enum system_kind kind, const char *name,
                             enum system_gauge gauge)
{
    const struct system_row *row = find(sample, kind, name);
    return row && row->present ? row->gauge[gauge] : SYSTEM_NO_FIGURE;
}

/* --- JSON --- */

static void put_gauges(struct json_text *json, const struct system_row *row)
{
    json_text_array(json, "gauges");
    for (unsigned g = 0; g < SYSTEM_GAUGE_COUNT; g++) {
        if (!row->present || row->gauge[g] == SYSTEM_NO_FIGURE)
            json_text_null(json, NULL);
        else
            json_text_num(json, NULL, row->gauge[g]);
    }
    json_text_end(json);
}

static void put_counts(struct json_text *json, const struct system_row *row)
{
    json_text_num(json, "creates", row->creates);
    json_text_num(json, "start_ms", row->starts.sum_us / 1000);
    if (row->starts.count) {
        json_text_array(json, "starts");
        for (size_t i = 0; i <= histogram_bound_count(&starts_bounds); i++)
            json_text_num(json, NULL, row->starts.in[i]);
        json_text_end(json);
    }
    if (!row->any_refused)
        return;
    json_text_object(json, "refusals");
    for (int code = 1; code < ERR_INDEX_COUNT; code++) {
        if (row->refused[code])
            json_text_num(json, err_name(-code), row->refused[code]);
    }
    json_text_end(json);
}

static void count_again(struct system_row *row)
{
    row->creates = 0;
    row->starts = (struct histogram){.count = 0};
    memset(row->refused, 0, sizeof row->refused);
    row->counted = row->any_refused = false;
}

void system_sample_take(struct system_sample *sample, struct json_text *json)
{
    static const char *const kinds[] = {"system", "node", "region", "tier"};
    struct system_row *row, *next;
    json_text_array(json, NULL);
    HASH_ITER(hh, sample->head, row, next)
    {
        json_text_object(json, NULL);
        json_text_str(json, "kind", kinds[row->key.kind]);
        json_text_str(json, "name", row->key.name);
        put_gauges(json, row);
        put_counts(json, row);
        json_text_end(json);
        count_again(row);
    }
    json_text_end(json);
}
