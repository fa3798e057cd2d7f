#include "agent/core/violation.h"

#include <stdlib.h>

#define CLEAR_GAP_CENTI 500

static uint32_t or_else(uint32_t own, uint32_t fallback)
{
    return own ? own : fallback;
}

static struct violation_rule rule_of(uint32_t warning, uint32_t critical, uint32_t clear, uint32_t seconds,
                                     uint32_t episode_seconds)
{
    struct violation_rule r = {warning * 100, critical * 100, clear * 100, seconds * 1000,
                               episode_seconds * 1000};
    if (r.clear_centi >= r.warning_centi)
        r.clear_centi = r.warning_centi > CLEAR_GAP_CENTI ? r.warning_centi - CLEAR_GAP_CENTI : 0;
    if (r.critical_centi && r.critical_centi < r.warning_centi)
        r.critical_centi = r.warning_centi;
    return r;
}

void violation_rules(const struct violation_levels *own, const struct violation_levels *node,
                     struct violation_rule rules[static VIOLATION_KIND_COUNT])
{
    struct violation_levels l;
#define CHOOSE(name) l.name = or_else(own->name, node->name);
    VIOLATION_LEVELS(CHOOSE)
#undef CHOOSE
    rules[VIOLATION_MEMORY] =
        rule_of(l.memory_warning, l.memory_critical, l.memory_clear, 0, l.episode_seconds);
    rules[VIOLATION_CPU] = rule_of(l.cpu_warning, 0, l.cpu_clear, l.cpu_seconds, l.episode_seconds);
    rules[VIOLATION_DISK] = rule_of(l.disk_warning, 0, l.disk_clear, 0, l.episode_seconds);
    rules[VIOLATION_PIDS] = rule_of(l.pids_warning, 0, l.pids_clear, 0, l.episode_seconds);
}

static const char *const kind_names[] = {
    [VIOLATION_MEMORY] = "memory",
    [VIOLATION_CPU] = "cpu",
    [VIOLATION_DISK] = "disk",
    [VIOLATION_PIDS] = "pids",
};

uint32_t violation_share_centi(uint64_t used, uint64_t limit)
{
    if (limit == 0)
        return 0;
    /* used * 10000 can overflow 64 bits for a disk of petabytes, or for garbage in a kernel file. */
    __extension__ typedef unsigned __int128 wide;
    wide share = (wide)used * 10000 / limit;
    return share > UINT32_MAX ? UINT32_MAX : (uint32_t)share;
}

/* True once the condition has held for as long as the rule asks; a sample without it starts the time again.
 */
static bool held_long_enough(struct violation *v, bool condition, uint32_t sustain_ms, uint64_t now_ms)
{
    if (!condition) {
        v->timing = false;
        return false;
    }
    if (!v->timing) {
        v->timing = true;
        v->since_ms = now_ms;
    }
    if (now_ms - v->since_ms < sustain_ms)
        return false;
    v->timing = false;
    return true;
}

/* Whether the open episode closes now. Until then it may clear and swing back several times. */
static bool closes(struct violation *v, const struct violation_rule *rule, uint32_t share,
                   uint32_t sustain_ms, uint64_t now_ms)
{
    if (!v->cleared) {
        v->cleared = held_long_enough(v, share < rule->clear_centi, sustain_ms, now_ms);
    } else if (held_long_enough(v, share >= rule->warning_centi, sustain_ms, now_ms)) {
        v->cleared = false;
        v->swings += v->swings < UINT32_MAX;
    }
    return v->cleared && (!v->closed_before || now_ms - v->closed_ms >= rule->episode_ms);
}

static void close_episode(struct violation *v, struct violation_step *step, uint64_t now_ms)
{
    step->closed = true;
    step->rose_to = v->level;
    step->swings = v->swings;
    *v = (struct violation){.closed_before = true, .closed_ms = now_ms};
}

struct violation_step violation_tick(struct violation *v, const struct violation_rule *rule, uint64_t used,
                                     uint64_t limit, uint64_t now_ms)
{
    struct violation_step step = {0};
    uint32_t share = violation_share_centi(used, limit);
    bool critical = rule->critical_centi && share >= rule->critical_centi;

    if (v->level == VIOLATION_NONE) {
        bool held = held_long_enough(v, share >= rule->warning_centi, rule->sustain_ms, now_ms);
        if (!held && !critical)
            return step;
        v->level = VIOLATION_WARNING;
        v->timing = false;
        step.opened = true;
    } else if (closes(v, rule, share, limit ? rule->sustain_ms : 0, now_ms)) {
        close_episode(v, &step, now_ms);
        return step;
    }
    if (critical && v->level == VIOLATION_WARNING) {
        v->level = VIOLATION_CRITICAL;
        step.became_critical = true;
    }
    return step;
}

const char *violation_kind_name(enum violation_kind kind)
{
    if (kind >= VIOLATION_KIND_COUNT)
        abort();
    return kind_names[kind];
}
