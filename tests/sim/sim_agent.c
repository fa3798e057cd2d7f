/* The nodes of the simulation: a real reconciler, engine and uplink each; Docker and the disk are tables that
 * survive the agent. */
#include "tests/sim/sim_agent.h"
#include "tests/sim/sim_loop.h"

#include "common/base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct sim_event *agent_answer_after(struct world *w, int node, int sandbox, uint64_t delay,
                                     void (*run)(struct world *, struct sim_event *))
{
    struct sim_event *e = sim_after(w, delay, run);
    e->node = node;
    e->sandbox = sandbox;
    e->incarnation = w->node[node].incarnation;
    return e;
}

struct reconciler *agent_still_up(struct world *w, const struct sim_event *e)
{
    struct node_model *model = &w->node[e->node];
    return model->incarnation == e->incarnation ? model->reconciler : NULL;
}

/* The record is on disk now, unless the agent died before the write ended. */
static void saved(struct world *w, struct sim_event *e)
{
    struct sandbox_model *s = &w->node[e->node].sandbox[e->sandbox];
    struct sandbox_id id = sim_id(e->sandbox);
    if (!agent_still_up(w, e))
        return;
    s->unwritten = !e->flag;
    if (e->flag) {
        s->saved = true;
        s->record = s->writing;
    }
    reconciler_saved(w->node[e->node].reconciler, w->now, &id, e->flag,
                     engine_effects(w->node[e->node].engine));
}

static void save(struct world *w, int node, int sandbox)
{
    struct node_model *model = &w->node[node];
    struct sandbox_model *s = &model->sandbox[sandbox];
    struct sandbox_id id = sim_id(sandbox);
    agent_answer_after(w, node, sandbox, 1 + sim_random(w, 10), saved)->flag = w->now >= model->disk_full_ms;
    s->writing = *reconciler_find(model->reconciler, &id);
    s->writing.spec = NULL;
    s->writing.spec_len = 0;
}

static uint64_t docker_delay(struct world *w, int node, uint64_t usual)
{
    struct node_model *model = &w->node[node];
    uint64_t stuck = model->docker_stuck_ms > w->now ? model->docker_stuck_ms - w->now : 0;
    return stuck + usual / 2 + sim_random(w, usual);
}

/* Some have a ready check, which may fail for good. */
static bool checks_ready(int sandbox)
{
    return sandbox % 4 == 3;
}

/* A container starts; the answer arrives a little later, if the agent still lives. */
static void start_answered(struct world *w, struct sim_event *e)
{
    struct sandbox_id id = sim_id(e->sandbox);
    if (!agent_still_up(w, e))
        return;
    struct start_result result = {.ok = e->flag,
                                  .reason = REASON_START_FAILED,
                                  .detail = "it could not be started",
                                  .unready = e->flag && checks_ready(e->sandbox) &&
                                             !reconciler_find(w->node[e->node].reconciler, &id)->pooled,
                                  .node_fault =
                                      !e->flag && (w->node[e->node].broken_ms > w->now || sim_chance(w, 50))};
    reconciler_started(w->node[e->node].reconciler, w->now, &id, &result,
                       engine_effects(w->node[e->node].engine));
    if (e->flag && !w->node[e->node].sandbox[e->sandbox].runs)
        agent_answer_after(w, e->node, e->sandbox, 1, agent_dead);
}

static void start(struct world *w, struct sim_event *e)
{
    struct sandbox_model *s = &w->node[e->node].sandbox[e->sandbox];
    if (!agent_still_up(w, e))
        return;
    if (s->forgotten)
        sim_fail(w, "sandbox %d was started again after its end", e->sandbox);
    if (s->begun)
        sim_fail(w, "sandbox %d was begun a second time", e->sandbox);
    struct sandbox_id id = sim_id(e->sandbox);
    reconciler_created(w->node[e->node].reconciler, &id, "container",
                       engine_effects(w->node[e->node].engine));
    struct sim_event *answer =
        agent_answer_after(w, e->node, e->sandbox, 1 + sim_random(w, 50), start_answered);
    answer->flag = !s->aborted && w->now >= w->node[e->node].broken_ms && !sim_chance(w, 5);
    s->memory_bytes = reconciler_find(w->node[e->node].reconciler, &id)->limits.memory_bytes;
    s->container = true;
    s->runs = answer->flag;
    s->begun = answer->flag && !reconciler_find(w->node[e->node].reconciler, &id)->pooled;
    s->paused = s->frozen = false;
}

void agent_dead(struct world *w, struct sim_event *e)
{
    struct sandbox_id id = sim_id(e->sandbox);
    struct sandbox_exit exit = {.reason = REASON_EXITED, .has_exit_code = true};
    if (!agent_still_up(w, e) || w->node[e->node].sandbox[e->sandbox].runs)
        return;
    reconciler_dead(w->node[e->node].reconciler, w->now, &id, &exit, engine_effects(w->node[e->node].engine));
}

static void killed(struct world *w, struct sim_event *e)
{
    struct sandbox_model *s = &w->node[e->node].sandbox[e->sandbox];
    if (!agent_still_up(w, e) || (!w->calm && sim_chance(w, 10)))
        return; /* a kill that did not work is tried again */
    s->runs = false;
    agent_answer_after(w, e->node, e->sandbox, 1 + sim_random(w, 20), agent_dead);
}

static void removed(struct world *w, struct sim_event *e)
{
    struct sandbox_model *s = &w->node[e->node].sandbox[e->sandbox];
    struct sandbox_id id = sim_id(e->sandbox);
    if (!agent_still_up(w, e))
        return;
    if (e->flag)
        s->container = s->runs = false;
    reconciler_removed(w->node[e->node].reconciler, w->now, &id, e->flag,
                       engine_effects(w->node[e->node].engine));
}

static void checked(struct world *w, struct sim_event *e)
{
    struct sandbox_id id = sim_id(e->sandbox);
    struct node_model *model = &w->node[e->node];
    if (!agent_still_up(w, e))
        return;
    if (sim_chance(w, 20))
        reconciler_not_ready(model->reconciler, w->now, &id, "it was not ready in time",
                             engine_effects(model->engine));
    else
        reconciler_ready(model->reconciler, w->now, &id, engine_effects(model->engine));
}

static void paused(struct world *w, struct sim_event *e)
{
    struct sandbox_id id = sim_id(e->sandbox);
    struct sandbox_model *s = &w->node[e->node].sandbox[e->sandbox];
    if (!agent_still_up(w, e))
        return;
    bool ok = s->runs;
    if (ok)
        s->paused = e->flag;
    reconciler_paused(w->node[e->node].reconciler, w->now, &id, ok, e->flag,
                      engine_effects(w->node[e->node].engine));
}

static void resized(struct world *w, struct sim_event *e)
{
    struct node_model *model = &w->node[e->node];
    struct sandbox_model *s = &model->sandbox[e->sandbox];
    struct sandbox_id id = sim_id(e->sandbox);
    if (!agent_still_up(w, e))
        return;
    if (s->runs)
        s->memory_bytes = e->memory_bytes;
    reconciler_resized(model->reconciler, w->now, &id, s->runs, engine_effects(model->engine));
}

static void note_reported(struct node_model *model, const struct sandbox_status *status)
{
    struct sandbox_model *s = &model->sandbox[sim_index(&status->id)];
    if (status->number > s->reported)
        s->reported = status->number;
}

static void act(void *owner, const struct reconciler_effect *effect)
{
    struct node_model *model = owner;
    struct world *w = model->world;
    int node = model->node, sandbox = sim_index(&effect->id);
    struct sandbox_model *s = &model->sandbox[sandbox];
    switch (effect->kind) {
    case RECONCILER_SAVE:
        save(w, node, sandbox);
        break;
    case RECONCILER_START:
        s->aborted = false;
        agent_answer_after(w, node, sandbox, docker_delay(w, node, 300), start);
        break;
    case RECONCILER_PREPARE:
        sim_hand_out_prepare(w, node, sandbox);
        break;
    case RECONCILER_HAND_OUT:
        sim_hand_out_begin(w, node, sandbox);
        break;
    case RECONCILER_CHECK:
        agent_answer_after(w, node, sandbox, 1 + sim_random(w, 3000), checked);
        break;
    case RECONCILER_ABORT: /* the container may still be created; its command may not begin */
        s->aborted = true;
        sim_hand_out_abort(w, node, sandbox);
        break;
    case RECONCILER_PAUSE:
    case RECONCILER_RESUME:
        agent_answer_after(w, node, sandbox, docker_delay(w, node, 20), paused)->flag =
            effect->kind == RECONCILER_PAUSE;
        break;
    case RECONCILER_RESIZE:
        agent_answer_after(w, node, sandbox, docker_delay(w, node, 20), resized)->memory_bytes =
            reconciler_find(model->reconciler, &effect->id)->limits.memory_bytes;
        break;
    case RECONCILER_KILL:
        agent_answer_after(w, node, sandbox, 1 + sim_random(w, 30), killed);
        break;
    case RECONCILER_REMOVE:
        if (s->saved && !s->unwritten &&
            (s->record.phase == PHASE_RUNNING || s->record.phase == PHASE_KILLING))
            sim_fail(w, "sandbox %d is removed before its end is on disk", sandbox);
        outbox_ended(w, node, sandbox);
        agent_answer_after(w, node, sandbox, docker_delay(w, node, 100), removed)->flag =
            w->calm || !sim_chance(w, 10);
        break;
    case RECONCILER_REPORT:
        note_reported(model, &effect->status);
        uplink_status(model->uplink, &effect->status);
        break;
    case RECONCILER_FORGET:
        s->saved = false;
        s->forgotten |= !s->writing.pooled; /* a sandbox can still take over the id of a member */
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
    struct node_model *model = owner;
    const char *unhealthy = reconciler_unhealthy(model->reconciler, model->world->now);
    facts->pools = true;
    facts->capacity = (struct node_resources){1u << 30, 1000, 1000, model->world->places};
    snprintf(facts->unhealthy, sizeof facts->unhealthy, "%s", unhealthy ? unhealthy : "");
    model->starts_fail = unhealthy;
    *inventory = mem_zalloc(SIM_SANDBOXES * sizeof **inventory);
    *count = reconciler_inventory(model->reconciler, model->world->now, *inventory, SIM_SANDBOXES);
    for (size_t i = 0; i < *count; i++)
        note_reported(model, &(*inventory)[i]);
}

static void on_welcome(void *owner, const struct uplink_welcome *welcome)
{
    struct node_model *model = owner;
    model->session = ++model->world->sessions;
    outbox_epoch_seen(model->outbox, welcome->epoch);
}

static void on_lost(void *owner, const char *why)
{
    struct node_model *model = owner;
    sim_say(model->world, "node %d loses its session: %s", model->node, why);
    model->session = 0;
}

void agent_hear_desired(struct world *w, int node, const struct desired_state *desired)
{
    struct node_model *model = &w->node[node];
    reconciler_desired(model->reconciler, w->now, desired, engine_effects(model->engine));
}

static void on_desired_states(void *owner, const struct desired_state *desired_states, size_t count)
{
    struct node_model *model = owner;
    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j < i; j++) {
            if (!memcmp(&desired_states[i].id, &desired_states[j].id, sizeof desired_states[i].id))
                sim_fail(model->world, "node %d is told two desired states of %s", model->node,
                         desired_states[i].id.text);
        }
        agent_hear_desired(model->world, model->node, &desired_states[i]);
    }
}

static void on_acked(void *owner, const struct status_ack *acks, size_t count)
{
    struct node_model *model = owner;
    for (size_t i = 0; i < count; i++) {
        if (acks[i].number > model->sandbox[sim_index(&acks[i].id)].reported)
            sim_fail(model->world, "node %d hears that %llu of %s is committed, and never told it",
                     model->node, (unsigned long long)acks[i].number, acks[i].id.text);
        reconciler_acked(model->reconciler, &acks[i], engine_effects(model->engine));
    }
}

static void on_committed(void *owner, uint64_t violations, uint64_t samples)
{
    struct node_model *model = owner;
    outbox_hear_committed(model->world, model->node, violations, samples);
}

static void on_cleanup(void *owner, const struct cleanup_order *order)
{
    struct node_model *model = owner;
    sim_fail(model->world, "node %d is told to clean up, and nobody ordered it", model->node);
}

static void on_certificate(void *owner, const uint8_t *der, size_t len)
{
    struct node_model *model = owner;
    sim_fail(model->world, "node %d is told another certificate, and none was made", model->node);
}

static const struct uplink_ops uplink_ops = {.fill_hello = fill_hello,
                                             .on_welcome = on_welcome,
                                             .on_desired_states = on_desired_states,
                                             .on_acked = on_acked,
                                             .on_committed = on_committed,
                                             .on_cleanup = on_cleanup,
                                             .on_certificate = on_certificate,
                                             .on_lost = on_lost};

static void dial(struct node_model *model)
{
    struct string_list urls = {0};
    struct err e;
    string_list_add(&urls, "ipc:///simulated");
    struct uplink_conf conf = {.node = sim_node_name(model->node),
                               .urls = &urls,
                               .ca_file = "ca",
                               .cert_file = sim_node_name(model->node),
                               .key_file = "key",
                               .highest_epoch = outbox_epoch(model->outbox),
                               .outbox = model->outbox};
    if (uplink_new(&model->uplink, model->loop, &conf, &uplink_ops, model, &e))
        sim_fail(model->world, "node %d has no uplink: %s", model->node, e.text);
    string_list_fini(&urls);
    uplink_start(model->uplink);
}

/* Docker is asked for the state of a container; its answer is the truth. */
static void inspected(struct world *w, struct sim_event *e)
{
    struct node_model *model = &w->node[e->node];
    struct sandbox_model *s = &model->sandbox[e->sandbox];
    struct sandbox_id id = sim_id(e->sandbox);
    struct sandbox_exit exit = {.reason = REASON_ORPHANED};
    const struct sandbox_record *record =
        agent_still_up(w, e) ? reconciler_find(model->reconciler, &id) : NULL;
    if (!record || record->phase != PHASE_RUNNING)
        return;
    if (s->container)
        reconciler_seen_paused(model->reconciler, w->now, &id, s->paused, engine_effects(model->engine));
    else
        reconciler_end(model->reconciler, w->now, &id, &exit, engine_effects(model->engine));
}

/* The command had begun before the agent died. */
static void adopt(struct world *w, int node, int sandbox)
{
    struct node_model *model = &w->node[node];
    struct sandbox_id id = sim_id(sandbox);
    struct sandbox_exit exit = {.reason = REASON_EXITED, .has_exit_code = true};
    reconciler_adopted(model->reconciler, w->now, &id, 0, false, checks_ready(sandbox),
                       engine_effects(model->engine));
    if (!model->sandbox[sandbox].runs)
        reconciler_dead(model->reconciler, w->now, &id, &exit, engine_effects(model->engine));
}

/* After a restart Docker is asked what became of each container. */
static void found(struct world *w, struct sim_event *e)
{
    struct node_model *model = &w->node[e->node];
    struct sandbox_id id = sim_id(e->sandbox);
    struct sandbox_exit exit = {.reason = REASON_EXITED};
    const struct sandbox_record *record =
        agent_still_up(w, e) ? reconciler_find(model->reconciler, &id) : NULL;
    if (!record)
        return;
    struct sandbox_model *s = &model->sandbox[e->sandbox];
    /* Of a sandbox without a command the environment is given once more: that is its beginning. */
    if (record->phase == PHASE_STARTING && record->warm && sim_hand_out_usable(s) && !s->begun &&
        sim_chance(w, 30))
        s->begun = true;
    if (record->phase <= PHASE_STARTING && s->container && s->begun)
        adopt(w, e->node, e->sandbox);
    reconciler_found(model->reconciler, w->now, &id, model->sandbox[e->sandbox].runs, &exit,
                     engine_effects(model->engine));
    agent_answer_after(w, e->node, e->sandbox, 1 + sim_random(w, 50), inspected);
}

void agent_up(struct world *w, int node)
{
    struct node_model *model = &w->node[node];
    if (model->reconciler)
        return;
    model->reconciler = reconciler_new();
    model->loop = sim_loop_new(w, node);
    model->engine = engine_new(model->loop, &engine_ops, model);
    model->incarnation++;
    sim_say(w, "agent %d up", node);
    for (int i = 0; i < SIM_SANDBOXES; i++) {
        struct sandbox_model *s = &model->sandbox[i];
        s->excused_ms = w->now + 5000;
        if (s->unwritten && !s->container)
            s->begun = false; /* the disk took neither its beginning nor its end: no agent can know */
        if (s->saved) {
            reconciler_restore(model->reconciler, &s->record);
            agent_answer_after(w, node, i, docker_delay(w, node, 50), found);
        } else if (s->container) {
            s->container = s->runs = false; /* without a record it is an orphan */
        }
    }
    outbox_up(w, node);
    dial(model);
}

void agent_down(struct world *w, int node)
{
    struct node_model *model = &w->node[node];
    if (!model->reconciler)
        return;
    sim_say(w, "agent %d down", node);
    uplink_free(model->uplink);
    outbox_down(w, node);
    engine_free(model->engine);
    reconciler_free(model->reconciler);
    loop_free(model->loop);
    for (int i = 0; i < w->rows; i++)
        sim_hand_out_cut(w, &model->sandbox[i]);
    model->reconciler = NULL;
    model->session = 0;
}

void node_reboot(struct world *w, int node)
{
    agent_down(w, node);
    for (int i = 0; i < SIM_SANDBOXES; i++)
        w->node[node].sandbox[i].runs = w->node[node].sandbox[i].begun = false;
}

/* The state folder is gone with the disk: the agent finds containers that it does not know. */
void node_wiped(struct world *w, int node)
{
    agent_down(w, node);
    outbox_wiped(w, node);
    for (int i = 0; i < SIM_SANDBOXES; i++) {
        struct sandbox_model *s = &w->node[node].sandbox[i];
        s->wiped |= s->saved;
        s->saved = s->begun = false;
    }
}

void sandbox_exits(struct world *w, int node, int sandbox)
{
    struct sandbox_model *s = &w->node[node].sandbox[sandbox];
    if (!s->runs || s->paused)
        return;
    s->runs = false;
    if (w->node[node].reconciler)
        agent_answer_after(w, node, sandbox, 1 + sim_random(w, 50), agent_dead);
}

void sandbox_touched(struct world *w, int node, int sandbox)
{
    struct sandbox_model *s = &w->node[node].sandbox[sandbox];
    if (!s->runs)
        return;
    s->paused = !s->paused;
    if (sim_chance(w, 30))
        sandbox_taken(w, node, sandbox);
    else if (w->node[node].reconciler)
        agent_answer_after(w, node, sandbox, 1 + sim_random(w, 50), inspected);
}

void sandbox_frozen(struct world *w, int node, int sandbox)
{
    struct sandbox_model *s = &w->node[node].sandbox[sandbox];
    s->frozen = s->runs;
}

void sandbox_taken(struct world *w, int node, int sandbox)
{
    struct sandbox_model *s = &w->node[node].sandbox[sandbox];
    s->container = s->runs = s->begun = false;
    if (w->node[node].reconciler)
        agent_answer_after(w, node, sandbox, 1 + sim_random(w, 50), inspected);
}

void sandbox_idles(struct world *w, int node, int sandbox)
{
    struct node_model *model = &w->node[node];
    struct sandbox_id id = sim_id(sandbox);
    const struct sandbox_record *record = model->reconciler ? reconciler_find(model->reconciler, &id) : NULL;
    if (!record || record->pooled || !model->sandbox[sandbox].runs)
        return;
    sim_say(w, "node %d finds sandbox %d idle", node, sandbox);
    reconciler_pause(model->reconciler, w->now, &id, "it did no work", engine_effects(model->engine));
}

void agent_tick(struct world *w, int node)
{
    struct node_model *model = &w->node[node];
    if (!model->reconciler)
        return;
    reconciler_tick(model->reconciler, w->now, engine_effects(model->engine));
    outbox_tick(w, node);
    if (model->session && model->starts_fail != !!reconciler_unhealthy(model->reconciler, w->now))
        uplink_renew(model->uplink);
}
