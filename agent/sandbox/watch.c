#include "agent/sandbox/watch.h"

#include "agent/agent_state.h"
#include "agent/cgroup/cgroup_limit.h"
#include "agent/initlink/initlink_process.h"
#include "agent/node/history.h"
#include "agent/sandbox/check.h"
#include "agent/sandbox/processes.h"

#include "common/io/log.h"

#include <string.h>

/* Hundredths of a percent of its memory limit: from here on the alarm samples it every few milliseconds. */
#define NEAR_CENTI    7500
#define EMPTY_SAMPLES 3

static struct guard_rules rules_of(const struct runtime *h)
{
    const struct agent_conf *c = h->agent->conf;
    struct guard_rules rules = {.idle_timeout_seconds = h->idle_timeout_seconds,
                                .idle_pauses = !strcmp(c->idle_action, "pause")};
#define LEVEL(name) .name = (uint32_t)c->name,
    struct violation_levels host = {VIOLATION_LEVELS(LEVEL)};
#undef LEVEL
    violation_rules(&h->levels, &host, rules.violation);
    return rules;
}

static bool take_sample(struct agent *agent, struct runtime *h, const struct sandbox_record *record,
                        uint64_t now, struct sample *s)
{
    struct err e;
    *s = (struct sample){.id = h->id};
    if (h->init)
        initlink_set_paused(h->init, record->paused);
    if (cgroup_sandbox_sample(h->cgroup, now, &record->limits, s, &e))
        return false;
    s->disk_limit_bytes = record->limits.storage_bytes;
    struct volume_use disk = {0};
    if (agent->volumes && volume_use(agent->volumes, &h->id, &disk)) {
        s->disk_used_bytes = disk.used_bytes;
        s->disk_inodes_used = disk.inodes_used;
        s->disk_inodes_limit = disk.inodes_limit;
    }
    s->uptime_seconds = record->ran ? (now - record->started_ms) / 1000 : 0;
    s->responsive = record->paused || (h->init && initlink_responsive(h->init));
    return true;
}

/* Notes a sample, and keeps one per OUTBOX_SAMPLE_EVERY_MS for the history. */
static void remember(struct runtime *h, const struct sample *s, uint64_t now)
{
    h->last = *s;
    h->last_ms = now;
    if (h->kept_ms && now - h->kept_ms < OUTBOX_SAMPLE_EVERY_MS)
        return;
    h->kept_ms = now;
    agent_keep_sample(h->agent, s, false);
}

/* Keeps a last sample. A sandbox that ended before its first sample is sampled now: its init still holds its
 * cgroup. */
void agent_watch_end(struct runtime *h)
{
    const struct sandbox_record *record = reconciler_find(h->agent->reconciler, &h->id);
    uint64_t now = loop_now_ms();
    if (!h->last_ms && h->cgroup && record && take_sample(h->agent, h, record, now, &h->last))
        h->last_ms = now;
    if (h->last_ms == h->kept_ms)
        return; /* there is none, or it is kept already */
    h->last.ago_ms = now - h->last_ms;
    agent_keep_sample(h->agent, &h->last, true);
    h->kept_ms = h->last_ms;
}

void agent_last_sample(struct runtime *h)
{
    const struct sandbox_record *record = reconciler_find(h->agent->reconciler, &h->id);
    uint64_t now = loop_now_ms();
    struct sample s;
    if (record && h->cgroup && take_sample(h->agent, h, record, now, &s))
        reconciler_sampled(h->agent->reconciler, now, &s);
}

/*
 * Whether its cgroup was found empty at EMPTY_SAMPLES samples in a row; never while its init, which is in the
 * cgroup, answers. A healthy Docker and init report an end within milliseconds, so this finds only ends that
 * nobody reported.
 */
static bool is_empty(struct runtime *h)
{
    bool lives = (h->init && initlink_ready(h->init)) || agent_has_processes(h);
    h->samples_empty = lives ? 0 : h->samples_empty + 1;
    return h->samples_empty && !(h->samples_empty % EMPTY_SAMPLES);
}

static void sample_one(struct agent *agent, struct runtime *h, uint64_t now, bool regular)
{
    const struct sandbox_record *record = reconciler_find(agent->reconciler, &h->id);
    struct sample s;
    if (!record || record->phase != PHASE_RUNNING || !h->cgroup || h->start)
        return;
    if (regular && is_empty(h)) {
        agent_seen_empty(h);
        return;
    }
    if (!take_sample(agent, h, record, now, &s))
        return;
    reconciler_sampled(agent->reconciler, now, &s);
    struct guard_rules rules = rules_of(h);
    struct guard_step step = guard_tick(&h->guard, &rules, &s, record->paused, now);
    if (regular || step.report_count)
        uplink_sample(agent->uplink, &s);
    remember(h, &s, now);
    agent_keep_violations(agent, &step);
    if (step.end.reason)
        reconciler_end(agent->reconciler, now, &h->id, &step.end, engine_effects(agent->engine));
    else if (step.pause)
        reconciler_pause(agent->reconciler, now, &h->id, step.end.detail, engine_effects(agent->engine));
}

/* --- memory, between the regular samples --- */

static struct cgroup_levels levels_of(const struct runtime *h)
{
    const struct guard_rules rules = rules_of(h);
    const struct violation_rule *r = &rules.violation[VIOLATION_MEMORY];
    const struct sandbox_record *record = reconciler_find(h->agent->reconciler, &h->id);
    uint64_t limit = record ? record->limits.memory_bytes : 0, part = limit / 10000;
    return (struct cgroup_levels){.near =
                                      part * (r->warning_centi < NEAR_CENTI ? r->warning_centi : NEAR_CENTI),
                                  .warning = part * r->warning_centi,
                                  .critical = part * r->critical_centi,
                                  .limit = limit};
}

/* If the kernel has no such limit, the sandbox may use the whole pool of socket buffers; it is started all
 * the same. */
static void bound_sockets(const struct runtime *h, uint64_t memory_bytes)
{
    struct err e;
    if (memory_bytes && cgroup_limit_sockets(cgroup_sandbox_paths(h->cgroup), memory_bytes, &e))
        log_warn("agent", "sandbox=%s the memory of its sockets is not limited: %s", h->id.text, e.text);
}

void agent_bound_output(struct runtime *h)
{
    const struct sandbox_record *record = reconciler_find(h->agent->reconciler, &h->id);
    struct err e;
    if (!record || !h->init || !(initlink_features(h->init) & INIT_FEATURE_PROCESSES))
        return;
    if (initlink_bound_output(h->init, record->limits.memory_bytes, &e))
        log_warn("agent", "sandbox=%s its processes' output is bounded as before: %s", h->id.text, e.text);
}

int agent_watch_memory(struct runtime *h, struct err *e)
{
    struct cgroup_levels levels = levels_of(h);
    bound_sockets(h, levels.limit);
    cgroup_alarm_drop(h->watched);
    h->watched = NULL;
    return cgroup_alarm_watch(h->agent->alarm, cgroup_sandbox_paths(h->cgroup), &levels, h, &h->watched, e);
}

void agent_watch_level(struct runtime *h)
{
    struct cgroup_levels levels = levels_of(h);
    if (h->cgroup)
        bound_sockets(h, levels.limit);
    if (h->watched)
        cgroup_alarm_level(h->watched, &levels);
    agent_bound_output(h);
}

/* Held at its critical level, most often: it is ended, and held until the end of this turn, or it goes on. */
void agent_on_alarm(void *arg, void *watched_arg)
{
    struct agent *agent = arg;
    struct runtime *h = watched_arg;
    sample_one(agent, h, loop_now_ms(), false);
    const struct sandbox_record *record = reconciler_find(agent->reconciler, &h->id);
    if (h->watched && record && record->phase <= PHASE_RUNNING)
        cgroup_alarm_release(h->watched);
}

/* --- the clock --- */

static void on_sampling(void *arg)
{
    struct agent *agent = arg;
    uint64_t now = loop_now_ms(), interval = agent->conf->sample_interval_ms;
    struct runtime *h, *next;
    HASH_ITER(hh, agent->runtimes, h, next)
    sample_one(agent, h, now, true);
    agent_outbox_flush(agent);
    timer_start(&agent->sampling, agent->loop, interval, on_sampling, agent);
}

void agent_watch_start(struct agent *agent)
{
    on_sampling(agent);
}
