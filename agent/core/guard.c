#include "agent/core/guard.h"

struct use {
    uint64_t used, limit;
};

/* The one that is nearer to its limit: a disk is full when either bytes or inodes run out. */
static struct use disk_of(const struct sample *s)
{
    struct use bytes = {s->disk_used_bytes, s->disk_limit_bytes};
    struct use inodes = {s->disk_inodes_used, s->disk_inodes_limit};
    bool by_inodes =
        violation_share_centi(inodes.used, inodes.limit) > violation_share_centi(bytes.used, bytes.limit);
    return by_inodes ? inodes : bytes;
}

static void uses_of(const struct sample *s, struct use use[VIOLATION_KIND_COUNT])
{
    use[VIOLATION_MEMORY] = (struct use){s->memory_unreclaimable_bytes, s->memory_limit_bytes};
    use[VIOLATION_CPU] =
        (struct use){s->cpu_limit_millis ? s->cpu_centi : 0, s->cpu_limit_millis ? 10000 : 0};
    use[VIOLATION_DISK] = disk_of(s);
    use[VIOLATION_PIDS] = (struct use){s->pids, s->pids_limit};
}

static struct violation_report *report_add(struct guard_step *step, const struct sandbox_id *id, int kind,
                                           struct guard_figures figures)
{
    struct violation_report *report = &step->report[step->report_count++];
    *report = (struct violation_report){
        .id = *id, .kind = (uint8_t)kind, .percent_centi = figures.percent_centi, .limit = figures.limit};
    return report;
}

static struct guard_figures figures_of(const struct sample *s, int kind, struct use use)
{
    return (struct guard_figures){.percent_centi = violation_share_centi(use.used, use.limit),
                                  .limit = kind == VIOLATION_CPU ? s->cpu_limit_millis : use.limit};
}

static void tell(struct guard_step *step, const struct sample *s, int kind, struct violation_step what,
                 struct guard_figures figures)
{
    const bool happened[] = {what.opened, what.became_critical, what.closed};
    for (int i = 0; i < 3; i++) {
        if (!happened[i])
            continue;
        struct violation_report *report = report_add(step, &s->id, kind, figures);
        report->opened = i < 2;
        report->critical = i == 1 || (i == 2 && what.rose_to == VIOLATION_CRITICAL);
        report->swings = i == 2 ? what.swings : 0;
    }
}

/* Without a CPU limit the percentage is of one processor. */
static bool computed(const struct sample *s)
{
    uint64_t limit_millis = s->cpu_limit_millis ? s->cpu_limit_millis : 1000;
    return s->cpu_centi >= GUARD_IDLE_CPU_CENTI && s->cpu_centi * limit_millis / 10 >= GUARD_INIT_US;
}

static bool worked(struct guard *g, const struct sample *s, bool paused)
{
    bool streamed = g->streamed;
    g->streamed = false;
    return streamed || paused || computed(s);
}

void guard_streamed(struct guard *g)
{
    g->streamed = true;
}

static void idle(struct guard_step *step, const struct guard_rules *rules, struct guard *g, uint64_t now)
{
    if (step->end.reason || !rules->idle_timeout_seconds ||
        now - g->busy_ms < rules->idle_timeout_seconds * 1000)
        return;
    step->end = ending_idle(rules->idle_timeout_seconds, GUARD_IDLE_CPU_CENTI);
    if (!rules->idle_pauses)
        return;
    step->end.reason = REASON_NONE;
    step->pause = true;
    g->busy_ms = now; /* if the pause fails, it gets its whole idle time again */
}

struct guard_step guard_tick(struct guard *g, const struct guard_rules *rules, struct sample *s, bool paused,
                             uint64_t now)
{
    struct guard_step step = {0};
    struct use use[VIOLATION_KIND_COUNT];
    uses_of(s, use);
    s->open_violations = 0;
    for (int kind = 0; kind < VIOLATION_KIND_COUNT; kind++) {
        struct violation *v = &g->violation[kind];
        g->last[kind] = figures_of(s, kind, use[kind]);
        tell(&step, s, kind, violation_tick(v, &rules->violation[kind], use[kind].used, use[kind].limit, now),
             g->last[kind]);
        if (v->level >= VIOLATION_WARNING)
            s->open_violations |= 1u << kind;
        if (v->level == VIOLATION_CRITICAL)
            s->open_violations |= 16u << kind;
    }
    if (s->oom_kills) /* the kernel's OOM killer was first: the rest of the sandbox ends too */
        step.end = ending_oom(s, s->memory_limit_bytes);
    else if (g->violation[VIOLATION_MEMORY].level == VIOLATION_CRITICAL)
        step.end = ending_critical(s, rules->violation[VIOLATION_MEMORY].critical_centi);

    if (worked(g, s, paused) || !g->seen)
        g->busy_ms = now;
    g->seen = true;
    idle(&step, rules, g, now);
    return step;
}

void guard_restore(struct guard *g, enum violation_kind kind, enum violation_level level)
{
    g->violation[kind] = (struct violation){.level = level};
}

struct guard_step guard_close(struct guard *g, const struct sandbox_id *id)
{
    struct guard_step step = {0};
    for (int kind = 0; kind < VIOLATION_KIND_COUNT; kind++) {
        const struct violation *v = &g->violation[kind];
        if (v->level != VIOLATION_NONE) {
            struct violation_report *report = report_add(&step, id, kind, g->last[kind]);
            report->critical = v->level == VIOLATION_CRITICAL;
            report->swings = v->swings;
        }
        g->violation[kind] = (struct violation){0};
    }
    return step;
}
