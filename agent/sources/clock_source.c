#include "agent/sources/clock_source.h"

#include "agent/agent_state.h"
#include "agent/node/cleanup.h"
#include "agent/node/history.h"
#include "agent/node/logs.h"
#include "agent/sandbox/start.h"

#include "common/io/log.h"
#include "common/io/msglink.h"

#include <errno.h>
#include <malloc.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define TICK_MS 200
/*
 * Between calls of malloc_trim. Measured with 50 sandboxes: without it, 3 of 5 MB of free heap stay resident.
 */
#define TRIM_MS  10000
#define STUCK_MS 20000

/* Executes the agent again in this process: same pid, same command line. Sandboxes are restored as after any
 * restart. */
static void begin_again(void)
{
    char text[8192], *argv[64];
    size_t argc = 0;
    FILE *f = fopen("/proc/self/cmdline", "re");
    size_t len = f ? fread(text, 1, sizeof text - 1, f) : 0;
    if (f)
        fclose(f);
    text[len] = 0;
    for (size_t at = 0; at < len && argc < ARRAY_LEN(argv) - 1; at += strlen(text + at) + 1)
        argv[argc++] = text + at;
    argv[argc] = NULL;
    setpriority(PRIO_PROCESS, 0,
                0); /* the normal priority, as at the first start: see start_threads in agent.c */
    log_end();
    if (argc)
        execv("/proc/self/exe", argv);
    log_error("agent", "the agent cannot restart itself: %s", strerror(errno));
}

/* nng's threads were seen to deadlock; then no session can begin. */
static void watch_link(struct agent *agent, uint64_t now)
{
    if (!msglink_closing())
        agent->closing_since_ms = 0;
    else if (!agent->closing_since_ms)
        agent->closing_since_ms = now;
    else if (now - agent->closing_since_ms > STUCK_MS) {
        log_error("agent", "the link to the controller is stuck in nng; the agent restarts itself");
        agent->closing_since_ms = 0;
        begin_again();
    }
}

/* Reports when a node begins to fail every start, and when it is to be tried again. */
static void watch_starts(struct agent *agent, uint64_t now)
{
    const char *why = reconciler_unhealthy(agent->reconciler, now);
    if (!why == !agent->starts_fail)
        return;
    agent->starts_fail = why;
    if (why)
        log_error("agent", "this node takes no sandboxes for now: its last starts failed: %s", why);
    else
        log_info("agent", "this node takes sandboxes again");
    uplink_renew(agent->uplink);
}

static void on_tick(void *arg)
{
    struct agent *agent = arg;
    uint64_t now = loop_now_ms();
    reconciler_tick(agent->reconciler, now, engine_effects(agent->engine));
    agent_outbox_flush(agent);
    watch_link(agent, now);
    watch_starts(agent, now);
    agent_tell_turns(agent);
    agent_cleanup_tick(agent, now);
    if (now - agent->trimmed_ms >= TRIM_MS) {
        malloc_trim(0);
        agent_logs_expire(agent);
        agent->trimmed_ms = now;
    }
    uint64_t due = reconciler_due(agent->reconciler), wait = TICK_MS;
    if (due > now && due - now < wait)
        wait = due - now;
    timer_start(&agent->tick, agent->loop, wait, on_tick, agent);
}

void agent_tick_start(struct agent *agent)
{
    on_tick(agent);
}
