/* The nodes of the simulation: a real reconciler, engine and uplink each; Docker and the disk are tables that
 * survive the agent. */
#include "tests/sim/sim_loop.h"

#include "common/base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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
    reconciler_saved(w->host[e->node].reconciler, w->now, &id, e->flag,
                     engine_effects(w->host[e->node].engine));
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
    reconciler_started(w->host[e->node].reconciler, w->now, &id, &result,
                       engine_effects(w->host[e->node].engine));
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
    reconciler_created(w->host[e->node].reconciler, &id, "container",
                       engine_effects(w->host[e->node].engine));
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
    reconciler_dead(w->host[e->node].reconciler, w->now, &id, &exit, engine_effects(w->host[e->node].engine));
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
    reconciler_removed(w->host[e->node].reconciler, w->now, &id, e->flag,
                       engine_effects(w->host[e->node].engine));
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
    reconciler_paused(w->host[e->node].reconciler, w->now, &id, ok, e->flag,
                      engine_effects(w->host[e->node].engine));
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
    reconciler_resized(h->reconciler, w->now, &id, b->runs, engine_effects(h->engine));
}

static void note_reported(struct host *h, const struct sandbox_status *status)
{
    struct sandbox_model *b = &h->sandbox[sim_index(&status->id)];
    if (status->number > b->reported)
        b->reported = status->number;
}

static void act(void *owner, const struct reconciler_effect *effect)
{
    struct host *h = owner;
    struct world *w = h->world;
    int node = h->node, sandbox = sim_index(&effect->id);
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
        note_reported(h, &effect->status);
        uplink_status(h->uplink, &effect->status);
        break;
    case RECONCILER_FORGET:
        b->saved = false;
        b->forgotten = true;
        break;
    }
}

static void settled(void *owner)
{
}

static const struct engine_ops engine_ops = {.act = act, .settled = settled};

/* --- the uplink's events, as agent/sources/controller_source.c has them --- */

static void fill_hello(void *owner, struct node_facts *facts, struct sandbox_status **inventory,
                       size_t *count)
{
    struct host *h = owner;
    const char *unhealthy = reconciler_unhealthy(h->reconciler, h->world->now);
    facts->capacity = (struct node_resources){1000, 1000, 1000, 1000};
    snprintf(facts->unhealthy, sizeof facts->unhealthy, "%s", unhealthy ? unhealthy : "");
    h->starts_fail = unhealthy;
    *inventory = mem_zalloc(SIM_SANDBOXES * sizeof **inventory);
    *count = reconciler_inventory(h->reconciler, h->world->now, *inventory, SIM_SANDBOXES);
    for (size_t i = 0; i < *count; i++)
        note_reported(h, &(*inventory)[i]);
}

static void on_welcome(void *owner, const struct uplink_welcome *welcome)
{
    struct host *h = owner;
    h->session = ++h->world->sessions;
    outbox_epoch_seen(h->outbox, welcome->epoch);
}

static void on_lost(void *owner, const char *why)
{
    struct host *h = owner;
    sim_say(h->world, "node %d loses its session: %s", h->node, why);
    h->session = 0;
}

void agent_hear_desired(struct world *w, int node, const struct desired_state *desired)
{
    struct host *h = &w->host[node];
    reconciler_desired(h->reconciler, w->now, desired, engine_effects(h->engine));
}

static void on_desired_states(void *owner, const struct desired_state *desired_states, size_t count)
{
    struct host *h = owner;
    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j < i; j++) {
            if (!memcmp(&desired_states[i].id, &desired_states[j].id, sizeof desired_states[i].id))
                sim_fail(h->world, "node %d is told two desired states of %s", h->node,
                         desired_states[i].id.text);
        }
        agent_hear_desired(h->world, h->node, &desired_states[i]);
    }
}

static void on_acked(void *owner, const struct status_ack *acks, size_t count)
{
    struct host *h = owner;
    for (size_t i = 0; i < count; i++) {
        if (acks[i].number > h->sandbox[sim_index(&acks[i].id)].reported)
            sim_fail(h->world, "node %d hears that %llu of %s is committed, and never told it", h->node,
                     (unsigned long long)acks[i].number, acks[i].id.text);
        reconciler_acked(h->reconciler, &acks[i], engine_effects(h->engine));
    }
}

static void on_committed(void *owner, uint64_t violations, uint64_t samples)
{
    struct host *h = owner;
    outbox_hear_committed(h->world, h->node, violations, samples);
}

static void on_cleanup(void *owner, const struct cleanup_order *order)
{
    struct host *h = owner;
    sim_fail(h->world, "node %d is told to clean up, and nobody ordered it", h->node);
}

static void on_certificate(void *owner, const uint8_t *der, size_t len)
{
    struct host *h = owner;
    sim_fail(h->world, "node %d is told another certificate, and none was made", h->node);
}

static const struct uplink_ops uplink_ops = {.fill_hello = fill_hello,
                                             .on_welcome = on_welcome,
                                             .on_desired_states = on_desired_states,
                                             .on_acked = on_acked,
                                             .on_committed = on_committed,
                                             .on_cleanup = on_cleanup,
                                             .on_certificate = on_certificate,
                                             .on_lost = on_lost};

static void dial(struct host *h)
{
    struct string_list urls = {0};
    struct err e;
    string_list_add(&urls, "ipc:///simulated");
    struct uplink_conf conf = {.node = sim_node_name(h->node),
                               .urls = &urls,
                               .ca_file = "ca",
                               .cert_file = sim_node_name(h->node),
                               .key_file = "key",
                               .highest_epoch = outbox_epoch(h->outbox),
                               .outbox = h->outbox};
    if (uplink_new(&h->uplink, h->loop, &conf, &uplink_ops, h, &e))
        sim_fail(h->world, "node %d has no uplink: %s", h->node, e.text);
    string_list_fini(&urls);
    uplink_start(h->uplink);
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
        reconciler_seen_paused(h->reconciler, w->now, &id, b->paused, engine_effects(h->engine));
    else
        reconciler_end(h->reconciler, w->now, &id, &exit, engine_effects(h->engine));
}

/* The command had begun before the agent died. */
static void adopt(struct world *w, int node, int sandbox)
{
    struct host *h = &w->host[node];
    struct sandbox_id id = sim_id(sandbox);
    struct sandbox_exit exit = {.reason = REASON_EXITED, .has_exit_code = true};
    reconciler_adopted(h->reconciler, w->now, &id, 0, engine_effects(h->engine));
    if (!h->sandbox[sandbox].runs)
        reconciler_dead(h->reconciler, w->now, &id, &exit, engine_effects(h->engine));
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
    reconciler_found(h->reconciler, w->now, &id, h->sandbox[e->sandbox].runs, &exit,
                     engine_effects(h->engine));
    answer_after(w, e->node, e->sandbox, 1 + sim_random(w, 50), inspected);
}

void agent_up(struct world *w, int node)
{
    struct host *h = &w->host[node];
    if (h->reconciler)
        return;
    h->reconciler = reconciler_new();
    h->loop = sim_loop_new(w, node);
    h->engine = engine_new(h->loop, &engine_ops, h);
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
    dial(h);
}

void agent_down(struct world *w, int node)
{
    struct host *h = &w->host[node];
    if (!h->reconciler)
        return;
    sim_say(w, "agent %d down", node);
    uplink_free(h->uplink);
    outbox_down(w, node);
    engine_free(h->engine);
    reconciler_free(h->reconciler);
    loop_free(h->loop);
    h->reconciler = NULL;
    h->session = 0;
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
    reconciler_pause(h->reconciler, w->now, &id, "it did no work", engine_effects(h->engine));
}

void agent_tick(struct world *w, int node)
{
    struct host *h = &w->host[node];
    if (!h->reconciler)
        return;
    reconciler_tick(h->reconciler, w->now, engine_effects(h->engine));
    outbox_tick(w, node);
    if (h->session && h->starts_fail != !!reconciler_unhealthy(h->reconciler, w->now))
        uplink_renew(h->uplink);
}
