/*
 * Containers that appear late. Docker may still carry out a request that the agent has given up, once
 * whatever blocks Docker ends. So the container is looked for by its name, and removed, until Docker has
 * answered often enough. Meanwhile it does no harm: it cannot start without its disk, which is gone.
 * Containers that appear after that, or after the agent ended, are left to the cleanup.
 */
#include "agent/sandbox/late.h"

#include "agent/agent_state.h"

#include "common/io/log.h"
#include "common/base/mem.h"

#include <stdlib.h>

#define AGAIN_MS       1000
#define AGAIN_MOST_MS  60000
#define ANSWERS_ENOUGH 9 /* at 1, 2, 4, … 60 s: some five minutes */
#define REMOVE_MS      15000
#define LATE_MAX       4096 /* further ones are left to the cleanup */

struct late {
    struct late *next, **slot;
    struct agent *agent;
    struct sandbox_id id;
    struct timer timer;
    uint64_t wait_ms;
    unsigned answers;
};

static void look(void *arg);

static void late_free(struct late *late)
{
    timer_stop(&late->timer);
    *late->slot = late->next;
    if (late->next)
        late->next->slot = late->slot;
    late->agent->late_count--;
    free(late);
}

static void on_removed(void *arg, int code, const struct err *e)
{
    struct late *late = arg;
    if (code == ERR_CANCELLED)
        return;
    if (!code)
        late->wait_ms = late->answers++ ? late->wait_ms * 2 : AGAIN_MS;
    if (late->wait_ms > AGAIN_MOST_MS)
        late->wait_ms = AGAIN_MOST_MS;
    if (late->answers >= ANSWERS_ENOUGH)
        late_free(late);
    else
        timer_start(&late->timer, late->agent->loop, late->wait_ms, look, late);
}

static void look(void *arg)
{
    struct late *late = arg;
    docker_container_remove(late->agent->docker, late->id.text, REMOVE_MS, on_removed, late);
}

void agent_late_watch(struct agent *agent, const struct sandbox_id *id)
{
    if (agent->late_count >= LATE_MAX)
        return;
    struct late *late = mem_zalloc(sizeof *late);
    *late = (struct late){
        .next = agent->late, .slot = &agent->late, .agent = agent, .id = *id, .wait_ms = AGAIN_MS};
    if (late->next)
        late->next->slot = &late->next;
    agent->late = late;
    agent->late_count++;
    log_warn("agent",
             "sandbox=%s Docker did not answer in time: if its container still appears, it is removed",
             id->text);
    timer_start(&late->timer, agent->loop, AGAIN_MS, look, late);
}

void agent_late_free(struct agent *agent)
{
    while (agent->late)
        late_free(agent->late);
}
