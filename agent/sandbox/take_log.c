#include "agent/sandbox/take_log.h"

#include "agent/agent_state.h"
#include "agent/node/logs.h"

#include "common/base/mem.h"
#include "common/io/log.h"
#include "proto/node_codec.h"

#include <stdio.h>
#include <stdlib.h>

struct taking {
    struct runtime *runtime; /* NULL: its removal went on before its log was written */
    void (*done)(struct runtime *runtime);
    char user[LOG_USER_MAX + 1];
    struct log_tape tape;
    struct turn turn;
    struct timer timer; /* while the read waits for its turn, then while the log is written */
    bool last;          /* reads only the last lines */
};

static void next_turns(struct agent *agent);

/* The removal goes on. */
static void go_on(struct taking *t)
{
    struct runtime *runtime = t->runtime;
    void (*done)(struct runtime *) = t->done;
    timer_stop(&t->timer);
    t->runtime = NULL;
    done(runtime);
}

static void taking_free(struct taking *t)
{
    timer_stop(&t->timer);
    log_tape_fini(&t->tape);
    free(t);
}

static void lose(struct taking *t, const char *why)
{
    t->runtime->log_taken = true;
    agent_logs_lose(t->runtime->agent, &t->runtime->id, why);
}

/* --- writing --- */

/* Where the agent is about to end, so is the runtime. */
static void on_kept(void *arg, int code, const struct err *e)
{
    struct taking *t = arg;
    if (t->runtime && code != ERR_CANCELLED)
        go_on(t);
    taking_free(t);
}

static void on_write_late(void *arg)
{
    go_on(arg);
}

/* The container stays until its log is written, so that an agent that is killed in between finds it again. */
static void keep(struct taking *t)
{
    struct runtime *runtime = t->runtime;
    runtime->log_taken = true;
    timer_start(&t->timer, runtime->agent->loop, TAKE_WRITE_MS, on_write_late, t);
    agent_logs_keep(runtime->agent, &runtime->id, t->user, &t->tape, on_kept, t);
}

/* --- reading --- */

static void read_it(struct taking *t);

static void on_record(void *arg, const struct log_record *record)
{
    struct taking *t = arg;
    log_tape_add(&t->tape, record);
}

/* ERR_IO: Docker is away: the removal fails, too, and both are tried again. */
static void on_read(void *arg, int code, const struct err *e)
{
    struct taking *t = arg;
    struct runtime *runtime = t->runtime;
    struct agent *agent = runtime->agent;
    if (code == ERR_NODE_TIMEOUT && !t->last) {
        t->last = true;
        log_tape_fini(&t->tape);
        read_it(t);
        return;
    }
    turn_end(&agent->log_turns, &t->turn);
    t->tape.truncated |= t->last;
    if (code == ERR_CANCELLED) { /* the agent is about to end; the next run takes it */
        taking_free(t);
        return;
    }
    if (!code && !runtime->log_dropped) {
        keep(t);
    } else {
        if (code && code != ERR_NOT_FOUND && code != ERR_IO)
            lose(t, e->text);
        runtime->log_taken = code != ERR_IO;
        go_on(t);
        taking_free(t);
    }
    next_turns(agent);
}

static void read_it(struct taking *t)
{
    struct agent *agent = t->runtime->agent;
    struct docker_log_ask ask = {.container = t->runtime->id.text,
                                 .tail = t->last ? TAKE_LAST : LOG_RECORDS_ENOUGH,
                                 .timeout_ms = t->last ? TAKE_LAST_MS : TAKE_LOG_MS,
                                 .silence_ms = t->last ? 0 : TAKE_SILENCE_MS};
    docker_log_read(agent->docker, &ask, on_record, on_read, t);
}

static void on_passing_record(void *arg, const struct log_record *record)
{
}

/* Where Docker does not tell in time, what it has is read. */
static void on_docker_has_all(void *arg, int code, const struct err *e)
{
    if (code && code != ERR_NODE_TIMEOUT)
        on_read(arg, code, e);
    else
        read_it(arg);
}

/* The processes are dead, but Docker may not have read their last output yet. It ends an answer that follows
 * once it has. That answer is not the log: Docker leaves out of it what it wrote in the moment in which it
 * ends. */
static void await_docker(struct taking *t)
{
    struct docker_log_ask ask = {
        .container = t->runtime->id.text, .follow = true, .tail = 1, .timeout_ms = TAKE_WAIT_MS};
    docker_log_read(t->runtime->agent->docker, &ask, on_passing_record, on_docker_has_all, t);
}

/* --- turns --- */

static void next_turns(struct agent *agent)
{
    struct turn *turn;
    while ((turn = turns_next(&agent->log_turns, loop_now_ms()))) {
        struct taking *t = CONTAINER_OF(turn, struct taking, turn);
        t->runtime->taking = NULL;
        timer_stop(&t->timer);
        await_docker(t);
    }
}

static void on_too_many(void *arg)
{
    struct taking *t = arg;
    t->runtime->taking = NULL;
    turn_end(&t->runtime->agent->log_turns, &t->turn);
    lose(t, "too many sandboxes of its user ended at once");
    go_on(t);
    taking_free(t);
}

static void find_user(struct taking *t, const struct sandbox_record *record)
{
    struct sandbox_spec spec = {.user = NULL};
    struct err e;
    if (!sandbox_spec_unpack(record->spec, record->spec_len, &spec, &e) && spec.user)
        snprintf(t->user, sizeof t->user, "%s", spec.user);
    sandbox_spec_fini(&spec);
}

void agent_take_log_init(struct agent *agent)
{
    turns_init(&agent->log_turns,
               &(struct turns_bounds){.places = TAKE_AT_ONCE, .long_most = 1, .of_user = TAKE_OF_USER});
}

bool agent_take_log(struct runtime *runtime, void (*done)(struct runtime *runtime))
{
    struct agent *agent = runtime->agent;
    const struct sandbox_record *record = reconciler_find(agent->reconciler, &runtime->id);
    if (!record || !record->ran || runtime->log_taken || runtime->log_dropped ||
        !agent->conf->log_retention_hours)
        return false;
    struct taking *t = mem_zalloc(sizeof *t);
    *t = (struct taking){.runtime = runtime, .done = done};
    find_user(t, record);
    runtime->taking = t;
    turn_ask(&agent->log_turns, &t->turn, t->user);
    timer_start(&t->timer, agent->loop, TAKE_TURN_MS, on_too_many, t);
    next_turns(agent);
    return true;
}

void agent_take_log_end(struct runtime *runtime)
{
    if (!runtime->taking)
        return;
    turn_end(&runtime->agent->log_turns, &runtime->taking->turn);
    taking_free(runtime->taking);
    runtime->taking = NULL;
}
