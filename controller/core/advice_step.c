#include "controller/core/advice_step.h"

#include <string.h>

static const char *const states[ADVICE_STATES] = {"open", "applied", "dismissed"};
static const char *const acts[ADVICE_ACTS] = {"nothing", "begin", "keep", "reopen", "end", "hide"};

const char *advice_state_name(enum advice_state state)
{
    return states[state];
}

enum advice_state advice_state_of(const char *name)
{
    for (int i = 0; i < ADVICE_STATES; i++) {
        if (!strcmp(states[i], name))
            return (enum advice_state)i;
    }
    return ADVICE_STATES;
}

const char *advice_act_name(enum advice_act act)
{
    return acts[act];
}

static bool grew(const struct advice_row *row, const struct advice_finding *found)
{
    return found->weight >= ADVICE_GROWTH * row->weight_then || found->severity > row->severity_then;
}

static enum advice_act gone(const struct advice_row *row)
{
    return row->state != ADVICE_DISMISSED ? ADVICE_END : row->hidden ? ADVICE_NOTHING : ADVICE_HIDE;
}

enum advice_act advice_step(const struct advice_row *row, const struct advice_finding *found)
{
    if (!row)
        return found && found->opens ? ADVICE_BEGIN : ADVICE_NOTHING;
    if (!found)
        return gone(row);
    if (row->hidden && !found->opens)
        return ADVICE_NOTHING;
    if (row->state == ADVICE_DISMISSED && found->opens && grew(row, found))
        return ADVICE_REOPEN;
    if (row->state == ADVICE_APPLIED && found->opens && row->state_ms >= ADVICE_APPLIED_MS)
        return ADVICE_REOPEN;
    return ADVICE_KEEP;
}

static bool same(const struct advice_row *row, const struct advice_finding *f)
{
    return row->rule == f->rule && !strcmp(row->subject_kind, f->subject_kind) &&
           !strcmp(row->subject, f->subject);
}

static const struct advice_finding *finding_of(const struct advice_findings *all,
                                               const struct advice_row *row)
{
    for (size_t i = 0; i < all->count; i++) {
        if (same(row, &all->item[i]))
            return &all->item[i];
    }
    return NULL;
}

static bool is_stored(const struct advice_row *rows, size_t count, const struct advice_finding *f)
{
    for (size_t i = 0; i < count; i++) {
        if (same(&rows[i], f))
            return true;
    }
    return false;
}

static size_t begin_new(const struct advice_row *rows, size_t count, const struct advice_findings *findings,
                        size_t room, struct advice_change *out)
{
    size_t made = 0;
    for (size_t i = 0; i < findings->count && made < room; i++) {
        const struct advice_finding *f = &findings->item[i];
        if (!is_stored(rows, count, f) && advice_step(NULL, f) == ADVICE_BEGIN)
            out[made++] = (struct advice_change){ADVICE_BEGIN, NULL, f};
    }
    return made;
}

size_t advice_step_all(const struct advice_row *rows, size_t count, const struct advice_findings *findings,
                       size_t room, struct advice_change *out)
{
    size_t made = 0;
    for (size_t i = 0; i < count; i++) {
        const struct advice_finding *f = finding_of(findings, &rows[i]);
        enum advice_act act = !f && rows[i].rule < ADVICE_RULES && findings->unknown[rows[i].rule]
                                  ? ADVICE_NOTHING
                                  : advice_step(&rows[i], f);
        if (act != ADVICE_NOTHING)
            out[made++] = (struct advice_change){act, &rows[i], f};
    }
    return made +
           begin_new(rows, count, findings, room < ADVICE_OPENS_MAX ? room : ADVICE_OPENS_MAX, out + made);
}
