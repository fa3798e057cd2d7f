/* The system as a whole: GET /sandbox/system/stats. */
#include "controller/ops/ops.h"

#include "common/base/json_text.h"
#include "common/base/mem.h"
#include "controller/db/db_node.h"

#include <stdlib.h>

struct stats_call {
    struct controller *controller;
    struct api_call *call;
};

static void add_refusals(struct json_text *json, const struct api_stats *api)
{
    json_text_object(json, "refusals_by_code");
    for (int i = 1; i < ERR_INDEX_COUNT; i++) {
        if (api->refused[i])
            json_text_num(json, err_name(-i), api->refused[i]);
    }
    json_text_end(json);
}

static void add_percentile(struct json_text *json, const char *name, const struct rates *rates, uint32_t ms)
{
    if (rates->starts)
        json_text_num(json, name, ms);
    else
        json_text_null(json, name);
}

static void add_rates(struct json_text *json, const struct rates *rates, const struct api_stats *api)
{
    struct rates_view view;
    rates_view(rates, loop_now_ms(), &view);
    json_text_object(json, "rates");
    json_text_num(json, "creates_per_minute", view.creates_per_minute);
    add_refusals(json, api);
    json_text_object(json, "start_ms");
    add_percentile(json, "p50", rates, view.p50_ms);
    add_percentile(json, "p95", rates, view.p95_ms);
    add_percentile(json, "p99", rates, view.p99_ms);
    json_text_end(json);
    json_text_end(json);
}

static void add_used(struct json_text *json, const struct node_resources *used)
{
    json_text_object(json, "used");
    node_resources_json(json, used);
    json_text_end(json);
}

static void add_database(struct json_text *json, const struct db_pool_stats *pool, int schema_version)
{
    json_text_object(json, "database");
    json_text_object(json, "pool");
    json_text_num(json, "connections", pool->connections);
    json_text_num(json, "up", pool->up);
    json_text_num(json, "in_flight", pool->in_flight);
    json_text_end(json);
    json_text_real(json, "latency_ms", pool->latency_ms, 3);
    json_text_int(json, "schema_version", schema_version);
    json_text_end(json);
}

static void add_warm(struct json_text *json, const struct warm_stats *warm)
{
    json_text_object(json, "warm");
    json_text_num(json, "ready", warm->ready);
    json_text_num(json, "making", warm->making);
    json_text_num(json, "taken", warm->taken);
    json_text_num(json, "fallbacks", warm->fallbacks);
    json_text_object(json, "misses");
    for (int i = 0; i < WARM_MISS_COUNT; i++)
        json_text_num(json, warm_miss_name((enum warm_miss)i), warm->misses[i]);
    json_text_end(json);
    json_text_end(json);
}

struct starts_waiting {
    uint64_t count, longest_ms;
};

static void add_waiting(void *arg, const char *node, uint64_t starts, uint64_t longest_ms)
{
    struct starts_waiting *all = arg;
    all->count += starts;
    if (longest_ms > all->longest_ms)
        all->longest_ms = longest_ms;
}

static void add_queues(struct json_text *json, const struct controller *c, const struct db_pool_stats *pool)
{
    struct starts_waiting starts = {0};
    leader_waiting(c->leader, add_waiting, &starts);
    json_text_object(json, "queues");
    json_text_num(json, "waiters", waiters_count(leader_waiters(c->leader)));
    json_text_num(json, "database", pool->waiting);
    json_text_num(json, "starts", starts.count);
    json_text_num(json, "starts_longest_ms", starts.longest_ms);
    json_text_end(json);
}

static void add_stats(struct json_text *json, const struct controller *c, const struct db_system_stats *s)
{
    struct db_pool_stats pool = db_pool_stats(c->pool);
    struct api_stats api = api_stats(c->api);
    struct node_resources used = stats_use(leader_stats(c->leader));
    struct warm_stats warm = leader_warm_stats(c->leader);
    json_text_object(json, NULL);
    json_text_raw(json, "sandboxes", s->sandboxes);
    json_text_raw(json, "nodes", s->nodes);
    json_text_raw(json, "capacity", s->capacity);
    json_text_raw(json, "reserved", s->reserved);
    add_used(json, &used);
    add_rates(json, &c->rates, &api);
    add_warm(json, &warm);
    json_text_raw(json, "leader", s->leader ? s->leader : "null");
    add_queues(json, c, &pool);
    add_database(json, &pool, s->schema_version);
    json_text_object(json, "connections");
    json_text_num(json, "http", api.connections);
    json_text_num(json, "websocket", websockets_count(c->websockets));
    json_text_num(json, "ports", port_server_connections(c->ports));
    json_text_num(json, "nodes", leader_link_stats(c->leader).sessions);
    json_text_end(json);
    json_text_num(json, "uptime_seconds", (loop_now_ms() - c->started_ms) / 1000);
    json_text_end(json);
}

static void on_system_stats(void *arg, int code, const struct err *e, const struct db_system_stats *s)
{
    struct stats_call sc = *(struct stats_call *)arg;
    struct json_text json = {0};
    free(arg);
    if (code) {
        api_answer_err(sc.call, e);
        return;
    }
    add_stats(&json, sc.controller, s);
    api_answer_json(sc.call, 200, NULL, json.text.data);
    json_text_fini(&json);
}

void ops_system_stats(void *owner, struct api_call *call)
{
    struct controller *c = owner;
    struct stats_call *sc = mem_zalloc(sizeof *sc);
    *sc = (struct stats_call){c, call};
    db_system_stats(c->pool, c->defaults.max_total_sandboxes, on_system_stats, sc);
}
