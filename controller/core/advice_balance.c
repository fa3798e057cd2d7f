/* Which nodes are skewed, and what cordoning, uncordoning or placing would change. */
#include "controller/core/advice_int.h"

#include "common/base/mem.h"

#include <stdlib.h>
#include <string.h>

#define SKEW_OPENS   0.25 /* of its capacity, above the median of the others */
#define SKEW_KEEPS   0.15
#define SKEW_FULL    0.50 /* a node that is emptier bothers nobody */
#define IDLE_OPENS   0.50 /* how full the others are */
#define IDLE_KEEPS   0.40
#define UNEVEN_OPENS 0.60
#define UNEVEN_KEEPS 0.50

/* The median fullness of the region's ready nodes but this one; *others: how many there are. */
static double fullness_of_others(const struct advice_figures *f, const struct advice_node *node,
                                 size_t *others)
{
    enum advice_resource which;
    double *values = mem_zalloc((f->node_count + 1) * sizeof *values);
    *others = 0;
    for (size_t i = 0; i < f->node_count; i++) {
        const struct advice_node *other = &f->nodes[i];
        if (other != node && other->ready && other->known && !strcmp(other->region, node->region))
            values[(*others)++] = advice_fullness(other, &which);
    }
    double median = advice_median(values, *others);
    free(values);
    return median;
}

/* Sandboxes do not move: new ones go elsewhere while the node is cordoned, until so many of its own have
 * ended. */
static void put_skewed(struct advice_pass *pass, const struct advice_node *node, double full, double median,
                       size_t others, enum advice_resource which)
{
    struct advice_made made;
    double even = (full + median * (double)others) / (double)(others + 1);
    double away = node->reserved[which] - even * node->capacity[which];
    double each =
        node->reserved[ADVICE_SANDBOXES] > 0 ? node->reserved[which] / node->reserved[ADVICE_SANDBOXES] : 0;
    double sandboxes = each > 0 ? away / each : 0;
    advice_begin(&made, "node", node->name, full - median, full - median >= SKEW_OPENS);
    made.finding.severity = full >= 0.9 ? ADVICE_WARNING : ADVICE_INFO;
    advice_say(&made,
               "%s of node %s is %.0f %% reserved; the other %zu ready nodes of its region have %.0f %% in "
               "the median. Cordon it until "
               "about %.0f of its sandboxes have ended: all would be %.0f %% full.",
               advice_resource_word(which), node->name, 100 * full, others, 100 * median, sandboxes,
               100 * even);
    json_text_str(&made.evidence, "resource", advice_resource_name(which));
    advice_num(&made.evidence, "share", full);
    advice_num(&made.evidence, "share_of_others", median);
    json_text_num(&made.evidence, "others", others);
    advice_num(&made.evidence, "sandboxes", node->reserved[ADVICE_SANDBOXES]);
    advice_num(&made.effect, "share", even);
    advice_num(&made.effect, "sandboxes_elsewhere", sandboxes);
    advice_put(pass, &made);
}

void advice_node_skewed(struct advice_pass *pass)
{
    const struct advice_figures *f = pass->figures;
    for (size_t i = 0; i < f->node_count; i++) {
        const struct advice_node *node = &f->nodes[i];
        enum advice_resource which;
        size_t others;
        double full = advice_fullness(node, &which), median = fullness_of_others(f, node, &others);
        if (node->known && others && full >= SKEW_FULL && full - median >= SKEW_KEEPS)
            put_skewed(pass, node, full, median, others, which);
    }
}

static void put_idle(struct advice_pass *pass, const struct advice_node *node, double median, size_t others)
{
    struct advice_made made;
    double after = median * (double)others / (double)(others + 1);
    advice_begin(&made, "node", node->name, median, median >= IDLE_OPENS);
    made.finding.severity = median >= 0.8 ? ADVICE_WARNING : ADVICE_INFO;
    advice_say(&made,
               "node %s is cordoned and holds no sandbox, while the %zu ready nodes of its region are %.0f "
               "%% full in the median. Uncordon it, "
               "or remove it.",
               node->name, others, 100 * median);
    advice_num(&made.evidence, "share_of_others", median);
    json_text_num(&made.evidence, "others", others);
    advice_num(&made.effect, "share_of_others", after);
    advice_num(&made.effect, "memory_bytes", node->capacity[ADVICE_MEMORY]);
    advice_num(&made.effect, "cpu_millis", node->capacity[ADVICE_CPU]);
    advice_num(&made.effect, "sandboxes", node->capacity[ADVICE_SANDBOXES]);
    advice_put(pass, &made);
}

void advice_node_idle(struct advice_pass *pass)
{
    const struct advice_figures *f = pass->figures;
    for (size_t i = 0; i < f->node_count; i++) {
        const struct advice_node *node = &f->nodes[i];
        size_t others;
        double median = fullness_of_others(f, node, &others);
        if (node->known && node->cordoned && node->reserved[ADVICE_SANDBOXES] < 0.5 && others &&
            median >= IDLE_KEEPS)
            put_idle(pass, node, median, others);
    }
}

/* --- memory and processors that do not fit each other --- */

static void put_uneven(struct advice_pass *pass, const char *region, const double share[static 2])
{
    enum advice_resource full = share[ADVICE_MEMORY] > share[ADVICE_CPU] ? ADVICE_MEMORY : ADVICE_CPU;
    enum advice_resource idle = full == ADVICE_MEMORY ? ADVICE_CPU : ADVICE_MEMORY;
    struct advice_made made;
    advice_begin(&made, region[0] ? "region" : "system", region, share[full] - share[idle],
                 share[full] >= UNEVEN_OPENS && share[idle] < share[full] / 2);
    advice_say(&made,
               "%s of %s%s is %.0f %% reserved, but of %s only %.0f %%: the rest of it cannot be used. "
               "Choose nodes with more %s, or lower the %s that "
               "tiers give by default.",
               advice_resource_word(full), region[0] ? "region " : "the system", region, 100 * share[full],
               advice_resource_word(idle), 100 * share[idle], advice_resource_word(full),
               advice_resource_word(full));
    advice_num(&made.evidence, "memory_share", share[ADVICE_MEMORY]);
    advice_num(&made.evidence, "cpu_share", share[ADVICE_CPU]);
    json_text_str(&made.effect, "resource", advice_resource_name(idle));
    advice_num(&made.effect, "share_usable", share[full] - share[idle]);
    advice_put(pass, &made);
}

static void look_at_region(struct advice_pass *pass, const char *region)
{
    const struct advice_figures *f = pass->figures;
    double capacity[2] = {0}, reserved[2] = {0}, share[2];
    for (size_t i = 0; i < f->node_count; i++) {
        const struct advice_node *node = &f->nodes[i];
        if (!node->known || !node->ready || strcmp(node->region, region) != 0)
            continue;
        for (unsigned r = 0; r < 2; r++) {
            capacity[r] += node->capacity[r];
            reserved[r] += node->reserved[r];
        }
    }
    for (unsigned r = 0; r < 2; r++)
        share[r] = capacity[r] > 0 ? reserved[r] / capacity[r] : 0;
    double most = share[0] > share[1] ? share[0] : share[1],
           least = share[0] > share[1] ? share[1] : share[0];
    if (most >= UNEVEN_KEEPS && least < most * 0.6)
        put_uneven(pass, region, share);
}

/* Each region once: at its first node. */
void advice_resource_uneven(struct advice_pass *pass)
{
    const struct advice_figures *f = pass->figures;
    for (size_t i = 0; i < f->node_count; i++) {
        size_t k = 0;
        while (strcmp(f->nodes[k].region, f->nodes[i].region) != 0)
            k++;
        if (k == i)
            look_at_region(pass, f->nodes[i].region);
    }
}
