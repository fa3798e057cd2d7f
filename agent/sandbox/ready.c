#include "agent/sandbox/ready.h"

#include "agent/agent_state.h"
#include "agent/initlink/initlink_process.h"

#include "common/base/mem.h"
#include "common/io/pki.h"
#include "proto/node_codec.h"
#include "proto/stream_codec.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TRY_MS   10000 /* of one try, which is killed then */
#define AGAIN_MS 100   /* where its init had no room for one more request */
#define FOLDER   "/workspace"

struct ready {
    struct runtime *runtime;
    struct sandbox_spec spec; /* what is read of it: the check */
    uint64_t until_ms;
    uint32_t number;    /* of the try under way; 0: none */
    char last[120];     /* how the last one ended; "": none did */
    struct timer timer; /* for the next try, or for the end of the one under way */
};

void agent_ready_end(struct runtime *runtime)
{
    struct ready *ready = runtime->ready;
    if (!ready)
        return;
    runtime->ready = NULL;
    timer_stop(&ready->timer);
    sandbox_spec_fini(&ready->spec);
    free(ready);
}

static void succeed(struct runtime *runtime)
{
    struct agent *agent = runtime->agent;
    agent_ready_end(runtime);
    reconciler_ready(agent->reconciler, loop_now_ms(), &runtime->id, engine_effects(agent->engine));
}

static void give_up(struct ready *ready)
{
    struct runtime *runtime = ready->runtime;
    struct agent *agent = runtime->agent;
    char why[NODE_DETAIL_MAX + 1];
    snprintf(why, sizeof why, "its ready check did not succeed within %" PRIu32 " s: %s",
             ready->spec.ready_timeout_ms / 1000,
             ready->number    ? "the last try had not ended"
             : ready->last[0] ? ready->last
                              : "no try could be begun");
    agent_ready_end(runtime);
    reconciler_not_ready(agent->reconciler, loop_now_ms(), &runtime->id, why, engine_effects(agent->engine));
}

/* Whether it still matters: the sandbox has not begun to end. */
static bool matters(const struct ready *ready)
{
    const struct runtime *runtime = ready->runtime;
    const struct sandbox_record *record = reconciler_find(runtime->agent->reconciler, &runtime->id);
    return record && record->unready && record->phase == PHASE_RUNNING && record->reason == REASON_NONE;
}

static void on_time(void *arg);

/* Looks again in so long, or at the deadline. */
static void wait_for(struct ready *ready, uint64_t ms)
{
    uint64_t now = loop_now_ms(), left = ready->until_ms > now ? ready->until_ms - now : 0;
    timer_start(&ready->timer, ready->runtime->agent->loop, ms < left ? ms : left, on_time, ready);
}

static struct init_spawn *spawn_of(const struct ready *ready)
{
    static uint8_t note[STREAM_NOTE_MAX];
    struct stream_start noted = {.command = ready->spec.ready_command, .tag = "ready"};
    struct init_spawn *spawn = mem_zalloc(sizeof *spawn);
    uint64_t now = loop_now_ms(), left = ready->until_ms > now ? ready->until_ms - now : 1;
    pki_random(spawn->token, sizeof spawn->token);
    spawn->timeout_ms = left < TRY_MS ? left : TRY_MS;
    spawn->flags = INIT_PROCESS_EXEC;
    spawn->note = note;
    spawn->note_len = (uint32_t)stream_note_pack(&noted, note);
    spawn->start.cwd = FOLDER;
    for (size_t i = 0; i < ready->spec.ready_command.count && i < INIT_STRINGS_MAX; i++)
        spawn->start.argv[spawn->start.argc++] = ready->spec.ready_command.item[i];
    return spawn;
}

static void try_once(struct ready *ready)
{
    struct initlink *init = ready->runtime->init;
    struct err e;
    if (!init || !initlink_ready(init) || !initlink_listed(init)) {
        wait_for(ready, UINT64_MAX); /* agent_ready_update goes on */
        return;
    }
    struct init_spawn *spawn = spawn_of(ready);
    ready->number = initlink_next_process(init);
    int rc = initlink_spawn(init, ready->number, spawn, &e);
    free(spawn);
    if (rc) {
        ready->number = 0;
        snprintf(ready->last, sizeof ready->last, "the last try could not be started: %.60s", e.text);
    }
    wait_for(ready, !rc ? UINT64_MAX : rc == ERR_IO ? AGAIN_MS : ready->spec.ready_interval_ms);
}

static void on_time(void *arg)
{
    struct ready *ready = arg;
    if (!matters(ready))
        agent_ready_end(ready->runtime);
    else if (loop_now_ms() >= ready->until_ms)
        give_up(ready);
    else if (ready->number)
        wait_for(ready, UINT64_MAX);
    else
        try_once(ready);
}

static void describe(const struct init_process *told, char out[static 120])
{
    if (told->flags & INIT_PROCESS_TIMED_OUT)
        snprintf(out, 120, "the last try took longer than %d s", TRY_MS / 1000);
    else if (told->state == INIT_REFUSED || told->exit.kind == INIT_EXIT_NOT_STARTED)
        snprintf(out, 120, "the last try could not be started: %s", strerror(told->exit.value));
    else if (told->exit.kind == INIT_EXIT_SIGNAL)
        snprintf(out, 120, "the last try was ended by signal %d", told->exit.value);
    else
        snprintf(out, 120, "the last try ended with %d", init_exit_status(&told->exit));
}

/* A try has ended. */
static void end_try(struct ready *ready, const struct init_process *told)
{
    ready->number = 0;
    if (told->state == INIT_ENDED && told->exit.kind == INIT_EXIT_CODE && !told->exit.value) {
        succeed(ready->runtime);
        return;
    }
    describe(told, ready->last);
    wait_for(ready, ready->spec.ready_interval_ms);
}

static bool has_ended(const struct init_process *told)
{
    return told->state == INIT_ENDED || told->state == INIT_REFUSED;
}

/* Linked, at first or again: what became of the try under way is known now. */
static void on_listed(struct ready *ready)
{
    const struct initlink_process *p =
        ready->number ? initlink_find_process(ready->runtime->init, ready->number) : NULL;
    if (p && p->known && has_ended(&p->told))
        end_try(ready, &p->told);
    else if (p && p->known)
        return;
    ready->number = 0;
    try_once(ready);
}

void agent_ready_update(struct runtime *runtime, const struct initlink_update *update)
{
    struct ready *ready = runtime->ready;
    if (!ready || !matters(ready))
        return;
    if (update->kind == INITLINK_LISTED)
        on_listed(ready);
    else if (update->kind == INITLINK_PROCESS_TOLD && ready->number &&
             update->process.number == ready->number && has_ended(&update->process.told))
        end_try(ready, &update->process.told);
}

void agent_ready_begin(struct agent *agent, const struct sandbox_id *id)
{
    struct runtime *runtime = agent_runtime_find(agent, id);
    const struct sandbox_record *record = reconciler_find(agent->reconciler, id);
    struct err e;
    if (!runtime || !record || runtime->ready)
        return;
    struct ready *ready = mem_zalloc(sizeof *ready);
    ready->runtime = runtime;
    runtime->ready = ready;
    if (sandbox_spec_unpack(record->spec, record->spec_len, &ready->spec, &e) ||
        !ready->spec.ready_command.count) {
        succeed(runtime); /* there is no check */
        return;
    }
    ready->until_ms = record->started_ms + ready->spec.ready_timeout_ms;
    timer_start(&ready->timer, agent->loop, 0, on_time, ready);
}
