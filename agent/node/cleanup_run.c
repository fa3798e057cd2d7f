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

static void soon(struct cleanup *cleanup, loop_cb *step)
{
    later_call(&cleanup->later, cleanup->agent->loop, step, cleanup);
}

void cleanup_suspect(struct cleanup *cleanup, const struct sandbox_id *id, const char *name,
                     const char *other_name)
{
    if (cleanup->count == SUSPECTS_MAX)
        return;
    cleanup->item = mem_grow(cleanup->item, cleanup->count + 1, sizeof *cleanup->item);
    struct suspect *it = &cleanup->item[cleanup->count++];
    *it = (struct suspect){.name = ""};
    if (id)
        it->id = *id;
    snprintf(it->name, sizeof it->name, "%s", name);
    snprintf(it->other_name, sizeof it->other_name, "%s", other_name);
}

void cleanup_listed(struct cleanup *cleanup, int code, const struct err *e)
{
    if (code)
        log_warn("cleanup", "kind=%s is left for the next cleanup: %s",
                 cleanup_kind_name(cleanup->kinds[cleanup->kind].counted_as), e->text);
    cleanup->at = 0;
    soon(cleanup, next_suspect);
}

void cleanup_removed(struct cleanup *cleanup, int code, const struct err *e)
{
    const struct suspect *it = &cleanup->item[cleanup->at];
    enum cleanup_kind kind = cleanup->kinds[cleanup->kind].counted_as;
    if (code)
        log_warn("cleanup", "kind=%s sandbox=%s %s stays: %s", cleanup_kind_name(kind), it->id.text, it->name,
                 e->text);
    else
        log_info("cleanup", "kind=%s sandbox=%s %s is removed", cleanup_kind_name(kind), it->id.text,
                 it->name);
    cleanup->report.counts.removed[kind] += !code;
    cleanup->at++;
    soon(cleanup, next_suspect);
}

void cleanup_checked(struct cleanup *cleanup, bool orphan)
{
    const struct orphan_kind *kind = &cleanup->kinds[cleanup->kind];
    cleanup->report.counts.found[kind->counted_as] += orphan;
    if (orphan && !cleanup->report.dry_run) {
        kind->remove(cleanup, &cleanup->item[cleanup->at]);
        return;
    }
    cleanup->at++;
    soon(cleanup, next_suspect);
}

const struct sandbox_record *cleanup_record_of(const struct cleanup *cleanup, const struct suspect *it)
{
    return it->id.text[0] ? reconciler_find(cleanup->agent->reconciler, &it->id) : NULL;
}

static void finish(struct cleanup *cleanup)
{
    struct agent *agent = cleanup->agent;
    const struct orphan_kind *kinds = cleanup->kinds;
    struct cleanup_order next = agent->cleanup_waiting;
    char text[CLEANUP_TEXT_MAX];
    cleanup_text(&cleanup->report.counts, text);
    if (cleanup->report.asked || cleanup_found_any(&cleanup->report.counts))
        log_info("cleanup", "%s%s, found/removed: %s", cleanup->report.asked ? "asked for" : "by itself",
                 cleanup->report.dry_run ? ", a dry run" : "", text);
    if (cleanup->report.asked || cleanup_removed_any(&cleanup->report.counts)) {
        cleanup->report.number = ++agent->cleanup_number;
        uplink_cleanup(agent->uplink, &cleanup->report);
    }
    cleanup_free(agent);
    agent->cleanup_waiting = (struct cleanup_order){0};
    if (next.number)
        cleanup_start(agent, kinds, &next, false);
}

static bool is_for(const struct cleanup *cleanup, const struct orphan_kind *kind)
{
    return (kind->at_beginning || !cleanup->begins) && (cleanup->agent->docker_ready || !kind->needs_docker);
}

static void next_suspect(void *arg)
{
    struct cleanup *cleanup = arg;
    if (cleanup->at < cleanup->count) {
        cleanup->kinds[cleanup->kind].check(cleanup, &cleanup->item[cleanup->at]);
        return;
    }
    cleanup->kind++;
    next_kind(cleanup);
}

static void next_kind(void *arg)
{
    struct cleanup *cleanup = arg;
    cleanup->count = cleanup->at = 0;
    while (cleanup->kind < ORPHAN_KINDS && !is_for(cleanup, &cleanup->kinds[cleanup->kind]))
        cleanup->kind++;
    if (cleanup->kind < ORPHAN_KINDS)
        cleanup->kinds[cleanup->kind].list(cleanup);
    else
        finish(cleanup);
}

void cleanup_start(struct agent *agent, const struct orphan_kind *kinds, const struct cleanup_order *order,
                   bool begins)
{
    struct cleanup *cleanup = mem_zalloc(sizeof *cleanup);
    *cleanup = (struct cleanup){.agent = agent,
                                .kinds = kinds,
                                .report = {.asked = order->number, .dry_run = order->dry_run},
                                .begins = begins};
    agent->cleanup = cleanup;
    if (!begins && !order->dry_run)
        agent->cleaned_ms = loop_now_ms();
    soon(cleanup, next_kind);
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
