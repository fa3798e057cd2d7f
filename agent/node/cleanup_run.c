#include "agent/node/cleanup_run.h"

#include "agent/agent_state.h"

#include "common/io/log.h"
#include "common/base/mem.h"

#include <stdio.h>
#include <stdlib.h>

#define SUSPECTS_MAX 1024 /* of a kind in one sweep; the rest is the next one's */

/* --- from step to step --- */

static void next_kind(void *arg);
static void next_suspect(void *arg);

static void soon(struct sweep *s, loop_cb *step)
{
    later_call(&s->later, s->agent->loop, step, s);
}

void sweep_suspect(struct sweep *s, const struct sandbox_id *id, const char *name, const char *other_name)
{
    if (s->count == SUSPECTS_MAX)
        return;
    s->item = mem_grow(s->item, s->count + 1, sizeof *s->item);
    struct suspect *it = &s->item[s->count++];
    *it = (struct suspect){.name = ""};
    if (id)
        it->id = *id;
    snprintf(it->name, sizeof it->name, "%s", name);
    snprintf(it->other_name, sizeof it->other_name, "%s", other_name);
}

void sweep_listed(struct sweep *s, int code, const struct err *e)
{
    if (code)
        log_warn("sweep", "kind=%s is left for the next sweep: %s",
                 sweep_kind_name(s->kinds[s->kind].counted_as), e->text);
    s->at = 0;
    soon(s, next_suspect);
}

void sweep_removed(struct sweep *s, int code, const struct err *e)
{
    const struct suspect *it = &s->item[s->at];
    enum sweep_kind kind = s->kinds[s->kind].counted_as;
    if (code)
        log_warn("sweep", "kind=%s sandbox=%s %s stays: %s", sweep_kind_name(kind), it->id.text, it->name,
                 e->text);
    else
        log_info("sweep", "kind=%s sandbox=%s %s is removed", sweep_kind_name(kind), it->id.text, it->name);
    s->report.counts.removed[kind] += !code;
    s->at++;
    soon(s, next_suspect);
}

void sweep_looked(struct sweep *s, bool stray)
{
    const struct stray_kind *kind = &s->kinds[s->kind];
    s->report.counts.found[kind->counted_as] += stray;
    if (stray && !s->report.dry_run) {
        kind->remove(s, &s->item[s->at]);
        return;
    }
    s->at++;
    soon(s, next_suspect);
}

const struct sandbox_record *sweep_record_of(const struct sweep *s, const struct suspect *it)
{
    return it->id.text[0] ? reconciler_find(s->agent->reconciler, &it->id) : NULL;
}

static void finish(struct sweep *s)
{
    struct agent *agent = s->agent;
    const struct stray_kind *kinds = s->kinds;
    struct sweep_order next = agent->sweep_waiting;
    char text[SWEEP_TEXT_MAX];
    sweep_text(&s->report.counts, text);
    if (s->report.asked || sweep_found_any(&s->report.counts))
        log_info("sweep", "%s%s, found/removed: %s", s->report.asked ? "asked for" : "by itself",
                 s->report.dry_run ? ", a dry run" : "", text);
    if (s->report.asked || sweep_removed_any(&s->report.counts)) {
        s->report.number = ++agent->sweep_number;
        uplink_sweep(agent->uplink, &s->report);
    }
    sweep_free(agent);
    agent->sweep_waiting = (struct sweep_order){0};
    if (next.number)
        sweep_start(agent, kinds, &next, false);
}

static bool is_for(const struct sweep *s, const struct stray_kind *kind)
{
    return (kind->at_beginning || !s->begins) && (s->agent->docker_ready || !kind->needs_docker);
}

static void next_suspect(void *arg)
{
    struct sweep *s = arg;
    if (s->at < s->count) {
        s->kinds[s->kind].look(s, &s->item[s->at]);
        return;
    }
    s->kind++;
    next_kind(s);
}

static void next_kind(void *arg)
{
    struct sweep *s = arg;
    s->count = s->at = 0;
    while (s->kind < STRAY_KINDS && !is_for(s, &s->kinds[s->kind]))
        s->kind++;
    if (s->kind < STRAY_KINDS)
        s->kinds[s->kind].list(s);
    else
        finish(s);
}

void sweep_start(struct agent *agent, const struct stray_kind *kinds, const struct sweep_order *order,
                 bool begins)
{
    struct sweep *s = mem_zalloc(sizeof *s);
    *s = (struct sweep){.agent = agent,
                        .kinds = kinds,
                        .report = {.asked = order->number, .dry_run = order->dry_run},
                        .begins = begins};
    agent->sweep = s;
    if (!begins && !order->dry_run)
        agent->swept_ms = loop_now_ms();
    soon(s, next_kind);
}

void sweep_free(struct agent *agent)
{
    if (!agent->sweep)
        return;
    later_cancel(&agent->sweep->later);
    free(agent->sweep->item);
    free(agent->sweep);
    agent->sweep = NULL;
}
