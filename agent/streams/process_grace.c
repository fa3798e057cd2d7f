#include "agent/streams/process_grace.h"

#include "agent/agent_state.h"
#include "agent/initlink/initlink_process.h"
#include "agent/streams/process_told.h"

#include "common/base/mem.h"
#include "common/io/log.h"

#include <stdlib.h>

#define AGAIN_MS 1000 /* a kill that the init could not be told of is tried again */

struct process_grace {
    struct process_grace *next;
    struct runtime *runtime;
    uint32_t number; /* of the process */
    struct timer timer;
};

static struct process_grace *find(const struct runtime *runtime, uint32_t number)
{
    struct process_grace *g = runtime->graces;
    while (g && g->number != number)
        g = g->next;
    return g;
}

static void end(struct process_grace *g)
{
    struct process_grace **at = &g->runtime->graces;
    while (*at != g)
        at = &(*at)->next;
    *at = g->next;
    timer_stop(&g->timer);
    free(g);
}

static void on_over(void *arg)
{
    struct process_grace *g = arg;
    struct runtime *runtime = g->runtime;
    struct err e;
    if (!runtime->init || !initlink_listed(runtime->init) ||
        initlink_kill_process(runtime->init, g->number, &e)) {
        timer_start(&g->timer, runtime->agent->loop, AGAIN_MS, on_over, g);
        return;
    }
    log_info("agent", "sandbox=%s a process is ended: nobody has come to it within its grace",
             runtime->id.text);
    end(g);
}

/* The note is the tenant's to change: a shorter grace harms its own terminal, a longer one is cut. */
static uint64_t grace_of(const struct initlink_process *process)
{
    struct stream_process told = process_told(process);
    uint64_t grace_ms = told.running ? told.grace_ms : 0;
    stream_process_fini(&told);
    return grace_ms;
}

void process_grace_check(struct runtime *runtime, const struct initlink_process *process, bool attended)
{
    struct process_grace *g = find(runtime, process->number);
    uint64_t grace_ms = attended ? 0 : grace_of(process);
    if (g && !grace_ms)
        end(g);
    if (g || !grace_ms)
        return;
    g = mem_zalloc(sizeof *g);
    *g = (struct process_grace){.next = runtime->graces, .runtime = runtime, .number = process->number};
    runtime->graces = g;
    timer_start(&g->timer, runtime->agent->loop, grace_ms, on_over, g);
}

void process_grace_drop(struct runtime *runtime)
{
    while (runtime->graces)
        end(runtime->graces);
}
