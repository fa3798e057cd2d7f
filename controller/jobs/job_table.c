#include "controller/jobs/job_table.h"

#include "controller/controller_state.h"
#include "controller/db/db_user.h"

#include "common/io/log.h"

#define USED_KEYS_MAX 4096 /* as many as the API keeps */

/* --- while it leads --- */

static void tick(void *owner)
{
    const struct controller *c = owner;
    leader_tick(c->leader);
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

static uint64_t cleanup_period(const void *owner)
{
    const struct controller *c = owner;
    return c->conf->cleanup_interval_minutes * 60000;
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
    if (used.count && db_leader_leads(c->db_leader))
        db_keys_used(c->pool, used.id, used.count);
}

const struct job controller_jobs[] = {
    {"tick", 1000, NULL, tick},
    {"revocations", 1000, NULL, read_revocations},
    {"left_out", 1000, NULL, tell_left_out},
    {"nodes_seen", 5000, NULL, say_nodes_seen},
    {"keys_used", 20000, NULL, note_keys},
    {"cleanup", 0, cleanup_period, clean_up},
};
const size_t controller_jobs_count = ARRAY_LEN(controller_jobs);
