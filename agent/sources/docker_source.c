#include "agent/sources/docker_source.h"

#include "agent/agent_state.h"
#include "agent/node/image_orders.h"
#include "agent/sandbox/adopt.h"
#include "agent/sandbox/check.h"
#include "agent/sandbox/member.h"
#include "agent/sandbox/runtime.h"
#include "agent/sandbox/start_container.h"
#include "agent/sandbox/watch.h"

#include "common/io/log.h"

#include <stdio.h>

/* Usually its init has reported the end before. */
static void on_died(struct runtime *runtime, const struct docker_event *event)
{
    struct agent *agent = runtime->agent;
    if (timer_armed(&runtime->adopting))
        agent_adopt(runtime,
                    true); /* how far its start came is not known: the command is not begun a second time */
    const struct sandbox_record *record = reconciler_find(agent->reconciler, &runtime->id);
    if (runtime->start) {
        start_container_died(runtime->start, event->exit_code);
    } else if (record && record->phase == PHASE_KILLING) {
        reconciler_dead(agent->reconciler, loop_now_ms(), &runtime->id, NULL, engine_effects(agent->engine));
    } else if (record && record->phase == PHASE_RUNNING) {
        agent_check_dead(runtime, event->exit_code);
    }
}

static void on_oom(struct runtime *runtime)
{
    agent_last_sample(runtime);
    struct sandbox_exit exit = agent_ending_oom(runtime, false, 0);
    reconciler_end(runtime->agent->reconciler, loop_now_ms(), &runtime->id, &exit,
                   engine_effects(runtime->agent->engine));
}

static void on_event(void *arg, const struct docker_event *event)
{
    struct agent *agent = arg;
    if (event->kind == DOCKER_IMAGE) {
        agent_images_changed(agent);
        image_orders_changed(agent->image_orders);
        return;
    }
    struct runtime *runtime = agent_runtime_find(agent, &event->sandbox);
    if (!runtime)
        return;
    if (event->kind == DOCKER_DIED)
        on_died(runtime, event);
    else if (event->kind == DOCKER_OOM)
        on_oom(runtime);
    else
        agent_check(runtime);
}

/* Running sandboxes continue under this agent; new ones go to other nodes. */
static void on_away(void *arg)
{
    struct agent *agent = arg;
    log_error("agent", "Docker does not answer any more");
    agent->docker_ready = false;
    snprintf(agent->unhealthy, sizeof agent->unhealthy, "Docker does not answer");
    uplink_renew(agent->uplink);
}

/* Docker's events were interrupted and are back: checks each sandbox once. */
static void on_gap(void *arg)
{
    struct agent *agent = arg;
    struct runtime *runtime, *next;
    if (agent->unhealthy[0] && agent->volumes) {
        log_info("agent", "Docker is back");
        agent->docker_ready = true;
        agent->unhealthy[0] = 0;
        uplink_renew(agent->uplink);
    }
    agent_images_changed(agent);
    HASH_ITER(hh, agent->runtimes, runtime, next)
    agent_check_gap(runtime);
}

void agent_listen_to_docker(struct agent *agent)
{
    if (!agent->listening)
        docker_events(agent->docker, on_event, on_away, on_gap, agent);
    agent->listening = true;
}
