#include "agent/sandbox/relay.h"

#include "agent/agent_state.h"

#include "common/base/backoff.h"
#include "common/base/mem.h"
#include "common/io/log.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define HELLO_MS     (INITLINK_RELAYED_MS + 1000) /* then its link is given up, and another one may be tried */
#define RETRY_MIN_MS 200
#define RETRY_MAX_MS 5000  /* a tenant may kill relays, and each costs the node the start of a process */
#define WAITS_MS     500   /* where Docker would refuse now */
#define STANDS_MS    60000 /* a link that stood so long was a good one */

struct relay {
    struct runtime *runtime;
    struct docker_exec *exec;
    struct timer timer;
    struct backoff backoff;
    uint64_t linked_ms; /* 0: not since the last try */
};

static void try_now(void *arg);

bool agent_relay_may(const struct sandbox_spec *spec)
{
    return spec->runtime && strcmp(spec->runtime, "runc") != 0;
}

static bool is_closed(const struct runtime *runtime)
{
    const struct string_list *closed = &runtime->agent->docker_facts.closed;
    for (size_t i = 0; i < closed->count; i++) {
        if (!strcmp(closed->item[i], runtime->kernel))
            return true;
    }
    return false;
}

static void try_later(struct relay *relay)
{
    timer_start(&relay->timer, relay->runtime->agent->loop, backoff_next(&relay->backoff, (uint32_t)rand()),
                try_now, relay);
}

static void on_silent(void *arg)
{
    struct relay *relay = arg;
    log_warn("agent", "sandbox=%s its init does not answer through Docker's exec", relay->runtime->id.text);
    try_later(relay);
}

static void on_exec(void *arg, int code, const struct err *e, int fd)
{
    struct relay *relay = arg;
    struct runtime *runtime = relay->runtime;
    if (code == ERR_CANCELLED)
        return;
    if (!code && initlink_take(runtime->init, fd)) {
        timer_start(&relay->timer, runtime->agent->loop, HELLO_MS, on_silent, relay);
        return;
    }
    if (!code)
        close(fd); /* the init has connected by itself meanwhile */
    else
        log_warn("agent", "sandbox=%s Docker's exec does not reach its init: %s", runtime->id.text, e->text);
    if (!initlink_ready(runtime->init))
        try_later(relay);
}

/* Docker runs nothing in a container that is paused, or ends. */
static bool takes_exec(const struct runtime *runtime)
{
    const struct sandbox_record *record = reconciler_find(runtime->agent->reconciler, &runtime->id);
    return record && record->phase <= PHASE_RUNNING && !record->paused && runtime->agent->docker_ready;
}

static void try_now(void *arg)
{
    struct relay *relay = arg;
    struct runtime *runtime = relay->runtime;
    struct string_list command = {0};
    docker_exec_free(relay->exec);
    relay->exec = NULL;
    if (!takes_exec(runtime)) {
        timer_start(&relay->timer, runtime->agent->loop, WAITS_MS, try_now, relay);
        return;
    }
    string_list_add(&command, INIT_BINARY_PATH);
    string_list_add(&command, INIT_ARG_RELAY);
    relay->exec = docker_exec_run(runtime->agent->docker, runtime->id.text, &command, on_exec, relay);
    string_list_fini(&command);
}

static struct relay *relay_new(struct runtime *runtime)
{
    struct relay *relay = mem_zalloc(sizeof *relay);
    relay->runtime = runtime;
    backoff_init(&relay->backoff, RETRY_MIN_MS, RETRY_MAX_MS);
    return relay;
}

void agent_relay_begin(struct runtime *runtime)
{
    if (!runtime->kernel || !runtime->init || initlink_ready(runtime->init))
        return;
    bool first = !runtime->relay;
    if (first)
        runtime->relay = relay_new(runtime);
    struct relay *relay = runtime->relay;
    if (relay->linked_ms && loop_now_ms() - relay->linked_ms >= STANDS_MS)
        backoff_reset(&relay->backoff);
    relay->linked_ms = 0;
    if (!is_closed(runtime) && (first || !initlink_is_relayed(runtime->init)))
        timer_start(&relay->timer, runtime->agent->loop, RELAY_AFTER_MS, try_now, relay);
    else if (first)
        try_now(relay);
    else
        try_later(relay);
}

void agent_relay_linked(struct runtime *runtime)
{
    struct relay *relay = runtime->relay;
    if (!relay)
        return;
    timer_stop(&relay->timer);
    relay->linked_ms = loop_now_ms();
    if (initlink_is_relayed(runtime->init))
        return;
    docker_exec_free(relay->exec);
    relay->exec = NULL;
}

void agent_relay_free(struct runtime *runtime)
{
    if (!runtime->relay)
        return;
    timer_stop(&runtime->relay->timer);
    docker_exec_free(runtime->relay->exec);
    free(runtime->relay);
    runtime->relay = NULL;
}
