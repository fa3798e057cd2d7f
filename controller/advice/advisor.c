#include "controller/advice/advisor.h"

#include "common/base/mem.h"
#include "common/io/log.h"

#include <stdio.h>
#include <stdlib.h>

#define FIRST_MS 60000 /* nodes come into session, and samples are taken */

struct advisor {
    struct advisor_conf conf;
    bool leads, busy, stopped;
    uint64_t lead;    /* counts the times that it began to lead */
    uint64_t look_ms; /* when it looked last, or began to lead; 0: it never did */
    bool looked;      /* since it began to lead */
    struct db_advice_counts counts;
};

/* A look under way. */
struct look {
    struct advisor *advisor;
    uint64_t lead, begun_ms;
    struct advice_findings findings;
};

static bool gone(const struct look *l)
{
    return l->advisor->stopped || !l->advisor->leads || l->advisor->lead != l->lead;
}

static void finish(struct look *l)
{
    l->advisor->busy = false;
    advice_findings_fini(&l->findings);
    free(l);
}

static void on_applied(void *arg, int code, const struct err *e, const char *json)
{
    if (code && code != ERR_CANCELLED)
        log_warn("advisor", "what was found is not stored; the next look tries again: %s", e->text);
    finish(arg);
}

static void keep_problem(struct look *l, int code, const struct err *e)
{
    if (code == ERR_CANCELLED || gone(l)) {
        finish(l);
        return;
    }
    log_warn("advisor", "the figures of the system cannot be read; the next look tries again: %s", e->text);
    db_advice_apply(l->advisor->conf.pool, NULL, 0, loop_now_ms() - l->begun_ms, e->text, on_applied, l);
}

static void on_stored(void *arg, int code, const struct err *e, const struct advice_row *rows, size_t count,
                      size_t room)
{
    struct look *l = arg;
    if (code || gone(l)) {
        keep_problem(l, code, e);
        return;
    }
    struct advice_change *changes = mem_zalloc((count + l->findings.count + 1) * sizeof *changes);
    size_t many = advice_step_all(rows, count, &l->findings, room, changes);
    db_advice_apply(l->advisor->conf.pool, changes, many, loop_now_ms() - l->begun_ms, NULL, on_applied, l);
    free(changes);
}

static void on_figures(void *arg, int code, const struct err *e, struct advice_figures *figures)
{
    struct look *l = arg;
    if (code) {
        keep_problem(l, code, e);
        return;
    }
    if (!gone(l)) {
        l->advisor->conf.measure(l->advisor->conf.owner, figures);
        advice_find(&l->findings, figures);
    }
    advice_figures_fini(figures);
    if (gone(l))
        finish(l);
    else
        db_advice_stored(l->advisor->conf.pool, on_stored, l);
}

static void look(struct advisor *a)
{
    struct look *l = mem_zalloc(sizeof *l);
    *l = (struct look){.advisor = a, .lead = a->lead, .begun_ms = loop_now_ms()};
    a->busy = true;
    a->looked = true;
    a->look_ms = l->begun_ms;
    db_advice_figures(a->conf.reads, a->conf.defaults, on_figures, l);
}

void advisor_run(struct advisor *a, bool leads, uint64_t period_ms)
{
    if (leads && !a->leads) {
        a->lead++;
        a->looked = false;
        a->look_ms = loop_now_ms();
    } else if (!leads) {
        a->counts = (struct db_advice_counts){{0}};
    }
    a->leads = leads;
    uint64_t wait_ms = !a->looked && period_ms > FIRST_MS ? FIRST_MS : period_ms;
    if (leads && !a->busy && !a->stopped && loop_now_ms() >= a->look_ms + wait_ms)
        look(a);
}

static void on_counts(void *arg, int code, const struct err *e, const struct db_advice_counts *counts)
{
    struct advisor *a = arg;
    if (!code && a->leads)
        a->counts = *counts;
}

void advisor_count(struct advisor *a, bool leads)
{
    if (leads && !a->stopped)
        db_advice_counts(a->conf.pool, on_counts, a);
}

struct db_advice_counts advisor_counts(const struct advisor *a)
{
    return a->counts;
}

struct advisor *advisor_new(const struct advisor_conf *conf)
{
    struct advisor *a = mem_zalloc(sizeof *a);
    a->conf = *conf;
    return a;
}

void advisor_stop(struct advisor *a)
{
    if (a)
        a->stopped = true;
}

void advisor_free(struct advisor *a)
{
    free(a);
}
