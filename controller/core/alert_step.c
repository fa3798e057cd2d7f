#include "controller/core/alert_step.h"

#include <math.h>
#include <string.h>

static const char *const names[ALERT_STATES] = {"none", "pending", "firing", "resolved"};

const char *alert_state_name(enum alert_state state)
{
    return names[state];
}

enum alert_state alert_state_of(const char *name)
{
    for (int i = 0; i < ALERT_STATES; i++) {
        if (!strcmp(name, names[i]))
            return (enum alert_state)i;
    }
    return ALERT_NONE;
}

enum alert_reading alert_read(const struct alert_rule *rule, double value)
{
    double threshold = (double)rule->threshold, clear = (double)rule->clear;
    if (isnan(value))
        return ALERT_UNKNOWN; /* not a number, as of nothing divided by nothing: says nothing */
    if (rule->below ? value < threshold : value >= threshold)
        return ALERT_BREACH;
    if (rule->below ? value >= clear : value < clear)
        return ALERT_CLEAR;
    return clear == threshold ? ALERT_CLEAR : ALERT_BETWEEN;
}

static void begin(struct alert_episode *next, const struct alert_rule *rule)
{
    next->state = rule->hold_ms ? ALERT_PENDING : ALERT_FIRING;
    next->held_ms = next->cleared_ms = 0;
    next->clearing = next->told = false;
}

static void hold(struct alert_episode *next, const struct alert_rule *rule, uint64_t elapsed_ms)
{
    next->held_ms += elapsed_ms;
    if (next->held_ms >= rule->hold_ms)
        next->state = ALERT_FIRING;
}

/* The time up to the first clear reading does not count: it is not known when in it the condition ended. */
static void clear(struct alert_episode *next, const struct alert_rule *rule, uint64_t elapsed_ms)
{
    next->cleared_ms = next->clearing ? next->cleared_ms + elapsed_ms : 0;
    next->clearing = true;
    if (next->cleared_ms >= rule->clear_ms)
        next->state = ALERT_RESOLVED;
}

static void go_on(struct alert_episode *next, const struct alert_rule *rule, enum alert_reading reading,
                  uint64_t elapsed_ms)
{
    switch (next->state) {
    case ALERT_NONE:
    case ALERT_RESOLVED:
        if (reading == ALERT_BREACH)
            begin(next, rule);
        return;
    case ALERT_PENDING:
        if (reading == ALERT_BREACH)
            hold(next, rule, elapsed_ms);
        else if (reading == ALERT_CLEAR)
            next->state = ALERT_NONE;
        return;
    case ALERT_FIRING:
        if (reading == ALERT_CLEAR)
            clear(next, rule, elapsed_ms);
        else
            next->clearing = false;
        return;
    }
}

struct alert_step alert_step(const struct alert_rule *rule, const struct alert_episode *now,
                             enum alert_reading reading, uint64_t elapsed_ms)
{
    struct alert_step step = {.next = *now};
    uint64_t most_ms = 2 * rule->interval_ms;
    if (reading != ALERT_UNKNOWN)
        go_on(&step.next, rule, reading, elapsed_ms < most_ms ? elapsed_ms : most_ms);
    if (step.next.state == ALERT_FIRING)
        step.tells = !step.next.told && !step.next.silenced;
    else if (step.next.state == ALERT_RESOLVED)
        step.tells = now->state == ALERT_FIRING && now->told;
    step.next.told |= step.tells && step.next.state == ALERT_FIRING;
    return step;
}

size_t alert_step_all(const struct alert_rule *rule, struct alert_row *rows, size_t count, size_t room,
                      uint64_t elapsed_ms)
{
    size_t left_out = 0;
    for (size_t i = 0; i < count; i++) {
        struct alert_row *row = &rows[i];
        bool fresh = row->now.state == ALERT_NONE && row->reading == ALERT_BREACH;
        bool out = fresh && !room;
        left_out += out;
        room -= fresh && !out;
        row->step = out ? (struct alert_step){.next = row->now}
                        : alert_step(rule, &row->now, row->reading, elapsed_ms);
    }
    return left_out;
}
