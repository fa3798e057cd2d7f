#include "agent/sandbox/take_log.h"

#include "agent/agent_state.h"
#include "agent/node/logs.h"

#include "common/base/mem.h"
#include "common/io/log.h"
#include "proto/node_codec.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define AGAIN_MS 20

struct taking {
    struct runtime *runtime;
    void (*done)(struct runtime *runtime);
    struct log_tape tape;
    struct timer waiting; /* while too many others are read */
    uint64_t begun_ms;
    bool last; /* reads only the last lines */
};

static void read_it(struct taking *t);

static void finish(struct taking *t)
{
    struct runtime *h = t->runtime;
    void (*done)(struct runtime *) = t->done;
    timer_stop(&t->waiting);
    log_tape_fini(&t->tape);
    free(t);
    done(h);
}

static void keep(struct taking *t)
{
    struct runtime *h = t->runtime;
    const struct sandbox_record *record = reconciler_find(h->agent->reconciler, &h->id);
    struct sandbox_spec spec = {.user = NULL};
    struct err e;
    bool known = record && !sandbox_spec_unpack(record->spec, record->spec_len, &spec, &e);
    agent_logs_keep(h->agent, &h->id, known && spec.user ? spec.user : "", &t->tape);
    sandbox_spec_fini(&spec);
}

static void lose(struct taking *t, const char *why)
{
    struct agent *agent = t->runtime->agent;
    t->runtime->log_taken = true;
    agent->logs_lost++;
    log_warn("agent", "sandbox=%s its logs are lost, as %" PRIu64 " since the start: %s", t->runtime->id.text,
             agent->logs_lost, why);
}

static void on_record(void *arg, const struct log_record *record)
{
    struct taking *t = arg;
    log_tape_add(&t->tape, record);
}

static void on_read(void *arg, int code, const struct err *e)
{
    struct taking *t = arg;
    if (code == ERR_CANCELLED) { /* the agent is about to end; the next run takes it */
        log_tape_fini(&t->tape);
        free(t);
        return;
    }
    struct runtime *h = t->runtime;
    h->agent->logs_taken--;
    t->tape.truncated |= t->last;
    if (code == ERR_NODE_TIMEOUT && !t->last) {
        t->last = true;
        log_tape_fini(&t->tape);
        read_it(t);
        return;
    }
    if (!code && !h->log_dropped)
        keep(t);
    else if (code && code != ERR_NOT_FOUND && code != ERR_IO)
        lose(t, e->text);
    if (code != ERR_IO) /* else Docker is away: the removal fails, too, and both are tried again */
        h->log_taken = true;
    finish(t);
}

static void read_it(struct taking *t)
{
    struct agent *agent = t->runtime->agent;
    struct docker_log_ask ask = {.container = t->runtime->id.text,
                                 .tail = t->last ? TAKE_LAST : LOG_RECORDS_ENOUGH,
                                 .timeout_ms = t->last ? TAKE_LAST_MS : TAKE_LOG_MS};
    agent->logs_taken++;
    docker_log_read(agent->docker, &ask, on_record, on_read, t);
}

/* Not inside agent_take_log. */
static void on_finish(void *arg)
{
    struct taking *t = arg;
    t->runtime->taking = NULL;
    finish(t);
}

static void finish_soon(struct taking *t)
{
    t->runtime->taking = t;
    timer_start(&t->waiting, t->runtime->agent->loop, 0, on_finish, t);
}

static void begin(void *arg)
{
    struct taking *t = arg;
    struct agent *agent = t->runtime->agent;
    t->runtime->taking = NULL;
    if (agent->logs_taken < TAKE_AT_ONCE) {
        read_it(t);
    } else if (loop_awake_ms(agent->loop) - t->begun_ms < TAKE_LOG_MS) {
        t->runtime->taking = t;
        timer_start(&t->waiting, agent->loop, AGAIN_MS, begin, t);
    } else {
        lose(t, "too many sandboxes ended at once");
        finish_soon(t);
    }
}

bool agent_take_log(struct runtime *h, void (*done)(struct runtime *runtime))
{
    struct agent *agent = h->agent;
    const struct sandbox_record *record = reconciler_find(agent->reconciler, &h->id);
    if (!record || !record->ran || h->log_taken || h->log_dropped || !agent->conf->log_retention_hours)
        return false;
    struct taking *t = mem_zalloc(sizeof *t);
    *t = (struct taking){.runtime = h, .done = done, .begun_ms = loop_awake_ms(agent->loop)};
    begin(t);
    return true;
}

void agent_take_log_end(struct runtime *h)
{
    if (!h->taking)
        return;
    timer_stop(&h->taking->waiting);
    free(h->taking);
    h->taking = NULL;
}
