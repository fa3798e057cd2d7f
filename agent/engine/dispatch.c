#include "agent/engine/dispatch.h"

#include "agent/agent_state.h"
#include "agent/engine/save.h"
#include "agent/sandbox/change.h"
#include "agent/sandbox/hand_out.h"
#include "agent/sandbox/kill.h"
#include "agent/sandbox/ready.h"
#include "agent/sandbox/remove.h"
#include "agent/sandbox/runtime.h"
#include "agent/sandbox/start.h"
#include "agent/sandbox/start_step.h"

static void forget(struct agent *agent, const struct sandbox_id *id)
{
    struct runtime *runtime = agent_runtime_find(agent, id);
    if (runtime)
        agent_runtime_drop(runtime); /* of a sandbox that had already ended when this agent began */
    agent_save_nothing(agent, id);
}

static void save_record(struct agent *agent, const struct reconciler_effect *effect)
{
    agent_save(agent, &effect->id);
}

static void make(struct agent *agent, const struct reconciler_effect *effect)
{
    agent_begin_start(agent_runtime(agent, &effect->id));
}

static void prepare(struct agent *agent, const struct reconciler_effect *effect)
{
    agent_hand_out_prepare(agent, &effect->id);
}

static void hand_out(struct agent *agent, const struct reconciler_effect *effect)
{
    agent_hand_out(agent, &effect->id);
}

static void abort_making(struct agent *agent, const struct reconciler_effect *effect)
{
    struct runtime *runtime = agent_runtime_find(agent, &effect->id);
    if (runtime && runtime->start)
        start_abort(runtime->start);
}

static void kill_processes(struct agent *agent, const struct reconciler_effect *effect)
{
    agent_kill(agent_runtime(agent, &effect->id));
}

static void remove_all(struct agent *agent, const struct reconciler_effect *effect)
{
    agent_remove(agent_runtime(agent, &effect->id));
}

static void check_ready(struct agent *agent, const struct reconciler_effect *effect)
{
    agent_ready_begin(agent, &effect->id);
}

static void report(struct agent *agent, const struct reconciler_effect *effect)
{
    uplink_status(agent->uplink, &effect->status);
}

static void forget_record(struct agent *agent, const struct reconciler_effect *effect)
{
    forget(agent, &effect->id);
}

static void act(void *owner, const struct reconciler_effect *effect)
{
    static void (*const acts[])(struct agent * agent, const struct reconciler_effect *effect) = {
        [RECONCILER_SAVE] = save_record,    [RECONCILER_START] = make,
        [RECONCILER_ABORT] = abort_making,  [RECONCILER_PAUSE] = agent_change,
        [RECONCILER_RESUME] = agent_change, [RECONCILER_RESIZE] = agent_change,
        [RECONCILER_KILL] = kill_processes, [RECONCILER_REMOVE] = remove_all,
        [RECONCILER_REPORT] = report,       [RECONCILER_FORGET] = forget_record,
        [RECONCILER_PREPARE] = prepare,     [RECONCILER_HAND_OUT] = hand_out,
        [RECONCILER_CHECK] = check_ready,
    };
    acts[effect->kind](owner, effect);
}

/* A start that ended, or reached its init, leaves its turn to another; one that takes long stops counting. */
static void settled(void *owner)
{
    agent_next_turns(owner);
}

const struct engine_ops agent_engine_ops = {.act = act, .settled = settled};
