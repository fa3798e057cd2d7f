/* Looks at every running sandbox once in an interval, and every few milliseconds at one near its memory
 * limit. */
#include "agent/agent_int.h"

#include "common/log.h"

#include <string.h>

#define NEAR_MS      10
#define NEAR_PERCENT 75

static struct guard_rules rules_of(const struct agent *agent, const struct holder *h)
{
    const struct agent_conf *c = agent->conf;
    struct guard_rules rules = {.idle_timeout_seconds = h->idle_timeout_seconds};
    rules.violation[VIOLATION_MEMORY] =
        (struct violation_rule){(uint32_t)c->memory_warning * 100, (uint32_t)c->memory_critical * 100,
                                (uint32_t)c->memory_clear * 100, 0};
    rules.violation[VIOLATION_CPU] = (struct violation_rule){
        (uint32_t)c->cpu_warning * 100, 0, (uint32_t)c->cpu_clear * 100, (uint32_t)c->cpu_seconds * 1000};
    rules.violation[VIOLATION_DISK] =
        (struct violation_rule){(uint32_t)c->disk_warning * 100, 0, (uint32_t)c->disk_clear * 100, 0};
    rules.violation[VIOLATION_PIDS] =
        (struct violation_rule){(uint32_t)c->pids_warning * 100, 0, (uint32_t)c->pids_clear * 100, 0};
    return rules;
}

static void act_on(struct agent *agent, const struct sandbox_id *id, struct guard_step *step)
{
    for (unsigned i = 0; i < step->news_count; i++) {
        step->news[i].number = ++agent->violation_number;
        uplink_violation(agent->uplink, &step->news[i]);
    }
    if (step->end)
        keeper_end(agent->keeper, loop_now_ms(), id, step->end, step->detail, &agent->effects);
}

static bool take_sample(struct agent *agent, struct holder *h, const struct box_record *record, uint64_t now,
                        struct sample *s)
{
    struct err e;
    *s = (struct sample){.id = h->id};
    if (cgroup_box_sample(h->cgroup, now, &record->limits, s, &e))
        return false;
    s->disk_limit_bytes = record->limits.storage_bytes;
    if (!volume_use(agent->volumes, &h->id, &s->disk_used_bytes))
        s->disk_used_bytes = 0;
    s->uptime_seconds = (now - record->started_ms) / 1000;
    s->responsive = record->paused || (h->init && initlink_responsive(h->init));
    return true;
}

static void look_at(struct agent *agent, struct holder *h, uint64_t now, bool regular)
{
    const struct box_record *record = keeper_find(agent->keeper, &h->id);
    struct sample s;
    if (!record || record->phase != BOX_RUNNING || !h->cgroup || h->maker ||
        !take_sample(agent, h, record, now, &s))
        return;
    struct guard_rules rules = rules_of(agent, h);
    struct guard_step step = guard_tick(&h->guard, &rules, &s, record->paused, now);
    h->near =
        s.memory_limit_bytes && s.memory_unreclaimable_bytes >= s.memory_limit_bytes / 100 * NEAR_PERCENT;
    if (regular || step.news_count)
        uplink_sample(agent->uplink, &s);
    act_on(agent, &h->id, &step);
}

static void on_sampling(void *arg)
{
    struct agent *agent = arg;
    uint64_t now = loop_now_ms(), interval = agent->conf->sample_interval_ms;
    bool regular = now - agent->last_sample_ms >= interval, near = false;
    struct holder *h, *next;
    if (regular)
        agent->last_sample_ms = now;
    HASH_ITER(hh, agent->holders, h, next)
    {
        if (regular || h->near)
            look_at(agent, h, now, regular);
        near |= h->near;
    }
    agent_run_effects(agent);
    uint64_t rest = agent->last_sample_ms + interval - now;
    timer_start(&agent->sampling, agent->loop, near && rest > NEAR_MS ? NEAR_MS : rest, on_sampling, agent);
}

void agent_watch_start(struct agent *agent)
{
    on_sampling(agent);
}
