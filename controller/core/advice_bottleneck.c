/* What holds others up: Docker, the disk, the turns of starts, the database, pressure. */
#include "controller/core/advice_int.h"

#include "common/base/mem.h"

#include <stdlib.h>

#define STARTS_LEAST   10.0
#define KEEPS          0.75 /* of what opens */
#define REQUESTS_LEAST 200.0

/* --- steps of a start --- */

struct step {
    size_t at; /* of its time in struct advice_starts */
    double opens_ms;
    const char *what, *help;
};

static double time_of(const struct advice_starts *s, const struct step *step)
{
    return *(const double *)(const void *)((const char *)s + step->at);
}

static double median_of_others(const struct advice_figures *f, size_t but, const struct step *step)
{
    double *values = mem_zalloc((f->node_start_count + 1) * sizeof *values);
    size_t n = 0;
    for (size_t i = 0; i < f->node_start_count; i++) {
        if (i != but && f->node_starts[i].name[0])
            values[n++] = time_of(&f->node_starts[i], step);
    }
    double median = advice_median(values, n);
    free(values);
    return median;
}

static void put_slow(struct advice_pass *pass, size_t i, const struct step *step)
{
    const struct advice_starts *s = &pass->figures->node_starts[i];
    double ms = time_of(s, step), others = median_of_others(pass->figures, i, step);
    struct advice_made made;
    advice_begin(&made, s->name[0] ? "node" : "system", s->name, ms / step->opens_ms, ms >= step->opens_ms);
    made.finding.severity = ms >= 5 * step->opens_ms ? ADVICE_CRITICAL : ADVICE_WARNING;
    advice_say(
        &made,
        "%s%s%s %.1f s, in the median of %.0f cold starts of the last day; a start takes %.1f s in all. %s",
        s->name[0] ? "on node " : "", s->name, step->what, ms / 1000, s->count - s->warm, s->whole_ms / 1000,
        step->help);
    advice_num(&made.evidence, "median_ms", ms);
    advice_num(&made.evidence, "starts", s->count - s->warm);
    advice_num(&made.evidence, "whole_ms", s->whole_ms);
    if (s->name[0])
        advice_num(&made.evidence, "other_nodes_ms", others);
    advice_num(&made.effect, "start_ms", s->whole_ms - ms + (s->name[0] ? (others < ms ? others : ms) : 0));
    advice_put(pass, &made);
}

/* whole: of all nodes together, not of each. */
static void find_slow(struct advice_pass *pass, const struct step *step, bool whole)
{
    const struct advice_figures *f = pass->figures;
    for (size_t i = 0; i < f->node_start_count; i++) {
        const struct advice_starts *s = &f->node_starts[i];
        if (whole == !s->name[0] && s->count - s->warm >= STARTS_LEAST &&
            time_of(s, step) >= KEEPS * step->opens_ms)
            put_slow(pass, i, step);
    }
}

void advice_docker_slow(struct advice_pass *pass)
{
    static const struct step step = {offsetof(struct advice_starts, docker_ms), 2000,
                                     ", Docker creates and starts a container in",
                                     "Look at dockerd and its disk there, or cordon the node."};
    find_slow(pass, &step, false);
}

void advice_disk_slow(struct advice_pass *pass)
{
    static const struct step step = {offsetof(struct advice_starts, disk_ms), 1000,
                                     ", the disk of a sandbox is made and filled in",
                                     "Look at the disk that the agent keeps volumes on, or use images with "
                                     "fewer files under their volumes."};
    find_slow(pass, &step, false);
}

void advice_starts_wait(struct advice_pass *pass)
{
    static const struct step step = {
        offsetof(struct advice_starts, turn_ms), 1000, ", a start waits for its turn for",
        "Add nodes, or let more start at once (starts_at_once of the agent) if its processors have time."};
    find_slow(pass, &step, false);
}

void advice_control_slow(struct advice_pass *pass)
{
    static const struct step step = {offsetof(struct advice_starts, control_ms), 500,
                                     "a start is admitted and sent to its node in",
                                     "Look at PostgreSQL's disk (commits) and at the network to the nodes."};
    find_slow(pass, &step, true);
}

/* --- the database --- */

void advice_database_slow(struct advice_pass *pass)
{
    const struct advice_database *d = &pass->figures->database;
    struct advice_made made;
    if (!pass->figures->measured || d->requests < REQUESTS_LEAST) {
        advice_unknown(pass);
        return;
    }
    if (d->share_slow < 0.03)
        return;
    advice_begin(&made, "system", "", d->share_slow, d->share_slow >= 0.05);
    made.finding.severity = d->share_slow >= 0.25 ? ADVICE_CRITICAL : ADVICE_WARNING;
    advice_say(&made,
               "%.1f %% of %.0f requests to PostgreSQL took longer than %d ms. Look at its disk, its memory "
               "(shared_buffers) and what else it serves.",
               100 * d->share_slow, d->requests, ADVICE_SLOW_MS);
    advice_num(&made.evidence, "requests", d->requests);
    advice_num(&made.evidence, "share_slow", d->share_slow);
    json_text_num(&made.evidence, "slow_ms", ADVICE_SLOW_MS);
    json_text_num(&made.effect, "request_ms_below", ADVICE_SLOW_MS);
    advice_put(pass, &made);
}

void advice_database_queue(struct advice_pass *pass)
{
    const struct advice_queues *q = &pass->figures->queues;
    struct advice_made made;
    if (!q->known)
        advice_unknown(pass);
    if (!q->known || q->database_mean < 5)
        return;
    advice_begin(&made, "system", "", q->database_mean, q->database_mean >= 10);
    made.finding.severity = ADVICE_WARNING;
    advice_say(&made,
               "%.0f requests wait for a connection to PostgreSQL, in the mean of the last hour. Raise "
               "database_connections if PostgreSQL has time, "
               "else make it faster.",
               q->database_mean);
    advice_num(&made.evidence, "waiting", q->database_mean);
    advice_num(&made.evidence, "creates_waiting", q->creates_mean);
    json_text_num(&made.effect, "waiting", 0);
    advice_put(pass, &made);
}

/* --- pressure --- */

static void put_pressure(struct advice_pass *pass, const struct advice_pressure *p, double percent,
                         double opens, const char *what, const char *help)
{
    struct advice_made made;
    advice_begin(&made, "node", p->node, percent, percent >= opens);
    made.finding.severity = percent >= 2 * opens ? ADVICE_CRITICAL : ADVICE_WARNING;
    advice_say(&made, "the sandboxes of node %s wait for %s for %.0f %% of the time, in the mean of %.0f. %s",
               p->node, what, percent, p->sandboxes, help);
    advice_num(&made.evidence, "cpu_percent", p->cpu);
    advice_num(&made.evidence, "memory_percent", p->memory);
    advice_num(&made.evidence, "io_percent", p->io);
    advice_num(&made.evidence, "sandboxes", p->sandboxes);
    advice_num(&made.effect, "percent_below", opens);
    advice_put(pass, &made);
}

static void find_pressure(struct advice_pass *pass, size_t at, double opens, const char *what,
                          const char *help)
{
    const struct advice_figures *f = pass->figures;
    if (!f->measured)
        advice_unknown(pass);
    for (size_t i = 0; f->measured && i < f->pressure_count; i++) {
        const struct advice_pressure *p = &f->pressures[i];
        double percent = *(const double *)(const void *)((const char *)p + at);
        if (p->sandboxes >= 1 && percent >= KEEPS * opens)
            put_pressure(pass, p, percent, opens, what, help);
    }
}

void advice_disk_pressure(struct advice_pass *pass)
{
    find_pressure(pass, offsetof(struct advice_pressure, io), 30, "its disk",
                  "Look at the disk that the agent keeps volumes on, or cordon the node for a while.");
}

void advice_memory_pressure(struct advice_pass *pass)
{
    find_pressure(pass, offsetof(struct advice_pressure, memory), 20, "memory",
                  "Its sandboxes need more than their limits; see which by `corral stats`.");
}
