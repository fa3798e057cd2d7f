#include "controller/ops/metric_series.h"

#include "controller/core/starts.h"
#include "controller/ops/routes.h"
#include "controller/streams/stream_hub.h"

#include <stdio.h>
#include <unistd.h>

/* --- sandboxes and nodes --- */

void series_sandboxes(struct metric_text *out, const struct controller *c)
{
    const struct cluster_state *cluster = leader_state(c->leader);
    size_t states[SANDBOX_STATE_COUNT] = {0};
    if (cluster)
        cluster_state_by_state(cluster, states);
    for (int i = 0; i < SANDBOX_STATE_COUNT; i++) {
        if (!sandbox_state_terminal((enum sandbox_state)i))
            metric_text_put(out, (double)states[i], sandbox_state_name((enum sandbox_state)i), NULL);
    }
}

void series_nodes(struct metric_text *out, const struct controller *c)
{
    const struct cluster_state *cluster = leader_state(c->leader);
    size_t states[NODE_UNHEALTHY + 1] = {0};
    for (size_t i = 0; cluster && i < cluster_state_nodes(cluster)->count; i++)
        states[node_state(cluster_state_nodes(cluster)->item[i])]++;
    for (int i = 0; i <= NODE_UNHEALTHY; i++)
        metric_text_put(out, (double)states[i], node_state_name((enum node_state)i), NULL);
}

/* The resources of each node that has joined; none where this controller does not lead. */
static void put_nodes(struct metric_text *out, const struct controller *c,
                      double (*value)(const struct node *node))
{
    const struct cluster_state *cluster = leader_state(c->leader);
    for (size_t i = 0; cluster && i < cluster_state_nodes(cluster)->count; i++) {
        const struct node *node = cluster_state_nodes(cluster)->item[i];
        metric_text_put(out, value(node), node->facts.name, NULL);
    }
}

static double capacity_memory(const struct node *node)
{
    return (double)node->facts.capacity.memory_bytes;
}

void series_capacity_memory(struct metric_text *out, const struct controller *c)
{
    put_nodes(out, c, capacity_memory);
}

static double capacity_cpu(const struct node *node)
{
    return (double)node->facts.capacity.cpu_millis / 1000;
}

void series_capacity_cpu(struct metric_text *out, const struct controller *c)
{
    put_nodes(out, c, capacity_cpu);
}

static double capacity_storage(const struct node *node)
{
    return (double)node->facts.capacity.storage_bytes;
}

void series_capacity_storage(struct metric_text *out, const struct controller *c)
{
    put_nodes(out, c, capacity_storage);
}

static double reserved_memory(const struct node *node)
{
    return (double)node->reserved.memory_bytes;
}

void series_reserved_memory(struct metric_text *out, const struct controller *c)
{
    put_nodes(out, c, reserved_memory);
}

static double reserved_cpu(const struct node *node)
{
    return (double)node->reserved.cpu_millis / 1000;
}

void series_reserved_cpu(struct metric_text *out, const struct controller *c)
{
    put_nodes(out, c, reserved_cpu);
}

static double reserved_storage(const struct node *node)
{
    return (double)node->reserved.storage_bytes;
}

void series_reserved_storage(struct metric_text *out, const struct controller *c)
{
    put_nodes(out, c, reserved_storage);
}

static void put_dropped(void *arg, const char *node, uint64_t samples, uint64_t violations, uint64_t logs)
{
    metric_text_put(arg, (double)samples, node, "sample", NULL);
    metric_text_put(arg, (double)violations, node, "violation", NULL);
}

void series_node_dropped(struct metric_text *out, const struct controller *c)
{
    leader_dropped(c->leader, put_dropped, out);
}

static void put_logs_lost(void *arg, const char *node, uint64_t samples, uint64_t violations, uint64_t logs)
{
    metric_text_put(arg, (double)logs, node, NULL);
}

void series_node_logs_lost(struct metric_text *out, const struct controller *c)
{
    leader_dropped(c->leader, put_logs_lost, out);
}

void series_history_refused(struct metric_text *out, const struct controller *c)
{
    struct leader_refused refused = leader_refused(c->leader);
    metric_text_put(out, (double)refused.samples, "sample", NULL);
    metric_text_put(out, (double)refused.violations, "violation", NULL);
}

void series_node_port(struct metric_text *out, const struct controller *c)
{
    struct msglink_stats port = leader_link_stats(c->leader).port;
    metric_text_put(out, port.opening, "opening", NULL);
    metric_text_put(out, port.standing, "standing", NULL);
}

void series_node_port_ended(struct metric_text *out, const struct controller *c)
{
    struct msglink_stats port = leader_link_stats(c->leader).port;
    metric_text_put(out, (double)port.refused, "refused", NULL);
    metric_text_put(out, (double)port.over, "time", NULL);
    metric_text_put(out, (double)port.room, "room", NULL);
}

void series_node_messages(struct metric_text *out, const struct controller *c)
{
    metric_text_histogram(out, &node_link_bounds, leader_handling(c->leader), NULL);
}

void series_ended(struct metric_text *out, const struct controller *c)
{
    for (int i = 0; i < SANDBOX_REASON_COUNT; i++)
        metric_text_put(out, (double)leader_ended(c->leader, (enum sandbox_reason)i),
                        i == REASON_NONE ? "asked" : sandbox_reason_name((enum sandbox_reason)i), NULL);
}

/* --- starts --- */

void series_creates(struct metric_text *out, const struct controller *c)
{
    struct rates_view view;
    rates_view(&c->rates, loop_now_ms(), &view);
    metric_text_put(out, view.p50_ms / 1000.0, "0.5", NULL);
    metric_text_put(out, view.p95_ms / 1000.0, "0.95", NULL);
    metric_text_put(out, view.p99_ms / 1000.0, "0.99", NULL);
    metric_text_summary(out, (double)c->rates.start_ms_sum / 1000, c->rates.ran);
}

void series_starts(struct metric_text *out, const struct controller *c)
{
    for (unsigned i = 0; i < START_TIME_COUNT; i++)
        metric_text_histogram(out, &starts_bounds, starts_times(leader_starts(c->leader), (enum start_time)i),
                              start_time_name((enum start_time)i), NULL);
}

static void put_waiting(void *arg, const char *node, uint64_t starts, uint64_t longest_ms)
{
    metric_text_put(arg, (double)starts, node, NULL);
}

void series_starts_waiting(struct metric_text *out, const struct controller *c)
{
    leader_waiting(c->leader, put_waiting, out);
}

static void put_wait(void *arg, const char *node, uint64_t starts, uint64_t longest_ms)
{
    metric_text_put(arg, (double)longest_ms / 1000, node, NULL);
}

void series_starts_wait(struct metric_text *out, const struct controller *c)
{
    leader_waiting(c->leader, put_wait, out);
}

void series_warm(struct metric_text *out, const struct controller *c)
{
    struct warm_stats warm = leader_warm_stats(c->leader);
    metric_text_put(out, (double)warm.ready, "ready", NULL);
    metric_text_put(out, (double)warm.making, "making", NULL);
}

void series_warm_misses(struct metric_text *out, const struct controller *c)
{
    struct warm_stats warm = leader_warm_stats(c->leader);
    for (int i = 0; i < WARM_MISS_COUNT; i++)
        metric_text_put(out, (double)warm.misses[i], warm_miss_name((enum warm_miss)i), NULL);
}

void series_exec(struct metric_text *out, const struct controller *c)
{
    for (int i = 0; i < HUB_STARTS; i++)
        metric_text_histogram(out, &stream_hub_bounds,
                              stream_hub_starts(leader_streams(c->leader), (enum hub_start)i),
                              hub_start_name((enum hub_start)i), NULL);
}

/* --- the database --- */

void series_database(struct metric_text *out, const struct controller *c)
{
    const struct db_pool *pools[] = {c->pool, c->reads, c->key_pool};
    for (int i = 0; i < DB_CLASSES; i++) {
        struct histogram all = {0};
        for (size_t k = 0; k < ARRAY_LEN(pools); k++)
            histogram_merge(&all, db_pool_times(pools[k], (enum db_class)i));
        metric_text_histogram(out, &db_pool_bounds, &all, db_class_name((enum db_class)i), NULL);
    }
}

/* --- the REST interface --- */

static const char *const classes[] = {"", "1xx", "2xx", "3xx", "4xx", "5xx"};

void series_requests(struct metric_text *out, const struct controller *c)
{
    for (size_t route = 0; route <= ops_routes.count; route++) {
        char operation[API_OPERATION_MAX] = "none";
        if (route < ops_routes.count)
            api_route_operation(&ops_routes.route[route], operation);
        for (int class = 1; class < (int)ARRAY_LEN(classes); class ++) {
            const struct histogram *times = api_times(c->api, route, class);
            if (times)
                metric_text_histogram(out, &api_bounds, times, operation, classes[class], NULL);
        }
    }
}

void series_answers(struct metric_text *out, const struct controller *c)
{
    struct api_stats api = api_stats(c->api);
    for (size_t i = 2; i < ARRAY_LEN(classes); i++)
        metric_text_put(out, (double)api.answered[i], classes[i], NULL);
}

void series_refusals(struct metric_text *out, const struct controller *c)
{
    struct api_stats api = api_stats(c->api);
    for (int i = 1; i < ERR_INDEX_COUNT;
         i++) /* also those that were not: of a first one, rates see nothing */
        metric_text_put(out, (double)api.refused[i], err_name(-i), NULL);
}

/* --- images --- */

void series_image_pulls(struct metric_text *out, const struct controller *c)
{
    struct leader_pulls pulls = leader_pulls(c->leader);
    metric_text_put(out, (double)pulls.pulled, "pulled", NULL);
    metric_text_put(out, (double)pulls.failed, "failed", NULL);
}

static void put_held(void *arg, const char *node, uint64_t held, uint64_t pulling)
{
    metric_text_put(arg, (double)held, node, NULL);
}

void series_images(struct metric_text *out, const struct controller *c)
{
    leader_images_each(c->leader, put_held, out);
}

static void put_pulling(void *arg, const char *node, uint64_t held, uint64_t pulling)
{
    metric_text_put(arg, (double)pulling, node, NULL);
}

void series_images_pulling(struct metric_text *out, const struct controller *c)
{
    leader_images_each(c->leader, put_pulling, out);
}

/* --- webhooks --- */

void series_webhook_tries(struct metric_text *out, const struct controller *c)
{
    struct webhooks_stats webhooks = webhooks_stats(c->webhooks);
    for (int i = 0; i < WEBHOOK_OUTCOMES; i++)
        metric_text_put(out, (double)webhooks.tries[i], webhook_outcome_name((enum webhook_outcome)i), NULL);
}

/* --- alerts --- */

void series_alerts(struct metric_text *out, const struct controller *c)
{
    struct db_alert_counts counts = alerts_counts(c->alerts);
    for (size_t i = 0; i < ARRAY_LEN(db_alert_severities); i++) {
        metric_text_put(out, (double)counts.pending[i], "pending", db_alert_severities[i], NULL);
        metric_text_put(out, (double)counts.firing[i], "firing", db_alert_severities[i], NULL);
    }
}

void series_recommendations(struct metric_text *out, const struct controller *c)
{
    struct db_advice_counts counts = advisor_counts(c->advisor);
    for (int i = 0; i < ADVICE_KINDS; i++)
        metric_text_put(out, (double)counts.open[i], advice_kind_name((enum advice_kind)i), NULL);
}

/* --- what is removed --- */

void series_cleanups(struct metric_text *out, const struct controller *c)
{
    const struct cleanup_counts *cleaned = leader_cleaned(c->leader);
    for (int i = 0; i < CLEANUP_KIND_COUNT; i++)
        metric_text_put(out, (double)cleaned->removed[i], cleanup_kind_name((enum cleanup_kind)i), NULL);
}

void series_upkeep_overdue(struct metric_text *out, const struct controller *c)
{
    const struct db_upkeep_step *step = db_upkeep_steps(c->upkeep);
    for (size_t i = 0; i < DB_UPKEEP_STEPS; i++)
        metric_text_put(out, (double)step[i].overdue_seconds, step[i].name, NULL);
}

void series_upkeep_removed(struct metric_text *out, const struct controller *c)
{
    const struct db_upkeep_step *step = db_upkeep_steps(c->upkeep);
    for (size_t i = 0; i < DB_UPKEEP_STEPS; i++)
        metric_text_put(out, (double)step[i].removed, step[i].name, NULL);
}

void series_upkeep_failures(struct metric_text *out, const struct controller *c)
{
    const struct db_upkeep_step *step = db_upkeep_steps(c->upkeep);
    for (size_t i = 0; i < DB_UPKEEP_STEPS; i++)
        metric_text_put(out, (double)step[i].failures, step[i].name, NULL);
}

/* --- this process --- */

double metric_resident_bytes(void)
{
    long pages = 0, resident = 0;
    FILE *statm = fopen("/proc/self/statm", "re");
    if (!statm)
        return 0;
    if (fscanf(statm, "%ld %ld", &pages, &resident) != 2)
        resident = 0;
    fclose(statm);
    return (double)resident * (double)sysconf(_SC_PAGESIZE);
}
