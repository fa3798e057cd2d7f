/* Carries out what the heart asked for: on disk, through Docker, through the kernel, to the controller. */
#include "agent/agent_state.h"
#include "agent/disk/record.h"
#include "agent/sandbox/change.h"
#include "agent/sandbox/kill.h"
#include "agent/sandbox/remove.h"
#include "agent/sandbox/start.h"
#include "agent/sandbox/start_step.h"

#include "common/log.h"
#include "common/mem.h"

#include <stdlib.h>
#include <string.h>

/* --- records: formatted here, written in the order of their sandbox --- */

struct saving {
    struct agent *agent;
    struct sandbox_id id;
    char *text; /* NULL: the record is removed */
};

static int save_work(void *arg, struct err *e)
{
    const struct saving *s = arg;
    return s->text ? record_write(s->agent->records_dir, &s->id, s->text, e)
                   : record_remove(s->agent->records_dir, &s->id, e);
}

static void on_saved(void *arg, int code, const struct err *e)
{
    struct saving saving = *(struct saving *)arg;
    struct agent *agent = saving.agent;
    free(saving.text);
    free(arg);
    if (code == ERR_CANCELLED)
        return;
    if (code)
        log_error("agent", "sandbox=%s its record is not %s: %s", saving.id.text,
                  saving.text ? "written" : "removed", e->text);
    if (saving.text)
        keeper_saved(agent->keeper, loop_now_ms(), &saving.id, !code, engine_effects(agent->engine));
}

static void write_record(struct agent *agent, const struct sandbox_id *id, char *text)
{
    struct saving *saving = mem_zalloc(sizeof *saving);
    *saving = (struct saving){.agent = agent, .id = *id, .text = text};
    worker_do(agent->worker, id, save_work, on_saved, saving);
}

static void save(struct agent *agent, const struct sandbox_id *id)
{
    struct box_record record = *keeper_find(agent->keeper, id);
    uint64_t now = loop_now_ms();
    memcpy(record.boot_id, agent->boot_id, sizeof record.boot_id);
    record.deadline_wall_ms = wall_now_ms() + (record.deadline_ms > now ? record.deadline_ms - now : 0);
    write_record(agent, id, record_format(&record));
}

static void forget(struct agent *agent, const struct sandbox_id *id)
{
    struct holder *h = agent_holder_find(agent, id);
    if (h)
        agent_holder_drop(h); /* of one that had ended when this agent began */
    write_record(agent, id, NULL);
}

/* --- which effect is whose --- */

static void save_record(struct agent *agent, const struct keeper_effect *effect)
{
    save(agent, &effect->id);
}

static void make(struct agent *agent, const struct keeper_effect *effect)
{
    agent_make(agent_holder(agent, &effect->id));
}

static void abort_making(struct agent *agent, const struct keeper_effect *effect)
{
    struct holder *h = agent_holder_find(agent, &effect->id);
    if (h && h->maker)
        maker_abort(h->maker);
}

static void kill_processes(struct agent *agent, const struct keeper_effect *effect)
{
    agent_kill(agent_holder(agent, &effect->id));
}

static void remove_all(struct agent *agent, const struct keeper_effect *effect)
{
    agent_remove(agent_holder(agent, &effect->id));
}

static void report(struct agent *agent, const struct keeper_effect *effect)
{
    uplink_observe(agent->uplink, &effect->observation);
}

static void forget_record(struct agent *agent, const struct keeper_effect *effect)
{
    forget(agent, &effect->id);
}

static void act(void *owner, const struct keeper_effect *effect)
{
    static void (*const acts[])(struct agent * agent, const struct keeper_effect *effect) = {
        [KEEPER_SAVE] = save_record,     [KEEPER_MAKE] = make,           [KEEPER_ABORT] = abort_making,
        [KEEPER_PAUSE] = agent_change,   [KEEPER_RESUME] = agent_change, [KEEPER_RESIZE] = agent_change,
        [KEEPER_KILL] = kill_processes,  [KEEPER_REMOVE] = remove_all,   [KEEPER_REPORT] = report,
        [KEEPER_FORGET] = forget_record,
    };
    acts[effect->kind](owner, effect);
}

/* One that ended, or came as far as its init, leaves its turn to another; one that takes long counts no more.
 */
static void settled(void *owner)
{
    agent_next_turns(owner);
}

const struct engine_ops agent_engine_ops = {.act = act, .settled = settled};
