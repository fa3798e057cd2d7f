/* The nodes of the simulation: a real reconciler each; Docker and the disk are tables that survive the
 * agent. */
#include "tests/sim/world.h"

#include "common/base/mem.h"

#include <stdlib.h>
#include <string.h>

#define TURN_MS 20 /* longer than a turn of a healthy loop */

static void run_effects(struct world *w, int node);

static struct sim_event *answer_after(struct world *w, int node, int sandbox, uint64_t delay,
                                      void (*run)(struct world *, struct sim_event *))
{
    struct sim_event *e = sim_after(w, delay, run);
    e->node = node;
    e->sandbox = sandbox;
    e->incarnation = w->host[node].incarnation;
    return e;
}

static struct reconciler *still_up(struct world *w, const struct sim_event *e)
{
    struct host *h = &w->host[e->node];
    return h->incarnation == e->incarnation ? h->reconciler : NULL;
}

/* The record is on disk now, unless the agent died before the write ended. */
static void saved(struct world *w, struct sim_event *e)
{
    struct sandbox_model *b = &w->host[e->node].sandbox[e->sandbox];
    struct sandbox_id id = sim_id(e->sandbox);
    if (!still_up(w, e))
        return;
    b->unwritten = !e->flag;
    if (e->flag) {
        b->saved = true;
        b->record = b->writing;
    }
    reconciler_saved(w->host[e->node].reconciler, w->now, &id, e->flag, &w->host[e->node].effects);
    run_effects(w, e->node);
}

static void save(struct world *w, int node, int sandbox)
{
    struct host *h = &w->host[node];
    struct sandbox_model *b = &h->sandbox[sandbox];
    struct sandbox_id id = sim_id(sandbox);
    answer_after(w, node, sandbox, 1 + sim_random(w, 10), saved)->flag = w->now >= h->disk_full_ms;
    b->writing = *reconciler_find(h->reconciler, &id);
    b->writing.spec = NULL;
    b->writing.spec_len = 0;
}

static uint64_t docker_delay(struct world *w, int node, uint64_t usual)
{
    struct host *h = &w->host[node];
    uint64_t stuck = h->docker_stuck_ms > w->now ? h->docker_stuck_ms - w->now : 0;
    return stuck + usual / 2 + sim_random(w, usual);
}

/* A container starts; the answer arrives a little later, if the agent still lives. */
static void start_answered(struct world *w, struct sim_event *e)
{
    struct sandbox_id id = sim_id(e->sandbox);
    if (!still_up(w, e))
        return;
    struct start_result result = {.ok = e->flag,
                                  .reason = REASON_START_FAILED,
                                  .detail = "it could not be started",
                                  .node_fault =
                                      !e->flag && (w->host[e->node].broken_ms > w->now || sim_chance(w, 50))};
    reconciler_started(w->host[e->node].reconciler, w->now, &id, &result, &w->host[e->node].effects);
    run_effects(w, e->node);
}

static void start(struct world *w, struct sim_event *e)
{
    struct sandbox_model *b = &w->host[e->node].sandbox[e->sandbox];
    if (!still_up(w, e))
        return;
    if (b->forgotten)
        sim_fail(w, "sandbox %d was started again after its end", e->sandbox);
    if (b->begun)
        sim_fail(w, "sandbox %d was begun a second time", e->sandbox);
    struct sandbox_id id = sim_id(e->sandbox);
    reconciler_created(w->host[e->node].reconciler, &id, "container", &w->host[e->node].effects);
    run_effects(w, e->node);
    struct sim_event *answer = answer_after(w, e->node, e->sandbox, 1 + sim_random(w, 50), start_answered);
    answer->flag = !b->aborted && w->now >= w->host[e->node].broken_ms && !sim_chance(w, 5);
    b->memory_bytes = reconciler_find(w->host[e->node].reconciler, &id)->limits.memory_bytes;
    b->container = true;
    b->runs = b->begun = answer->flag;
    b->paused = false;
}

static void dead(struct world *w, struct sim_event *e)
{
    struct sandbox_id id = sim_id(e->sandbox);
    struct sandbox_exit exit = {.reason = REASON_EXITED, .has_exit_code = true};
    if (!still_up(w, e) || w->host[e->node].sandbox[e->sandbox].runs)
        return;
    reconciler_dead(w->host[e->node].reconciler, w->now, &id, &exit, &w->host[e->node].effects);
    run_effects(w, e->node);
}

static void killed(struct world *w, struct sim_event *e)
{
    struct sandbox_model *b = &w->host[e->node].sandbox[e->sandbox];
    if (!still_up(w, e) || (!w->calm && sim_chance(w, 10)))
        return; /* a kill that did not work is tried again */
    b->runs = false;
    answer_after(w, e->node, e->sandbox, 1 + sim_random(w, 20), dead);
}

static void removed(struct world *w, struct sim_event *e)
{
    struct sandbox_model *b = &w->host[e->node].sandbox[e->sandbox];
    struct sandbox_id id = sim_id(e->sandbox);
    if (!still_up(w, e))
        return;
    if (e->flag)
        b->container = b->runs = false;
    reconciler_removed(w->host[e->node].reconciler, w->now, &id, e->flag, &w->host[e->node].effects);
    run_effects(w, e->node);
}

static void paused(struct world *w, struct sim_event *e)
{
    struct sandbox_id id = sim_id(e->sandbox);
    struct sandbox_model *b = &w->host[e->node].sandbox[e->sandbox];
    if (!still_up(w, e))
        return;
    bool ok = b->runs;
    if (ok)
        b->paused = e->flag;
    reconciler_paused(w->host[e->node].reconciler, w->now, &id, ok, e->flag, &w->host[e->node].effects);
    run_effects(w, e->node);
}

static void resized(struct world *w, struct sim_event *e)
{
    struct host *h = &w->host[e->node];
    struct sandbox_model *b = &h->sandbox[e->sandbox];
    struct sandbox_id id = sim_id(e->sandbox);
    if (!still_up(w, e))
        return;
    if (b->runs)
        b->memory_bytes = e->memory_bytes;
    reconciler_resized(h->reconciler, w->now, &id, b->runs, &h->effects);
    run_effects(w, e->node);
}

static void run_effect(struct world *w, int node, const struct reconciler_effect *effect)
{
    struct host *h = &w->host[node];
    int sandbox = sim_index(&effect->id);
    struct sandbox_model *b = &h->sandbox[sandbox];
    switch (effect->kind) {
    case RECONCILER_SAVE:
        save(w, node, sandbox);
        break;
    case RECONCILER_START:
        b->aborted = false;
        answer_after(w, node, sandbox, docker_delay(w, node, 300), start);
        break;
    case RECONCILER_ABORT: /* the container may still be created; its command may not begin */
        b->aborted = true;
        break;
    case RECONCILER_PAUSE:
    case RECONCILER_RESUME:
        answer_after(w, node, sandbox, docker_delay(w, node, 20), paused)->flag =
            effect->kind == RECONCILER_PAUSE;
        break;
    case RECONCILER_RESIZE:
        answer_after(w, node, sandbox, docker_delay(w, node, 20), resized)->memory_bytes =
            reconciler_find(h->reconciler, &effect->id)->limits.memory_bytes;
        break;
    case RECONCILER_KILL:
        answer_after(w, node, sandbox, 1 + sim_random(w, 30), killed);
        break;
    case RECONCILER_REMOVE:
        if (b->saved && !b->unwritten &&
            (b->record.phase == PHASE_RUNNING || b->record.phase == PHASE_KILLING))
            sim_fail(w, "sandbox %d is removed before its end is on disk", sandbox);
        outbox_ended(w, node, sandbox);
        answer_after(w, node, sandbox, docker_delay(w, node, 100), removed)->flag =
            w->calm || !sim_chance(w, 10);
        break;
    case RECONCILER_REPORT:
        b->pending_report = true;
        b->report = effect->status;
        break;
    case RECONCILER_FORGET:
        b->saved = false;
        b->forgotten = true;
        break;
    }
    if (effect->kind != RECONCILER_REPORT || !h->session || !h->linked)
        return;
    struct sim_event message = {.run = controller_hear, .node = node, .session = h->session, .flag = true};
    message.status = effect->status;
    wire(w, &message);
}

/* The end of a turn runs the effects of its events, kills first, as agent/engine/engine.c does. Running an
 * effect may not add another one. */
static void settle(struct world *w, struct sim_event *e)
{
    struct host *h = &w->host[e->node];
    if (!still_up(w, e))
        return;
    h->due = false;
    for (int kills = 1; kills >= 0; kills--) {
        for (size_t i = 0; i < h->effects.count; i++) {
            if ((h->effects.item[i].kind == RECONCILER_KILL) == kills)
                run_effect(w, e->node, &h->effects.item[i]);
        }
    }
    reconciler_effects_clear(&h->effects);
}

/* A turn takes up to TURN_MS: other events come in between, and an agent that dies within the turn runs none
 * of its effects. */
static void run_effects(struct world *w, int node)
{
    struct host *h = &w->host[node];
    if (h->due)
        return;
    h->due = true;
    answer_after(w, node, 0, sim_random(w, TURN_MS), settle);
}

/* A session delivers one answer to one poll at a time: no older desired state arrives after a newer one. */
static bool overtaken(struct sandbox_model *b, const struct sim_event *e)
{
    if (b->told.session == e->session && e->desired.generation < b->told.generation)
        return true;
    b->told.session = e->session;
    b->told.generation = e->desired.generation;
    return false;
}

void agent_hear_desired(struct world *w, struct sim_event *e)
{
    struct host *h = &w->host[e->node];
    if (!h->reconciler || e->session != h->session)
        return;
    if (!h->linked) {
        sim_wait(e, w->now - e->asked_ms);
        wire_again(w, e);
        return;
    }
    if (overtaken(&h->sandbox[e->sandbox], e))
        return;
    if (e->desired.spec)
        e->desired.spec = (const uint8_t *)"spec";
    reconciler_desired(h->reconciler, w->now, &e->desired, &h->effects);
    run_effects(w, e->node);
}

void agent_hear_ack(struct world *w, struct sim_event *e)
{
    struct host *h = &w->host[e->node];
    struct sandbox_model *b = &h->sandbox[e->sandbox];
    if (!h->reconciler || e->session != h->session)
        return;
    if (b->pending_report && e->ack.number >= b->report.number)
        b->pending_report = false;
    reconciler_acked(h->reconciler, &e->ack, &h->effects);
    run_effects(w, e->node);
}

/* Docker is asked for the state of a container; its answer is the truth. */
static void inspected(struct world *w, struct sim_event *e)
{
    struct host *h = &w->host[e->node];
    struct sandbox_model *b = &h->sandbox[e->sandbox];
    struct sandbox_id id = sim_id(e->sandbox);
    struct sandbox_exit exit = {.reason = REASON_ORPHANED};
    const struct sandbox_record *record = still_up(w, e) ? reconciler_find(h->reconciler, &id) : NULL;
    if (!record || record->phase != PHASE_RUNNING)
        return;
    if (b->container)
        reconciler_seen_paused(h->reconciler, w->now, &id, b->paused, &h->effects);
    else
        reconciler_end(h->reconciler, w->now, &id, &exit, &h->effects);
    run_effects(w, e->node);
}

/* The command had begun before the agent died. */
static void adopt(struct world *w, int node, int sandbox)
{
    struct host *h = &w->host[node];
    struct sandbox_id id = sim_id(sandbox);
    struct sandbox_exit exit = {.reason = REASON_EXITED, .has_exit_code = true};
    reconciler_adopted(h->reconciler, w->now, &id, 0, &h->effects);
    if (!h->sandbox[sandbox].runs)
        reconciler_dead(h->reconciler, w->now, &id, &exit, &h->effects);
}

/* After a restart Docker is asked what became of each container. */
static void found(struct world *w, struct sim_event *e)
{
    struct host *h = &w->host[e->node];
    struct sandbox_id id = sim_id(e->sandbox);
    struct sandbox_exit exit = {.reason = REASON_EXITED};
    const struct sandbox_record *record = still_up(w, e) ? reconciler_find(h->reconciler, &id) : NULL;
    if (!record)
        return;
    if (record->phase <= PHASE_STARTING && h->sandbox[e->sandbox].container && h->sandbox[e->sandbox].begun)
        adopt(w, e->node, e->sandbox);
    reconciler_found(h->reconciler, w->now, &id, h->sandbox[e->sandbox].runs, &exit, &h->effects);
    run_effects(w, e->node);
    answer_after(w, e->node, e->sandbox, 1 + sim_random(w, 50), inspected);
}

void agent_up(struct world *w, int node)
{
    struct host *h = &w->host[node];
    if (h->reconciler)
        return;
    h->reconciler = reconciler_new();
    h->incarnation++;
    sim_say(w, "agent %d up", node);
    for (int i = 0; i < SIM_SANDBOXES; i++) {
        struct sandbox_model *b = &h->sandbox[i];
        b->excused_ms = w->now + 5000;
        if (b->unwritten && !b->container)
            b->begun = false; /* the disk took neither its beginning nor its end: no agent can know */
        if (b->saved) {
            reconciler_restore(h->reconciler, &b->record);
            answer_after(w, node, i, docker_delay(w, node, 50), found);
        } else if (b->container) {
            b->container = b->runs = false; /* without a record it is an orphan */
        }
    }
    outbox_up(w, node);
}

void agent_down(struct world *w, int node)
{
    struct host *h = &w->host[node];
    if (!h->reconciler)
        return;
    sim_say(w, "agent %d down", node);
    outbox_down(w, node);
    reconciler_free(h->reconciler);
    h->reconciler = NULL;
    reconciler_effects_clear(&h->effects);
    h->due = false;
    h->session = 0;
    for (int i = 0; i < SIM_SANDBOXES; i++)
        h->sandbox[i].pending_report = false;
}

void host_reboot(struct world *w, int node)
{
    agent_down(w, node);
    for (int i = 0; i < SIM_SANDBOXES; i++)
        w->host[node].sandbox[i].runs = w->host[node].sandbox[i].begun = false;
}

/* The state folder is gone with the disk: the agent finds containers that it does not know. */
void host_wiped(struct world *w, int node)
{
    agent_down(w, node);
    outbox_wiped(w, node);
    for (int i = 0; i < SIM_SANDBOXES; i++) {
        struct sandbox_model *b = &w->host[node].sandbox[i];
        b->wiped |= b->saved;
        b->saved = b->begun = false;
    }
}

void sandbox_exits(struct world *w, int node, int sandbox)
{
    struct sandbox_model *b = &w->host[node].sandbox[sandbox];
    if (!b->runs || b->paused)
        return;
    b->runs = false;
    if (w->host[node].reconciler)
        answer_after(w, node, sandbox, 1 + sim_random(w, 50), dead);
}

void sandbox_touched(struct world *w, int node, int sandbox)
{
    struct sandbox_model *b = &w->host[node].sandbox[sandbox];
    if (!b->runs)
        return;
    b->paused = !b->paused;
    if (sim_chance(w, 30))
        sandbox_taken(w, node, sandbox);
    else if (w->host[node].reconciler)
        answer_after(w, node, sandbox, 1 + sim_random(w, 50), inspected);
}

void sandbox_taken(struct world *w, int node, int sandbox)
{
    struct sandbox_model *b = &w->host[node].sandbox[sandbox];
    b->container = b->runs = b->begun = false;
    if (w->host[node].reconciler)
        answer_after(w, node, sandbox, 1 + sim_random(w, 50), inspected);
}

void sandbox_idles(struct world *w, int node, int sandbox)
{
    struct host *h = &w->host[node];
    struct sandbox_id id = sim_id(sandbox);
    if (!h->reconciler || !h->sandbox[sandbox].runs)
        return;
    sim_say(w, "node %d finds sandbox %d idle", node, sandbox);
    reconciler_pause(h->reconciler, w->now, &id, "it did no work", &h->effects);
    run_effects(w, node);
}

void agent_tick(struct world *w, int node)
{
    struct host *h = &w->host[node];
    if (!h->reconciler)
        return;
    reconciler_tick(h->reconciler, w->now, &h->effects);
    run_effects(w, node);
    outbox_tick(w, node);
    if (h->session && h->starts_fail != !!reconciler_unhealthy(h->reconciler, w->now))
        h->session = 0; /* the agent begins a new session, whose hello says so */
    if (!h->session || !h->linked)
        return;
    struct sim_event beat = {.run = controller_hear, .node = node, .session = h->session};
    wire(w, &beat);
    for (int i = 0; i < SIM_SANDBOXES; i++) {
        if (!h->sandbox[i].pending_report)
            continue;
        struct sim_event message = {
            .run = controller_hear, .node = node, .session = h->session, .flag = true};
        message.status = h->sandbox[i].report;
        wire(w, &message);
    }
}
