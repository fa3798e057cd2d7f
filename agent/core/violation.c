#include "agent/core/violation.h"

#include <stdlib.h>

const struct violation_rule violation_default_rules[VIOLATION_KIND_COUNT] = {
    [VIOLATION_MEMORY] = {.warning_centi = 9000, .critical_centi = 9500, .clear_centi = 8500},
    [VIOLATION_CPU] = {.warning_centi = 9000, .clear_centi = 8000, .sustain_ms = 60000},
    [VIOLATION_DISK] = {.warning_centi = 8000, .clear_centi = 7500},
    [VIOLATION_PIDS] = {.warning_centi = 9000, .clear_centi = 8000},
};

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
    /* used * 10000 can pass 64 bits for a disk of petabytes, or for garbage in a kernel file. */
    __extension__ typedef unsigned __int128 wide;
    wide share = (wide)used * 10000 / limit;
    return share > UINT32_MAX ? UINT32_MAX : (uint32_t)share;
}

/* True once the condition has held for as long as the rule asks; a sample without it starts the time anew. */
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
    } else if (held_long_enough(v, share < rule->clear_centi, limit ? rule->sustain_ms : 0, now_ms)) {
        v->level = VIOLATION_NONE;
        step.closed = true;
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
