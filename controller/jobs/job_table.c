#include "controller/jobs/job_table.h"

#include "controller/jobs/advice_measure.h"
#include "controller/jobs/alert_measure.h"
#include "controller/controller_state.h"
#include "controller/db/db_notification.h"
#include "controller/db/db_user.h"

#include "common/io/log.h"

#define USED_KEYS_MAX 4096 /* as many as the API keeps */

/* --- while it leads --- */

static void tick(void *owner)
{
    const struct controller *c = owner;
    leader_tick(c->leader);
}

static void fill_warm_pool(void *owner)
{
    const struct controller *c = owner;
    leader_warm_tick(c->leader);
}

static void read_revocations(void *owner)
{
    const struct controller *c = owner;
    leader_revocations_again(c->leader);
}

static void say_nodes_seen(void *owner)
{
    const struct controller *c = owner;
    leader_say_nodes_seen(c->leader);
}

static void tell_left_out(void *owner)
{
    const struct controller *c = owner;
    leader_tell_left_out(c->leader);
}

static void read_images(void *owner)
{
    const struct controller *c = owner;
    leader_images_tick(c->leader);
}

static void tell_watched(void *owner)
{
    const struct controller *c = owner;
    leader_dense_tick(c->leader, c->watched);
}

static void deliver(void *owner)
{
    const struct controller *c = owner;
    webhooks_run(c->webhooks, leader_ready(c->leader));
}

static void measure_deliveries(void *owner)
{
    const struct controller *c = owner;
    webhooks_measure(c->webhooks, leader_ready(c->leader));
}

static void evaluate_alerts(void *owner)
{
    struct controller *c = owner;
    alert_measure_note(c);
    alerts_run(c->alerts, leader_ready(c->leader));
}

static void count_alerts(void *owner)
{
    const struct controller *c = owner;
    alerts_measure(c->alerts, leader_ready(c->leader));
}

static void note_pressure(void *owner)
{
    advice_measure_note(owner);
}

static void advise(void *owner)
{
    const struct controller *c = owner;
    advisor_run(c->advisor, leader_ready(c->leader), c->conf->recommendation_seconds * 1000);
}

static void count_recommendations(void *owner)
{
    const struct controller *c = owner;
    advisor_count(c->advisor, leader_ready(c->leader));
}

static uint64_t cleanup_period(const void *owner)
{
    const struct controller *c = owner;
    return c->conf->cleanup_interval_minutes * 60000;
}

static uint64_t sample_period(const void *owner)
{
    const struct controller *c = owner;
    return c->conf->system_sample_seconds * 1000;
}

static void sample_system(void *owner)
{
    const struct controller *c = owner;
    leader_sample_system(c->leader);
}

static void on_cleaned_up(void *arg, int code, const struct err *e, const struct leader_cleaned *cleaned)
{
    if (code && code != ERR_CANCELLED)
        log_warn("controller", "the periodic cleanup failed; the next one tries again: %s", e->text);
}

static void clean_up(void *owner)
{
    struct controller *c = owner;
    if (leader_ready(c->leader))
        leader_cleanup(c->leader, NULL, false, on_cleaned_up, c);
}

/* --- notifications --- */

static void look_for_notifications(void *owner)
{
    struct controller *c = owner;
    if (leader_ready(c->leader))
        db_notification_look(c->pool, c->conf->expiry_notice_seconds, &c->defaults);
}

/* --- keys --- */

struct used_keys {
    const char *id[USED_KEYS_MAX];
    size_t count;
};

static void add_used(void *arg, const char *key_id)
{
    struct used_keys *used = arg;
    if (used->count < USED_KEYS_MAX)
        used->id[used->count++] = key_id;
}

/* Writes when keys were last used: in batches, since a write for each request would cost too much. */
static void note_keys(void *owner)
{
    struct controller *c = owner;
    struct used_keys used = {.count = 0};
    if (!c->db_leader)
        return;
    api_take_used_keys(c->api, add_used, &used);
    if (c->metrics_api)
        api_take_used_keys(c->metrics_api, add_used, &used);
    if (used.count && db_leader_leads(c->db_leader))
        db_keys_used(c->pool, used.id, used.count);
}

const struct job controller_jobs[] = {
    {"tick", 1000, NULL, tick},
    {"warm_pool", 200, NULL, fill_warm_pool},
    {"revocations", 1000, NULL, read_revocations},
    {"left_out", 1000, NULL, tell_left_out},
    {"nodes_seen", 5000, NULL, say_nodes_seen},
    {"watched", 1000, NULL, tell_watched},
    {"images", 10000, NULL, read_images},
    {"notifications", 5000, NULL, look_for_notifications},
    {"webhooks", 1000, NULL, deliver},
    {"webhooks_waiting", 15000, NULL, measure_deliveries},
    {"alerts", 1000, NULL, evaluate_alerts},
    {"alert_counts", 10000, NULL, count_alerts},
    {"keys_used", 20000, NULL, note_keys},
    {"pressure", 15000, NULL, note_pressure},
    {"recommendations", 1000, NULL, advise},
    {"recommendation_counts", 10000, NULL, count_recommendations},
    {"system_sample", 0, sample_period, sample_system},
    {"cleanup", 0, cleanup_period, clean_up},
};
const size_t controller_jobs_count = ARRAY_LEN(controller_jobs);
