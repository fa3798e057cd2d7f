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

static struct guard_rules rules_of(const struct runtime *runtime)
{
    const struct agent_conf *c = runtime->agent->conf;
    struct guard_rules rules = {.idle_timeout_seconds = runtime->idle_timeout_seconds,
                                .idle_pauses = !strcmp(c->idle_action, "pause")};
#define LEVEL(name) .name = (uint32_t)c->name,
    struct violation_levels of_node = {VIOLATION_LEVELS(LEVEL)};
#undef LEVEL
    violation_rules(&runtime->levels, &of_node, rules.violation);
    return rules;
}

static bool take_sample(struct agent *agent, struct runtime *runtime, const struct sandbox_record *record,
                        uint64_t now, struct sample *s)
{
    struct err e;
    *s = (struct sample){.id = runtime->id};
    if (runtime->init)
        initlink_set_paused(runtime->init, record->paused);
    if (cgroup_sandbox_sample(runtime->cgroup, now, &record->limits, s, &e))
        return false;
    s->disk_limit_bytes = record->limits.storage_bytes;
    struct volume_use disk = {0};
    if (agent->volumes && volume_use(agent->volumes, &runtime->id, &disk)) {
        s->disk_used_bytes = disk.used_bytes;
        s->disk_inodes_used = disk.inodes_used;
        s->disk_inodes_limit = disk.inodes_limit;
    }
    s->uptime_seconds = record->ran ? (now - record->started_ms) / 1000 : 0;
    s->responsive = record->paused || (runtime->init && initlink_responsive(runtime->init));
    return true;
}

void agent_watch_densely(struct agent *agent, const struct dense_order *order)
{
    agent->dense = *order;
    agent->dense_until_ms = loop_now_ms() + order->for_ms;
}

static bool is_dense(const struct agent *agent, const struct sandbox_id *id, uint64_t now)
{
    for (size_t i = 0; now < agent->dense_until_ms && i < agent->dense.count; i++) {
        if (!memcmp(&agent->dense.id[i], id, sizeof *id))
            return true;
    }
    return false;
}

/* Notes a sample, and keeps one per OUTBOX_SAMPLE_EVERY_MS for the history, or each regular one. */
static void remember(struct runtime *runtime, const struct sample *s, uint64_t now, bool regular)
{
    runtime->last = *s;
    runtime->last_ms = now;
    uint64_t every = regular && is_dense(runtime->agent, &runtime->id, now) ? OUTBOX_SAMPLE_DENSE_MS
                                                                            : OUTBOX_SAMPLE_EVERY_MS;
    if (runtime->kept_ms && now - runtime->kept_ms < every)
        return;
    runtime->kept_ms = now;
    agent_keep_sample(runtime->agent, s, false);
}

/* Keeps a last sample. A sandbox that ended before its first sample is sampled now: its init still holds its
 * cgroup. */
void agent_watch_end(struct runtime *runtime)
{
    const struct sandbox_record *record = reconciler_find(runtime->agent->reconciler, &runtime->id);
    uint64_t now = loop_now_ms();
    if (!runtime->last_ms && runtime->cgroup && record &&
        take_sample(runtime->agent, runtime, record, now, &runtime->last))
        runtime->last_ms = now;
    if (runtime->last_ms == runtime->kept_ms)
        return; /* there is none, or it is kept already */
    runtime->last.ago_ms = now - runtime->last_ms;
    agent_keep_sample(runtime->agent, &runtime->last, true);
    runtime->kept_ms = runtime->last_ms;
}

void agent_last_sample(struct runtime *runtime)
{
    const struct sandbox_record *record = reconciler_find(runtime->agent->reconciler, &runtime->id);
    uint64_t now = loop_now_ms();
    struct sample s;
    if (record && runtime->cgroup && !runtime->of_pool &&
        take_sample(runtime->agent, runtime, record, now, &s))
        reconciler_sampled(runtime->agent->reconciler, now, &s);
}

/*
 * Whether its cgroup was found empty at EMPTY_SAMPLES samples in a row; never while its init, which is in the
 * cgroup, answers. A healthy Docker and init report an end within milliseconds, so this finds only ends that
 * nobody reported.
 */
static bool is_empty(struct runtime *runtime)
{
    bool lives = (runtime->init && initlink_ready(runtime->init)) || agent_has_processes(runtime);
    runtime->samples_empty = lives ? 0 : runtime->samples_empty + 1;
    return runtime->samples_empty && !(runtime->samples_empty % EMPTY_SAMPLES);
}

static void sample_one(struct agent *agent, struct runtime *runtime, uint64_t now, bool regular)
{
    const struct sandbox_record *record = reconciler_find(agent->reconciler, &runtime->id);
    struct sample s;
    if (!record || record->phase != PHASE_RUNNING || !runtime->cgroup || runtime->start)
        return;
    if (regular && is_empty(runtime)) {
        agent_seen_empty(runtime);
        return;
    }
    if (!take_sample(agent, runtime, record, now, &s))
        return;
    struct guard_rules rules = rules_of(runtime);
    struct guard_step step = guard_tick(&runtime->guard, &rules, &s, record->paused, now);
    if (runtime->of_pool) { /* nobody's: it is not reported on, and ended if anything is wrong with it */
        if (step.end.reason)
            reconciler_end(agent->reconciler, now, &runtime->id, &step.end, engine_effects(agent->engine));
        return;
    }
    reconciler_sampled(agent->reconciler, now, &s);
    if (regular || step.report_count)
        uplink_sample(agent->uplink, &s);
    remember(runtime, &s, now, regular);
    agent_keep_violations(agent, &step);
    if (step.end.reason)
        reconciler_end(agent->reconciler, now, &runtime->id, &step.end, engine_effects(agent->engine));
    else if (step.pause)
        reconciler_pause(agent->reconciler, now, &runtime->id, step.end.detail,
                         engine_effects(agent->engine));
}

/* --- memory, between the regular samples --- */

static struct cgroup_levels levels_of(const struct runtime *runtime)
{
    const struct guard_rules rules = rules_of(runtime);
    const struct violation_rule *r = &rules.violation[VIOLATION_MEMORY];
    const struct sandbox_record *record = reconciler_find(runtime->agent->reconciler, &runtime->id);
    uint64_t limit = record ? record->limits.memory_bytes : 0, part = limit / 10000;
    return (struct cgroup_levels){.near =
                                      part * (r->warning_centi < NEAR_CENTI ? r->warning_centi : NEAR_CENTI),
                                  .warning = part * r->warning_centi,
                                  .critical = part * r->critical_centi,
                                  .limit = limit};
}

/* If the kernel has no such limit, the sandbox may use the whole pool of socket buffers; it is started all
 * the same. */
static void bound_sockets(const struct runtime *runtime, uint64_t memory_bytes)
{
    struct err e;
    if (memory_bytes && cgroup_limit_sockets(cgroup_sandbox_paths(runtime->cgroup), memory_bytes, &e))
        log_warn("agent", "sandbox=%s the memory of its sockets is not limited: %s", runtime->id.text,
                 e.text);
}

void agent_bound_output(struct runtime *runtime)
{
    const struct sandbox_record *record = reconciler_find(runtime->agent->reconciler, &runtime->id);
    struct err e;
    if (!record || !runtime->init || !(initlink_features(runtime->init) & INIT_FEATURE_PROCESSES))
        return;
    if (initlink_bound_output(runtime->init, record->limits.memory_bytes, &e))
        log_warn("agent", "sandbox=%s its processes' output is bounded as before: %s", runtime->id.text,
                 e.text);
}

int agent_watch_memory(struct runtime *runtime, struct err *e)
{
    struct cgroup_levels levels = levels_of(runtime);
    bound_sockets(runtime, levels.limit);
    cgroup_alarm_drop(runtime->watched);
    runtime->watched = NULL;
    return cgroup_alarm_watch(runtime->agent->alarm, cgroup_sandbox_paths(runtime->cgroup), &levels, runtime,
                              &runtime->watched, e);
}

void agent_watch_level(struct runtime *runtime)
{
    struct cgroup_levels levels = levels_of(runtime);
    if (runtime->cgroup)
        bound_sockets(runtime, levels.limit);
    if (runtime->watched)
        cgroup_alarm_level(runtime->watched, &levels);
    agent_bound_output(runtime);
}

/* Held at its critical level, most often: it is ended, and held until the end of this turn, or it goes on. */
void agent_on_alarm(void *arg, void *watched_arg)
{
    struct agent *agent = arg;
    struct runtime *runtime = watched_arg;
    sample_one(agent, runtime, loop_now_ms(), false);
    const struct sandbox_record *record = reconciler_find(agent->reconciler, &runtime->id);
    if (runtime->watched && record && record->phase <= PHASE_RUNNING)
        cgroup_alarm_release(runtime->watched);
}

/* --- the clock --- */

static void on_sampling(void *arg)
{
    struct agent *agent = arg;
    uint64_t now = loop_now_ms(), interval = agent->conf->sample_interval_ms;
    struct runtime *runtime, *next;
    HASH_ITER(hh, agent->runtimes, runtime, next)
    sample_one(agent, runtime, now, true);
    agent_outbox_flush(agent);
    timer_start(&agent->sampling, agent->loop, interval, on_sampling, agent);
}

void agent_watch_start(struct agent *agent)
{
    on_sampling(agent);
}
