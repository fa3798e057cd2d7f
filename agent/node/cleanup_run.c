#include "agent/node/cleanup_run.h"

#include "agent/agent_state.h"

#include "common/io/log.h"
#include "common/base/mem.h"

#include <stdio.h>
#include <stdlib.h>

#define SUSPECTS_MAX 1024 /* per kind and cleanup; the rest is left for the next one */

/* --- steps --- */

static void next_kind(void *arg);
static void next_suspect(void *arg);

static void soon(struct cleanup *s, loop_cb *step)
{
    later_call(&s->later, s->agent->loop, step, s);
}

void cleanup_suspect(struct cleanup *s, const struct sandbox_id *id, const char *name, const char *other_name)
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

void cleanup_listed(struct cleanup *s, int code, const struct err *e)
{
    if (code)
        log_warn("cleanup", "kind=%s is left for the next cleanup: %s",
                 cleanup_kind_name(s->kinds[s->kind].counted_as), e->text);
    s->at = 0;
    soon(s, next_suspect);
}

void cleanup_removed(struct cleanup *s, int code, const struct err *e)
{
    const struct suspect *it = &s->item[s->at];
    enum cleanup_kind kind = s->kinds[s->kind].counted_as;
    if (code)
        log_warn("cleanup", "kind=%s sandbox=%s %s stays: %s", cleanup_kind_name(kind), it->id.text, it->name,
                 e->text);
    else
        log_info("cleanup", "kind=%s sandbox=%s %s is removed", cleanup_kind_name(kind), it->id.text,
                 it->name);
    s->report.counts.removed[kind] += !code;
    s->at++;
    soon(s, next_suspect);
}

void cleanup_checked(struct cleanup *s, bool orphan)
{
    const struct orphan_kind *kind = &s->kinds[s->kind];
    s->report.counts.found[kind->counted_as] += orphan;
    if (orphan && !s->report.dry_run) {
        kind->remove(s, &s->item[s->at]);
        return;
    }
    s->at++;
    soon(s, next_suspect);
}

const struct sandbox_record *cleanup_record_of(const struct cleanup *s, const struct suspect *it)
{
    return it->id.text[0] ? reconciler_find(s->agent->reconciler, &it->id) : NULL;
}

static void finish(struct cleanup *s)
{
    struct agent *agent = s->agent;
    const struct orphan_kind *kinds = s->kinds;
    struct cleanup_order next = agent->cleanup_waiting;
    char text[CLEANUP_TEXT_MAX];
    cleanup_text(&s->report.counts, text);
    if (s->report.asked || cleanup_found_any(&s->report.counts))
        log_info("cleanup", "%s%s, found/removed: %s", s->report.asked ? "asked for" : "by itself",
                 s->report.dry_run ? ", a dry run" : "", text);
    if (s->report.asked || cleanup_removed_any(&s->report.counts)) {
        s->report.number = ++agent->cleanup_number;
        uplink_cleanup(agent->uplink, &s->report);
    }
    cleanup_free(agent);
    agent->cleanup_waiting = (struct cleanup_order){0};
    if (next.number)
        cleanup_start(agent, kinds, &next, false);
}

static bool is_for(const struct cleanup *s, const struct orphan_kind *kind)
{
    return (kind->at_beginning || !s->begins) && (s->agent->docker_ready || !kind->needs_docker);
}

static void next_suspect(void *arg)
{
    struct cleanup *s = arg;
    if (s->at < s->count) {
        s->kinds[s->kind].check(s, &s->item[s->at]);
        return;
    }
    s->kind++;
    next_kind(s);
}

static void next_kind(void *arg)
{
    struct cleanup *s = arg;
    s->count = s->at = 0;
    while (s->kind < ORPHAN_KINDS && !is_for(s, &s->kinds[s->kind]))
        s->kind++;
    if (s->kind < ORPHAN_KINDS)
        s->kinds[s->kind].list(s);
    else
        finish(s);
}

void cleanup_start(struct agent *agent, const struct orphan_kind *kinds, const struct cleanup_order *order,
                   bool begins)
{
    struct cleanup *s = mem_zalloc(sizeof *s);
    *s = (struct cleanup){.agent = agent,
                          .kinds = kinds,
                          .report = {.asked = order->number, .dry_run = order->dry_run},
                          .begins = begins};
    agent->cleanup = s;
    if (!begins && !order->dry_run)
        agent->cleaned_ms = loop_now_ms();
    soon(s, next_kind);
}

void cleanup_free(struct agent *agent)
{
    if (!agent->cleanup)
        return;
    later_cancel(&agent->cleanup->later);
    free(agent->cleanup->item);
    free(agent->cleanup);
    agent->cleanup = NULL;
}
