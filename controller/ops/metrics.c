/* The system as a whole: GET /sandbox/system/stats, and GET /metrics in Prometheus' text format 0.0.4. */
#include "controller/ops/ops.h"

#include "common/base/json_text.h"
#include "common/base/mem.h"
#include "controller/db/db_node.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* --- system stats --- */

struct stats_call {
    struct controller *controller;
    struct api_call *call;
};

static void add_use(void *arg, const struct sample *s)
{
    stats_add_use(arg, s);
}

static struct node_resources use_of(const struct controller *c)
{
    struct node_resources used = {0};
    stats_each(leader_stats(c->leader), add_use, &used);
    return used;
}

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
    json_text_num(json, "memory_bytes", used->memory_bytes);
    json_text_num(json, "cpu_millis", used->cpu_millis);
    json_text_num(json, "storage_bytes", used->storage_bytes);
    json_text_num(json, "sandboxes", used->sandboxes);
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

static void add_stats(struct json_text *json, const struct controller *c, const struct db_system_stats *s)
{
    struct db_pool_stats pool = db_pool_stats(c->pool);
    struct api_stats api = api_stats(c->api);
    struct node_resources used = use_of(c);
    json_text_object(json, NULL);
    json_text_raw(json, "sandboxes", s->sandboxes);
    json_text_raw(json, "nodes", s->nodes);
    json_text_raw(json, "capacity", s->capacity);
    json_text_raw(json, "reserved", s->reserved);
    add_used(json, &used);
    add_rates(json, &c->rates, &api);
    json_text_raw(json, "leader", s->leader ? s->leader : "null");
    json_text_object(json, "queues");
    json_text_num(json, "waiters", waiters_count(leader_waiters(c->leader)));
    json_text_num(json, "database", pool.waiting);
    json_text_end(json);
    add_database(json, &pool, s->schema_version);
    json_text_object(json, "connections");
    json_text_num(json, "http", api.connections);
    json_text_num(json, "websocket", websockets_count(c->websockets));
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

/* --- metrics --- */

static void head(FILE *out, const char *name, const char *type, const char *help)
{
    fprintf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void one(FILE *out, const char *name, const char *type, const char *help, double value)
{
    head(out, name, type, help);
    fprintf(out, "%s %.17g\n", name, value);
}

static void print_nodes(FILE *out, const struct controller *c)
{
    const struct cluster_state *cluster = leader_state(c->leader);
    size_t states[SANDBOX_STATE_COUNT] = {0}, nodes[NODE_UNHEALTHY + 1] = {0};
    if (cluster) {
        cluster_state_by_state(cluster, states);
        for (size_t i = 0; i < cluster_state_nodes(cluster)->count; i++)
            nodes[node_state(cluster_state_nodes(cluster)->item[i])]++;
    }
    one(out, "corral_leader", "gauge", "Whether this controller leads.", leader_ready(c->leader));
    head(out, "corral_sandboxes", "gauge", "Live sandboxes by state.");
    for (int i = 0; i < SANDBOX_STATE_COUNT; i++) {
        if (!sandbox_state_terminal((enum sandbox_state)i))
            fprintf(out, "corral_sandboxes{state=\"%s\"} %zu\n", sandbox_state_name((enum sandbox_state)i),
                    states[i]);
    }
    head(out, "corral_nodes", "gauge", "Nodes by state.");
    for (int i = 0; i <= NODE_UNHEALTHY; i++)
        fprintf(out, "corral_nodes{state=\"%s\"} %zu\n", node_state_name((enum node_state)i), nodes[i]);
}

static void print_node_dropped(void *arg, const char *node, uint64_t samples, uint64_t violations,
                               uint64_t logs)
{
    FILE *out = arg;
    fprintf(out, "corral_node_dropped_total{node=\"%s\",kind=\"sample\"} %" PRIu64 "\n", node, samples);
    fprintf(out, "corral_node_dropped_total{node=\"%s\",kind=\"violation\"} %" PRIu64 "\n", node, violations);
}

static void print_node_logs(void *arg, const char *node, uint64_t samples, uint64_t violations, uint64_t logs)
{
    fprintf(arg, "corral_node_logs_lost_total{node=\"%s\"} %" PRIu64 "\n", node, logs);
}

static void print_dropped(FILE *out, const struct controller *c)
{
    head(out, "corral_node_dropped_total", "counter",
         "Items that a node had to drop before they could be sent: it was disconnected for too long.");
    leader_dropped(c->leader, print_node_dropped, out);
    head(out, "corral_node_logs_lost_total", "counter",
         "Logs of sandboxes that a node could not keep at their end, since its agent was started.");
    leader_dropped(c->leader, print_node_logs, out);
    struct leader_refused refused = leader_refused(c->leader);
    head(out, "corral_history_refused_total", "counter",
         "Items from nodes that the database refused: of other nodes' sandboxes, too old, or invalid.");
    fprintf(out, "corral_history_refused_total{kind=\"sample\"} %" PRIu64 "\n", refused.samples);
    fprintf(out, "corral_history_refused_total{kind=\"violation\"} %" PRIu64 "\n", refused.violations);
}

static void print_link(FILE *out, const struct controller *c)
{
    struct node_link_stats link = leader_link_stats(c->leader);
    one(out, "corral_node_sessions", "gauge", "Nodes in session.", (double)link.sessions);
    one(out, "corral_node_handshakes_total", "counter", "Sessions that nodes began.",
        (double)link.handshakes);
    one(out, "corral_node_refused_total", "counter", "Messages from nodes that were refused.",
        (double)link.refused);
    one(out, "corral_node_messages_total", "counter", "Messages of nodes.", (double)link.messages_in);
    one(out, "corral_node_messages_bad_total", "counter", "Messages from nodes that do not parse.",
        (double)link.messages_bad);
    one(out, "corral_node_items_bad_total", "counter", "Items in messages from nodes that broke a bound.",
        (double)link.items_bad);
    one(out, "corral_node_items_untold_total", "counter",
        "Items that nodes left out, since they do not fit the protocol.", (double)link.items_untold);
}

static void print_clock(FILE *out, const struct controller *c)
{
    struct leader_steps steps = leader_steps(c->leader);
    one(out, "corral_clock_steps_total", "counter", "How often PostgreSQL's clock was set since the start.",
        (double)steps.count);
    one(out, "corral_clock_step_seconds", "gauge", "The latest step of PostgreSQL's clock.",
        (double)steps.last_ms / 1000);
    one(out, "corral_clock_offset_seconds", "gauge",
        "PostgreSQL's clock, which all stored times use, minus this machine's.",
        ((double)leader_wall_ms(c->leader) - (double)wall_now_ms()) / 1000);
}

static void print_use(FILE *out, const struct controller *c)
{
    struct node_resources used = use_of(c);
    one(out, "corral_used_memory_bytes", "gauge", "Memory that sandboxes use.", (double)used.memory_bytes);
    one(out, "corral_used_cpu_cores", "gauge", "Processors that sandboxes use.",
        (double)used.cpu_millis / 1000);
    one(out, "corral_used_storage_bytes", "gauge", "Disk that sandboxes use.", (double)used.storage_bytes);
}

static void print_starts(FILE *out, const struct controller *c)
{
    const struct rates *rates = &c->rates;
    struct rates_view view;
    rates_view(rates, loop_now_ms(), &view);
    one(out, "corral_sandboxes_created_total", "counter", "Sandboxes that were admitted.",
        (double)rates->creates);
    head(out, "corral_sandbox_start_seconds", "summary",
         "Time from a create request until its sandbox runs.");
    fprintf(out, "corral_sandbox_start_seconds{quantile=\"0.5\"} %g\n", view.p50_ms / 1000.0);
    fprintf(out, "corral_sandbox_start_seconds{quantile=\"0.95\"} %g\n", view.p95_ms / 1000.0);
    fprintf(out, "corral_sandbox_start_seconds{quantile=\"0.99\"} %g\n", view.p99_ms / 1000.0);
    fprintf(out, "corral_sandbox_start_seconds_sum %.17g\n", (double)rates->start_ms_sum / 1000);
    fprintf(out, "corral_sandbox_start_seconds_count %" PRIu64 "\n", rates->ran);
}

static void print_node_port(FILE *out, const struct controller *c)
{
    struct msglink_stats port = leader_link_stats(c->leader).port;
    head(out, "corral_node_port_connections", "gauge",
         "Connections to the node port: handshake under way, or established.");
    fprintf(out, "corral_node_port_connections{state=\"opening\"} %u\n", port.opening);
    fprintf(out, "corral_node_port_connections{state=\"standing\"} %u\n", port.standing);
    one(out, "corral_node_port_accepted_total", "counter", "Connections that the node port accepted.",
        (double)port.accepted);
    head(out, "corral_node_port_ended_total", "counter",
         "Connections that the node port closed before they were established, by cause.");
    fprintf(out, "corral_node_port_ended_total{why=\"refused\"} %" PRIu64 "\n", port.refused);
    fprintf(out, "corral_node_port_ended_total{why=\"time\"} %" PRIu64 "\n", port.over);
    fprintf(out, "corral_node_port_ended_total{why=\"room\"} %" PRIu64 "\n", port.room);
}

static void print_http(FILE *out, const struct controller *c)
{
    struct api_stats api = api_stats(c->api);
    one(out, "corral_http_connections", "gauge", "Open HTTP connections.", api.connections);
    one(out, "corral_websocket_connections", "gauge", "Open WebSockets.", websockets_count(c->websockets));
    head(out, "corral_http_answers_total", "counter", "Answers by the class of their status.");
    for (int i = 2; i <= 5; i++)
        fprintf(out, "corral_http_answers_total{class=\"%dxx\"} %" PRIu64 "\n", i, api.answered[i]);
    head(out, "corral_http_refusals_total", "counter", "Refused requests by code.");
    for (int i = 1; i < ERR_INDEX_COUNT; i++) {
        if (api.refused[i])
            fprintf(out, "corral_http_refusals_total{code=\"%s\"} %" PRIu64 "\n", err_name(-i),
                    api.refused[i]);
    }
}

static void print_database(FILE *out, const struct controller *c)
{
    struct db_pool_stats pool = db_pool_stats(c->pool);
    one(out, "corral_database_connections_up", "gauge", "Usable connections to PostgreSQL.", pool.up);
    one(out, "corral_database_requests_waiting", "gauge", "Requests that wait for a connection.",
        pool.waiting);
    one(out, "corral_key_lookups_total", "counter", "Look-ups of API keys in PostgreSQL.",
        (double)api_stats(c->api).key_lookups);
    one(out, "corral_database_requests_total", "counter", "Requests to PostgreSQL.", (double)pool.requests);
    one(out, "corral_database_failures_total", "counter", "Requests to PostgreSQL that failed.",
        (double)pool.failures);
    one(out, "corral_database_latency_seconds", "gauge", "Moving average of a request's time.",
        pool.latency_ms / 1000);
}

static void print_activity(FILE *out, const struct controller *c)
{
    struct db_activity_stats activity = db_activity_stats(c->activity);
    one(out, "corral_activity_stored_total", "counter", "Acts inside sandboxes that were recorded.",
        (double)activity.stored);
    one(out, "corral_activity_dropped_total", "counter",
        "Acts inside sandboxes that were not recorded, because too many waited or the database refused them.",
        (double)activity.dropped);
    one(out, "corral_activity_waiting", "gauge", "Acts inside sandboxes that wait to be recorded.",
        activity.waiting);
}

static void print_cleanups(FILE *out, const struct controller *c)
{
    const struct cleanup_counts *cleaned = leader_cleaned(c->leader);
    head(out, "corral_cleanup_removed_total", "counter", "What cleanups removed, by kind.");
    for (int i = 0; i < CLEANUP_KIND_COUNT; i++)
        fprintf(out, "corral_cleanup_removed_total{kind=\"%s\"} %" PRIu64 "\n",
                cleanup_kind_name((enum cleanup_kind)i), cleaned->removed[i]);
}

static void print_upkeep(FILE *out, const struct controller *c)
{
    const struct db_upkeep_step *step = db_upkeep_steps(c->upkeep);
    head(out, "corral_upkeep_overdue_seconds", "gauge",
         "How long the oldest row to be removed has been past its term (partitions: how much is missing "
         "ahead).");
    for (size_t i = 0; i < DB_UPKEEP_STEPS; i++)
        fprintf(out, "corral_upkeep_overdue_seconds{step=\"%s\"} %" PRIu64 "\n", step[i].name,
                step[i].overdue_seconds);
    head(out, "corral_upkeep_removed_total", "counter",
         "Rows removed (samples: days removed; partitions: days created).");
    for (size_t i = 0; i < DB_UPKEEP_STEPS; i++)
        fprintf(out, "corral_upkeep_removed_total{step=\"%s\"} %" PRIu64 "\n", step[i].name, step[i].removed);
    head(out, "corral_upkeep_failures_total", "counter", "Calls of a step that failed.");
    for (size_t i = 0; i < DB_UPKEEP_STEPS; i++)
        fprintf(out, "corral_upkeep_failures_total{step=\"%s\"} %" PRIu64 "\n", step[i].name,
                step[i].failures);
    one(out, "corral_upkeep_held_seconds", "gauge",
        "How long removal is held back because PostgreSQL's clock jumped forward.",
        (double)db_upkeep_held_seconds(c->upkeep));
    one(out, "corral_upkeep_age_seconds", "gauge", "Time since the last complete round of upkeep.",
        (double)db_upkeep_age_seconds(c->upkeep));
}

static void print_process(FILE *out, const struct controller *c)
{
    long pages = 0, resident = 0;
    FILE *statm = fopen("/proc/self/statm", "re");
    if (statm) {
        if (fscanf(statm, "%ld %ld", &pages, &resident) != 2)
            resident = 0;
        fclose(statm);
    }
    one(out, "process_resident_memory_bytes", "gauge", "Resident memory of the controller.",
        (double)resident * (double)sysconf(_SC_PAGESIZE));
    one(out, "process_start_time_seconds", "gauge", "When the controller was started, in Unix time.",
        (double)(wall_now_ms() - (loop_now_ms() - c->started_ms)) / 1000);
}

void ops_metrics(void *owner, struct api_call *call)
{
    static void (*const parts[])(FILE *, const struct controller *) = {
        print_nodes,  print_link,      print_dropped,  print_use,      print_starts,
        print_http,   print_node_port, print_database, print_activity, print_cleanups,
        print_upkeep, print_clock,     print_process};
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);
    for (size_t i = 0; i < ARRAY_LEN(parts); i++)
        parts[i](out, owner);
    fclose(out);
    api_answer_text(call, 200, "text/plain; version=0.0.4; charset=utf-8", text);
    free(text);
}
