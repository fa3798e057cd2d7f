/*
 * Adopts a sandbox whose start was under way when the last agent ended: its init says how far the start came.
 */
#include "agent/sandbox/adopt.h"

#include "agent/agent_state.h"
#include "agent/sandbox/environment.h"
#include "agent/sandbox/hand_out.h"

#define ADOPT_WAIT_MS 30000 /* for its init to connect */

/* If its command has not begun, it is started again; else it continues, or its end is reported. */
void agent_adopt(struct runtime *runtime, bool begun)
{
    struct agent *agent = runtime->agent;
    timer_stop(&runtime->adopting);
    runtime->waiter = NULL;
    if (begun) {
        agent_environment_forget(agent, &runtime->id);
        reconciler_adopted(agent->reconciler, loop_now_ms(), &runtime->id, agent->enforces,
                           initlink_is_relayed(runtime->init), runtime->checks_ready,
                           engine_effects(agent->engine));
    } else {
        reconciler_found(agent->reconciler, loop_now_ms(), &runtime->id, false, NULL,
                         engine_effects(agent->engine));
    }
}

static void on_silent(void *arg)
{
    agent_adopt(arg, false);
}

static void on_ready(struct runtime *runtime, enum init_main_state state)
{
    const struct sandbox_record *record = reconciler_find(runtime->agent->reconciler, &runtime->id);
    bool warm = record && record->warm && runtime->idles && state == INIT_MAIN_IDLE;
    if (!warm)
        agent_adopt(runtime, state != INIT_MAIN_FRESH && (runtime->idles || state != INIT_MAIN_IDLE));
    else if (!agent_hand_out_again(runtime))
        agent_adopt(runtime, false);
}

/* Of a container of the warm pool: whether the last agent had given it the sandbox's environment is not
 * known. */
static void on_environ(struct runtime *runtime, int error)
{
    agent_adopt(runtime, !error);
}

void agent_adopt_wait(struct runtime *runtime)
{
    static const struct init_waiter waiter = {.on_ready = on_ready, .on_environ = on_environ};
    runtime->waiter = &waiter;
    timer_start(&runtime->adopting, runtime->agent->loop, ADOPT_WAIT_MS, on_silent, runtime);
}
