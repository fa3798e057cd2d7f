/* What is reserved and not used; limits that nobody meets, or that everybody hits. */
#include "controller/core/advice_int.h"

#include <stdio.h>

#define MEMORY_OPENS    0.25 /* used, of what is reserved */
#define CPU_OPENS       0.10
#define KEEPS           1.4  /* times what opens */
#define WORTH           0.05 /* of the capacity of the system: less is not worth a word */
#define MARGIN          1.5  /* times what is used: what would do */
#define SANDBOXES_LEAST 20.0
#define ENDED_LEAST     10.0
#define USERS_LEAST     3.0

/* Of all nodes that have figures. */
static double capacity_of(const struct advice_figures *f, enum advice_resource r)
{
    double sum = 0;
    for (size_t i = 0; i < f->node_count; i++)
        sum += f->nodes[i].known ? f->nodes[i].capacity[r] : 0;
    return sum;
}

static void put_unused(struct advice_pass *pass, const struct advice_tier *t, enum advice_resource r,
                       double opens, double capacity)
{
    struct advice_made made;
    char reserved[ADVICE_AMOUNT_MAX], used[ADVICE_AMOUNT_MAX], free_[ADVICE_AMOUNT_MAX];
    double share = t->used[r] / t->reserved[r], frees = t->reserved[r] - MARGIN * t->used[r];
    advice_amount(r, t->reserved[r], reserved);
    advice_amount(r, t->used[r], used);
    advice_amount(r, frees, free_);
    advice_begin(&made, "tier", t->name, frees / capacity,
                 share < opens && t->reserved[r] >= WORTH * capacity);
    made.finding.severity = t->reserved[r] >= 0.5 * capacity ? ADVICE_WARNING : ADVICE_INFO;
    advice_say(&made,
               "the sandboxes of tier %s reserve %s of %s and use %s (%.0f %%), in the mean of a week. Lower "
               "what they get by default, or their "
               "limits one by one (corral recommend): up to %s become free.",
               t->name, reserved, advice_resource_word(r), used, 100 * share, free_);
    advice_num(&made.evidence, "reserved", t->reserved[r]);
    advice_num(&made.evidence, "used", t->used[r]);
    advice_num(&made.evidence, "share_used", share);
    advice_num(&made.evidence, "share_of_capacity", t->reserved[r] / capacity);
    advice_num(&made.effect, "frees", frees);
    advice_put(pass, &made);
}

static void find_unused(struct advice_pass *pass, enum advice_resource r, double opens)
{
    const struct advice_figures *f = pass->figures;
    double capacity = capacity_of(f, r);
    if (capacity <= 0)
        advice_unknown(pass);
    for (size_t i = 0; capacity > 0 && i < f->tier_count; i++) {
        const struct advice_tier *t = &f->tiers[i];
        if (t->known && t->reserved[r] >= WORTH / KEEPS * capacity &&
            t->used[r] < KEEPS * opens * t->reserved[r])
            put_unused(pass, t, r, opens, capacity);
    }
}

void advice_memory_unused(struct advice_pass *pass)
{
    find_unused(pass, ADVICE_MEMORY, MEMORY_OPENS);
}

void advice_cpu_unused(struct advice_pass *pass)
{
    find_unused(pass, ADVICE_CPU, CPU_OPENS);
}

/* --- limits --- */

void advice_limit_unmet(struct advice_pass *pass)
{
    const struct advice_figures *f = pass->figures;
    for (size_t i = 0; i < f->tier_count; i++) {
        const struct advice_tier *t = &f->tiers[i];
        struct advice_made made;
        char most[ADVICE_AMOUNT_MAX], limit[ADVICE_AMOUNT_MAX];
        if (t->creates < SANDBOXES_LEAST || t->memory_limit <= 0 || t->memory_most >= 0.6 * t->memory_limit)
            continue;
        advice_amount(ADVICE_MEMORY, t->memory_most, most);
        advice_amount(ADVICE_MEMORY, t->memory_limit, limit);
        advice_begin(&made, "tier", t->name, t->memory_limit / (t->memory_most > 1 ? t->memory_most : 1),
                     t->memory_most < 0.5 * t->memory_limit);
        advice_say(&made,
                   "a sandbox of tier %s may have %s of memory, but the largest of the last week asked for "
                   "%s (%.0f sandboxes of %.0f users). A lower "
                   "limit bounds what one mistake reserves.",
                   t->name, limit, most, t->creates, t->users);
        advice_num(&made.evidence, "memory_limit_bytes", t->memory_limit);
        advice_num(&made.evidence, "memory_most_bytes", t->memory_most);
        advice_num(&made.evidence, "sandboxes", t->creates);
        advice_num(&made.evidence, "users", t->users);
        advice_num(&made.effect, "memory_limit_bytes", MARGIN * t->memory_most);
        advice_put(pass, &made);
    }
}

void advice_limit_hit(struct advice_pass *pass)
{
    const struct advice_figures *f = pass->figures;
    for (size_t i = 0; i < f->tier_count; i++) {
        const struct advice_tier *t = &f->tiers[i];
        struct advice_made made;
        double share = t->ended > 0 ? t->killed / t->ended : 0;
        if (t->ended < ENDED_LEAST || share < 0.15)
            continue;
        advice_begin(&made, "tier", t->name, share, share >= 0.2);
        made.finding.severity = share >= 0.5 ? ADVICE_CRITICAL : ADVICE_WARNING;
        advice_say(&made,
                   "%.0f of %.0f sandboxes of tier %s that ended within a week were killed for lack of "
                   "memory. Raise the memory that the tier gives, or "
                   "tell its users.",
                   t->killed, t->ended, t->name);
        advice_num(&made.evidence, "ended", t->ended);
        advice_num(&made.evidence, "killed", t->killed);
        advice_num(&made.evidence, "memory_limit_bytes", t->memory_limit);
        advice_num(&made.effect, "sandboxes_not_killed_a_week", t->killed);
        advice_put(pass, &made);
    }
}

void advice_quota_hit(struct advice_pass *pass)
{
    const struct advice_figures *f = pass->figures;
    for (size_t i = 0; i < f->tier_count; i++) {
        const struct advice_tier *t = &f->tiers[i];
        struct advice_made made;
        double share = t->live_users > 0 ? t->full_users / t->live_users : 0;
        if (t->live_users < USERS_LEAST || share < 0.4)
            continue;
        advice_begin(&made, "tier", t->name, share, share >= 0.5);
        advice_say(&made,
                   "%.0f of %.0f users of tier %s who have sandboxes have as many as they may (%.0f). Raise "
                   "max_sandboxes if nodes have room, or offer "
                   "another tier.",
                   t->full_users, t->live_users, t->name, t->max_sandboxes);
        advice_num(&made.evidence, "users_full", t->full_users);
        advice_num(&made.evidence, "users_live", t->live_users);
        advice_num(&made.evidence, "max_sandboxes", t->max_sandboxes);
        advice_num(&made.effect, "users_not_refused", t->full_users);
        advice_put(pass, &made);
    }
}
