/* How the nodes of the simulation hand out members of the warm pool, as agent/sandbox/hand_out.c has it. */
#include "tests/sim/sim_agent.h"

#define ANSWER_MS 1000 /* an init that does not answer by then is given up */

bool sim_hand_out_usable(const struct sandbox_model *s)
{
    return s->container && s->runs && !s->paused && !s->frozen;
}

static void hand_out_refused(struct world *w, struct sim_event *e)
{
    struct node_model *model = &w->node[e->node];
    struct sandbox_model *s = &model->sandbox[e->sandbox];
    struct sandbox_id id = sim_id(e->sandbox);
    if (!agent_still_up(w, e) || s->attempt != e->stamp || s->handing == HANDING_NOTHING || s->begun)
        return;
    s->handing = HANDING_NOTHING;
    reconciler_not_handed_out(model->reconciler, w->now, &id, engine_effects(model->engine));
}

static void refuse_after(struct world *w, int node, int sandbox, uint64_t ms)
{
    agent_answer_after(w, node, sandbox, ms, hand_out_refused)->stamp =
        w->node[node].sandbox[sandbox].attempt;
}

/* It may be refused before its record is on disk, and after. */
void sim_hand_out_prepare(struct world *w, int node, int sandbox)
{
    struct sandbox_model *s = &w->node[node].sandbox[sandbox];
    s->aborted = false;
    s->handing = HANDING_PREPARES;
    s->attempt++;
    if (s->frozen)
        refuse_after(w, node, sandbox, ANSWER_MS);
    else if (!sim_hand_out_usable(s) || sim_chance(w, 10))
        refuse_after(w, node, sandbox, 1 + sim_random(w, 15));
}

static void hand_out_answered(struct world *w, struct sim_event *e)
{
    struct node_model *model = &w->node[e->node];
    struct sandbox_model *s = &model->sandbox[e->sandbox];
    struct sandbox_id id = sim_id(e->sandbox);
    struct start_result done = {.ok = true};
    if (!agent_still_up(w, e) || s->attempt != e->stamp || s->handing == HANDING_NOTHING)
        return;
    s->handing = HANDING_NOTHING;
    reconciler_started(model->reconciler, w->now, &id, &done, engine_effects(model->engine));
    if (!s->runs)
        agent_answer_after(w, e->node, e->sandbox, 1, agent_dead);
}

/* Its init begins the command. */
static void hand_out_begins(struct world *w, struct sim_event *e)
{
    struct node_model *model = &w->node[e->node];
    struct sandbox_model *s = &model->sandbox[e->sandbox];
    struct sandbox_id id = sim_id(e->sandbox);
    if (!agent_still_up(w, e) || s->attempt != e->stamp || s->handing != HANDING_BEGINS)
        return;
    if (s->begun)
        sim_fail(w, "sandbox %d was begun a second time", e->sandbox);
    if (!s->saved || s->record.pooled)
        sim_fail(w, "sandbox %d begins in a member, and its record does not say so", e->sandbox);
    if (!sim_hand_out_usable(s)) {
        refuse_after(w, e->node, e->sandbox, s->frozen ? ANSWER_MS : 1);
        return;
    }
    s->memory_bytes = reconciler_find(model->reconciler, &id)->limits.memory_bytes;
    s->begun = true;
    agent_answer_after(w, e->node, e->sandbox, 1 + sim_random(w, 30), hand_out_answered)->stamp = s->attempt;
}

void sim_hand_out_begin(struct world *w, int node, int sandbox)
{
    struct sandbox_model *s = &w->node[node].sandbox[sandbox];
    if (s->handing != HANDING_PREPARES)
        return; /* it was refused already */
    s->handing = HANDING_BEGINS;
    agent_answer_after(w, node, sandbox, 1 + sim_random(w, 5), hand_out_begins)->stamp = s->attempt;
}

static void hand_out_aborted(struct world *w, struct sim_event *e)
{
    struct node_model *model = &w->node[e->node];
    struct sandbox_id id = sim_id(e->sandbox);
    struct start_result aborted = {.reason = REASON_START_FAILED, .detail = "it was aborted"};
    if (agent_still_up(w, e))
        reconciler_started(model->reconciler, w->now, &id, &aborted, engine_effects(model->engine));
}

void sim_hand_out_abort(struct world *w, int node, int sandbox)
{
    struct sandbox_model *s = &w->node[node].sandbox[sandbox];
    if (s->handing != HANDING_NOTHING)
        agent_answer_after(w, node, sandbox, 1, hand_out_aborted);
    s->handing = HANDING_NOTHING;
}

/* Its agent dies: the init may have been told to begin. */
void sim_hand_out_cut(struct world *w, struct sandbox_model *s)
{
    if (s->handing == HANDING_BEGINS && sim_hand_out_usable(s) && sim_chance(w, 40))
        s->begun = true;
    s->handing = HANDING_NOTHING;
}
