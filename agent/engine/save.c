#include "agent/engine/save.h"

#include "agent/agent_state.h"
#include "agent/disk/record.h"

#include "common/io/log.h"
#include "common/base/mem.h"

#include <stdlib.h>
#include <string.h>

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
    struct saving saving;
    mem_take(&saving, arg, sizeof saving);
    struct agent *agent = saving.agent;
    free(saving.text);
    if (code == ERR_CANCELLED)
        return;
    if (code)
        log_error("agent", "sandbox=%s its record is not %s: %s", saving.id.text,
                  saving.text ? "written" : "removed", e->text);
    if (saving.text)
        reconciler_saved(agent->reconciler, loop_now_ms(), &saving.id, !code, engine_effects(agent->engine));
}

static void write_record(struct agent *agent, const struct sandbox_id *id, char *text)
{
    struct saving *saving = mem_zalloc(sizeof *saving);
    *saving = (struct saving){.agent = agent, .id = *id, .text = text};
    worker_do(agent->worker, id, save_work, on_saved, saving);
}

void agent_save(struct agent *agent, const struct sandbox_id *id)
{
    struct sandbox_record record = *reconciler_find(agent->reconciler, id);
    uint64_t now = loop_now_ms();
    memcpy(record.boot_id, agent->boot_id, sizeof record.boot_id);
    record.deadline_wall_ms = wall_now_ms() + (record.deadline_ms > now ? record.deadline_ms - now : 0);
    write_record(agent, id, record_format(&record));
}

void agent_save_nothing(struct agent *agent, const struct sandbox_id *id)
{
    write_record(agent, id, NULL);
}
