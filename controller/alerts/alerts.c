#include "controller/alerts/alerts.h"

#include "common/base/mem.h"
#include "common/io/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RULES_MS 30000 /* rules are read again after this time, also where no change was told */
#define AGAIN_MS 2000  /* after the database did not give them */

/* A rule, and when this process evaluates it. */
struct watched_rule {
    struct db_alert_rule rule;
    uint64_t due_ms;
    uint64_t seen_ms; /* of the last reading; 0: there was none */
};

struct alerts {
    struct alerts_conf conf;
    struct watched_rule *watches;
    size_t count;
    uint64_t read_ms; /* when the rules are read again */
    bool leads, busy, stopped;
    uint64_t lead; /* counts the times that it began to lead */
    struct later later;
    struct db_alert_counts counts;
};

/* A rule that is being evaluated. */
struct visit {
    struct alerts *alerts;
    struct db_alert_rule rule;
    uint64_t lead, asked_ms, elapsed_ms;
};

static void step(void *arg);

static bool gone(const struct alerts *a, uint64_t lead)
{
    return a->stopped || !a->leads || a->lead != lead;
}

static struct watched_rule *find_rule(const struct alerts *a, const char *name)
{
    for (size_t i = 0; i < a->count; i++) {
        if (!strcmp(a->watches[i].rule.name, name))
            return &a->watches[i];
    }
    return NULL;
}

static void forget(struct alerts *a)
{
    free(a->watches);
    a->watches = NULL;
    a->count = 0;
    a->read_ms = 0;
    a->counts = (struct db_alert_counts){{0}};
}

static void next(struct alerts *a)
{
    a->busy = false;
    if (a->leads && !a->stopped)
        later_call(&a->later, a->conf.loop, step, a);
}

/* --- the rules --- */

/* What was watched of a rule that is there again goes on. */
static void take_rules(struct alerts *a, const struct db_alert_rule *rules, size_t count)
{
    struct watched_rule *fresh = mem_zalloc((count + 1) * sizeof *fresh);
    uint64_t now = loop_now_ms();
    for (size_t i = 0; i < count; i++) {
        const struct watched_rule *old = find_rule(a, rules[i].name);
        uint64_t due_ms = now + rules[i].rule.interval_ms;
        fresh[i] = (struct watched_rule){.rule = rules[i], .due_ms = now};
        if (old && old->rule.version == rules[i].version) {
            fresh[i].due_ms = old->due_ms < due_ms ? old->due_ms : due_ms;
            fresh[i].seen_ms = old->seen_ms;
        }
    }
    free(a->watches);
    a->watches = fresh;
    a->count = count;
}

static void on_rules(void *arg, int code, const struct err *e, const struct db_alert_rule *rules,
                     size_t count)
{
    struct alerts *a = arg;
    bool again = a->read_ms == 0; /* told of a change meanwhile */
    if (!a->stopped && a->leads && !code) {
        take_rules(a, rules, count);
        a->read_ms = again ? 0 : loop_now_ms() + RULES_MS;
    }
    next(a);
}

static void read_rules(struct alerts *a)
{
    a->busy = true;
    a->read_ms = loop_now_ms() + AGAIN_MS;
    db_alert_rules(a->conf.pool, on_rules, a);
}

void alerts_rules_changed(struct alerts *a)
{
    a->read_ms = 0;
    if (a->leads && !a->busy && !a->stopped)
        later_call(&a->later, a->conf.loop, step, a);
}

/* --- one evaluation --- */

static void finish(struct visit *v, bool read)
{
    struct alerts *a = v->alerts;
    struct watched_rule *w = gone(a, v->lead) ? NULL : find_rule(a, v->rule.name);
    if (w && read)
        w->seen_ms = v->asked_ms;
    free(v);
    next(a);
}

static void on_applied(void *arg, int code, const struct err *e, const char *json)
{
    struct visit *v = arg;
    bool stale = !code && !strcmp(json, "stale");
    if (stale)
        v->alerts->read_ms = 0;
    finish(v, !code && !stale);
}

static void on_problem_kept(void *arg, int code, const struct err *e, const char *json)
{
    finish(arg, false);
}

static void keep_problem(struct visit *v, int code, const struct err *e)
{
    char text[600];
    struct db_alert_outcome outcome = {.problem = text};
    snprintf(text, sizeof text, "it could not be measured: %s", e->text);
    if (code == ERR_CANCELLED || gone(v->alerts, v->lead)) {
        finish(v, false);
        return;
    }
    log_warn("alerts", "rule=%s %s", v->rule.name, text);
    db_alert_apply(v->alerts->conf.pool, &v->rule, &outcome, on_problem_kept, v);
}

static const char *problem_of(const struct alert_row *rows, const struct db_alert_subject *subjects,
                              size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (rows[i].reading == ALERT_UNKNOWN && subjects[i].problem)
            return subjects[i].problem;
    }
    return NULL;
}

/* The last row stands for those that found no room: it is alarming where there are any. */
static void on_look(void *arg, int code, const struct err *e, struct alert_row *rows,
                    const struct db_alert_subject *subjects, size_t count, size_t room)
{
    struct visit *v = arg;
    if (code) {
        keep_problem(v, code, e);
        return;
    }
    if (!count || gone(v->alerts, v->lead)) {
        finish(v, false);
        return;
    }
    size_t out = alert_step_all(&v->rule.rule, rows, count - 1, room, v->elapsed_ms);
    rows[count - 1].reading = out ? ALERT_BREACH : ALERT_CLEAR;
    (void)alert_step_all(&v->rule.rule, &rows[count - 1], 1, 1, v->elapsed_ms);
    struct db_alert_outcome outcome = {rows, subjects, count, out, problem_of(rows, subjects, count)};
    db_alert_apply(v->alerts->conf.pool, &v->rule, &outcome, on_applied, v);
}

static void look(struct visit *v)
{
    struct alerts *a = v->alerts;
    const struct watched_rule *w = find_rule(a, v->rule.name);
    struct json_text given = {0};
    v->asked_ms = loop_now_ms();
    v->elapsed_ms = w && w->seen_ms ? v->asked_ms - w->seen_ms : 0;
    json_text_object(&given, NULL);
    a->conf.measure(a->conf.owner, &v->rule, &given);
    json_text_end(&given);
    db_alert_look(a->conf.reads, &v->rule, given.text.data, on_look, v);
    json_text_fini(&given);
}

static void on_gathered(void *arg, int code, const struct err *e, const char *json)
{
    struct visit *v = arg;
    if (code)
        keep_problem(v, code, e);
    else if (gone(v->alerts, v->lead))
        finish(v, false);
    else
        look(v);
}

static void evaluate(struct alerts *a, struct watched_rule *w)
{
    struct visit *v = mem_zalloc(sizeof *v);
    *v = (struct visit){.alerts = a, .rule = w->rule, .lead = a->lead};
    w->due_ms = loop_now_ms() + w->rule.rule.interval_ms;
    a->busy = true;
    if (w->rule.gathers)
        db_alert_gather(a->conf.pool, w->rule.name, on_gathered, v);
    else
        look(v);
}

/* --- the turn --- */

/* The one that is due for the longest. */
static struct watched_rule *first_due(const struct alerts *a, uint64_t now)
{
    struct watched_rule *first = NULL;
    for (size_t i = 0; i < a->count; i++) {
        struct watched_rule *w = &a->watches[i];
        if (w->due_ms <= now && (!first || w->due_ms < first->due_ms))
            first = w;
    }
    return first;
}

static void step(void *arg)
{
    struct alerts *a = arg;
    uint64_t now = loop_now_ms();
    struct watched_rule *w;
    if (a->busy || !a->leads || a->stopped)
        return;
    if (now >= a->read_ms)
        read_rules(a);
    else if ((w = first_due(a, now)))
        evaluate(a, w);
}

void alerts_run(struct alerts *a, bool leads)
{
    if (leads && !a->leads)
        a->lead++;
    else if (!leads && a->leads)
        forget(a);
    a->leads = leads;
    step(a);
}

static void on_counts(void *arg, int code, const struct err *e, const struct db_alert_counts *counts)
{
    struct alerts *a = arg;
    if (!code && a->leads)
        a->counts = *counts;
}

void alerts_measure(struct alerts *a, bool leads)
{
    if (leads && !a->stopped)
        db_alert_counts(a->conf.pool, on_counts, a);
}

struct db_alert_counts alerts_counts(const struct alerts *a)
{
    return a->counts;
}

/* --- life --- */

struct alerts *alerts_new(const struct alerts_conf *conf)
{
    struct alerts *a = mem_zalloc(sizeof *a);
    a->conf = *conf;
    return a;
}

void alerts_stop(struct alerts *a)
{
    if (!a)
        return;
    a->stopped = true;
    later_cancel(&a->later);
}

void alerts_free(struct alerts *a)
{
    if (!a)
        return;
    forget(a);
    free(a);
}
