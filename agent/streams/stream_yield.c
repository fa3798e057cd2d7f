#include "agent/streams/stream_yield.h"

#include "agent/agent_state.h"
#include "agent/sandbox/runtime.h"
#include "common/base/mem.h"

#include <stdlib.h>

#define LOOK_MS 5 /* whether the removals are over */

struct stream_yield {
    const struct agent *agent;
    loop_cb *go_on;
    void *arg;
    struct timer timer;     /* armed while they yield */
    uint64_t began_ms;      /* when they began to */
    uint64_t not_before_ms; /* do they yield again */
};

struct stream_yield *stream_yield_new(const struct agent *agent, loop_cb *go_on, void *arg)
{
    struct stream_yield *yield = mem_zalloc(sizeof *yield);
    *yield = (struct stream_yield){.agent = agent, .go_on = go_on, .arg = arg};
    return yield;
}

void stream_yield_free(struct stream_yield *yield)
{
    if (!yield)
        return;
    timer_stop(&yield->timer);
    free(yield);
}

static bool is_any_removed(const struct agent *agent)
{
    struct runtime *runtime, *next;
    HASH_ITER(hh, agent->runtimes, runtime, next)
    {
        if (runtime->removing)
            return true;
    }
    return false;
}

static void look(void *arg)
{
    struct stream_yield *yield = arg;
    uint64_t now = loop_now_ms(), took = now - yield->began_ms;
    if (took < STREAM_YIELD_MS && is_any_removed(yield->agent)) {
        timer_start(&yield->timer, yield->agent->loop, LOOK_MS, look, yield);
        return;
    }
    yield->not_before_ms = now + took;
    yield->go_on(yield->arg);
}

void stream_yield_begin(struct stream_yield *yield)
{
    uint64_t now = loop_now_ms();
    if (!yield || timer_armed(&yield->timer) || now < yield->not_before_ms)
        return;
    yield->began_ms = now;
    timer_start(&yield->timer, yield->agent->loop, LOOK_MS, look, yield);
}

bool stream_yield_now(const struct stream_yield *yield)
{
    return yield && timer_armed(&yield->timer);
}
