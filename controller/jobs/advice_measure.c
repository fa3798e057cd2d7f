#include "controller/jobs/advice_measure.h"

#include "common/base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NODES_MAX    1000
#define READINGS_MIN 3

/* Sums of readings. A node's mean is that of its sandboxes that know their pressure, over all readings. */
struct advice_measured {
    size_t readings, count;
    struct advice_pressure node[NODES_MAX];
    double weight[NODES_MAX]; /* sandboxes, summed over readings */
    uint64_t requests, slow;  /* of PostgreSQL, as of the call before */
};

static struct advice_measured *measured_of(struct controller *c)
{
    if (!c->advice_measured)
        c->advice_measured = mem_zalloc(sizeof *c->advice_measured);
    return c->advice_measured;
}

void advice_measure_free(struct controller *c)
{
    mem_free_ptr(&c->advice_measured);
}

/* --- pressure --- */

/* -1: there is no room. The sandboxes of a node mostly follow each other. */
static ptrdiff_t node_at(struct advice_measured *m, const char *node)
{
    for (size_t i = m->count; i-- > 0;) {
        if (!strcmp(m->node[i].node, node))
            return (ptrdiff_t)i;
    }
    if (m->count >= NODES_MAX || !node[0])
        return -1;
    snprintf(m->node[m->count].node, sizeof m->node[0].node, "%s", node);
    return (ptrdiff_t)m->count++;
}

struct noting {
    struct advice_measured *measured;
    const struct stats *stats;
    uint64_t now;
};

static void note_sandbox(void *arg, const struct cluster_state_live *live)
{
    const struct noting *n = arg;
    struct sample s;
    ptrdiff_t at = live->state == SANDBOX_RUNNING && live->node ? node_at(n->measured, live->node) : -1;
    if (at < 0 || !stats_find(n->stats, n->now, live->id, &s) || s.io_some_centi == SAMPLE_NO_PRESSURE ||
        s.memory_some_centi == SAMPLE_NO_PRESSURE || s.cpu_some_centi == SAMPLE_NO_PRESSURE)
        return;
    struct advice_pressure *p = &n->measured->node[at];
    p->cpu += s.cpu_some_centi / 100.0;
    p->memory += s.memory_some_centi / 100.0;
    p->io += s.io_some_centi / 100.0;
    n->measured->weight[at]++;
}

void advice_measure_note(struct controller *c)
{
    struct noting n = {measured_of(c), leader_stats(c->leader), loop_now_ms()};
    if (!leader_ready(c->leader))
        return;
    n.measured->readings++;
    cluster_state_each(leader_state(c->leader), note_sandbox, &n);
}

static void take_pressures(struct advice_measured *m, struct advice_figures *f)
{
    f->pressures = mem_zalloc((m->count + 1) * sizeof *f->pressures);
    for (size_t i = 0; i < m->count; i++) {
        struct advice_pressure p = m->node[i];
        double weight = m->weight[i];
        if (weight <= 0)
            continue;
        p.cpu /= weight;
        p.memory /= weight;
        p.io /= weight;
        p.sandboxes = weight / (double)m->readings;
        f->pressures[f->pressure_count++] = p;
    }
    m->count = m->readings = 0;
    memset(m->node, 0, sizeof m->node);
    memset(m->weight, 0, sizeof m->weight);
}

/* --- the database --- */

/* Requests since the start, and those that took longer than ADVICE_SLOW_MS. Expensive reads may take long. */
static void count_requests(const struct controller *c, uint64_t *requests, uint64_t *slow)
{
    const struct db_pool *pools[] = {c->pool, c->key_pool};
    struct histogram all = {0};
    for (size_t k = 0; k < ARRAY_LEN(pools); k++) {
        for (int i = 0; i < DB_CLASSES; i++)
            histogram_merge(&all, db_pool_times(pools[k], (enum db_class)i));
    }
    *requests = all.count;
    *slow = all.count;
    for (size_t b = 0; db_pool_bounds.us[b] && db_pool_bounds.us[b] <= ADVICE_SLOW_MS * 1000; b++)
        *slow -= all.in[b];
}

void advice_measure(void *owner, struct advice_figures *f)
{
    struct controller *c = owner;
    struct advice_measured *m = measured_of(c);
    uint64_t requests, slow;
    count_requests(c, &requests, &slow);
    f->measured = m->readings >= READINGS_MIN;
    f->database.requests = (double)(requests - m->requests);
    f->database.share_slow = requests > m->requests ? (double)(slow - m->slow) / f->database.requests : 0;
    m->requests = requests;
    m->slow = slow;
    take_pressures(m, f);
}
