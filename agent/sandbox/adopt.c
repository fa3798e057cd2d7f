/*
 * Adopts a sandbox whose start was under way when the last agent ended: its init says how far the start came.
 */
#include "agent/sandbox/adopt.h"

#include "agent/agent_state.h"
#include "agent/sandbox/environment.h"

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
    agent_adopt(runtime, state != INIT_MAIN_FRESH && (runtime->idles || state != INIT_MAIN_IDLE));
}

void agent_adopt_wait(struct runtime *runtime)
{
    static const struct init_waiter waiter = {.on_ready = on_ready};
    runtime->waiter = &waiter;
    timer_start(&runtime->adopting, runtime->agent->loop, ADOPT_WAIT_MS, on_silent, runtime);
}
