#include "agent/node/history.h"

#include "agent/agent_state.h"

#include "common/io/log.h"
#include "common/base/mem.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define NUMBERS_PER_MS 1024 /* more than are ever used, so numbers from the clock rise over restarts */
#define RETRY_MS       1000

/* The wall clock when the loop's clock was 0. */
static int64_t boot_wall_ms(void)
{
    return (int64_t)(wall_now_ms() - loop_now_ms());
}

/* --- to disk --- */

struct writing {
    struct agent *agent;
    struct outbox_write write;
    int64_t boot_wall_ms;
    size_t file_len; /* after the write */
};

static int write_work(void *arg, struct err *e)
{
    struct writing *w = arg;
    struct journal *journal = w->agent->journal;
    int rc;
    if (w->write.whole) {
        size_t len;
        char *text = outbox_format(w->write.whole, w->agent->boot_id, w->boot_wall_ms, &len);
        rc = journal_replace(journal, text, len, e);
        free(text);
    } else {
        rc = journal_append(journal, w->write.text, w->write.len, w->write.sync, e);
    }
    w->file_len = journal_len(journal);
    return rc;
}

static void writing_free(struct writing *w)
{
    outbox_free(w->write.whole);
    free(w->write.text);
    free(w);
}

static void on_written(void *arg, int code, const struct err *e)
{
    struct writing *w = arg;
    struct agent *agent = w->agent;
    size_t len = w->file_len;
    writing_free(w);
    if (code == ERR_CANCELLED)
        return;
    if (code && !agent->outbox_retry_ms)
        log_error("agent", "violations and samples for the controller would not survive a crash now: %s",
                  e->text);
    if (!code && agent->outbox_retry_ms)
        log_info("agent", "violations and samples for the controller are on disk again");
    agent->outbox_retry_ms = code ? loop_now_ms() + RETRY_MS : 0;
    outbox_written(agent->outbox, !code, len);
    agent_outbox_flush(agent);
    if (outbox_urgent(agent->outbox))
        uplink_hurry(agent->uplink);
}

void agent_outbox_flush(struct agent *agent)
{
    struct outbox_write write;
    if (loop_now_ms() < agent->outbox_retry_ms || !outbox_write(agent->outbox, &write))
        return;
    struct writing *w = mem_zalloc(sizeof *w);
    *w = (struct writing){.agent = agent, .write = write, .boot_wall_ms = boot_wall_ms()};
    worker_do(agent->worker, NULL, write_work, on_written, w);
}

/* --- what happens --- */

/*
 * Logs once when dropping begins, and again only after the controller has acknowledged something meanwhile.
 */
static void say_dropped(struct agent *agent)
{
    struct outbox_stats stats = outbox_stats(agent->outbox);
    uint64_t dropped = stats.samples_dropped + stats.violations_dropped;
    if (dropped > agent->dropped && !agent->dropping)
        log_warn("agent",
                 "the controller is away for too long: the oldest samples and violations are dropped, "
                 "samples=%" PRIu64 " violations=%" PRIu64 " so far",
                 stats.samples_dropped, stats.violations_dropped);
    agent->dropping |= dropped > agent->dropped;
    agent->dropped = dropped;
}

void agent_keep_violations(struct agent *agent, const struct guard_step *step)
{
    if (!step->report_count)
        return;
    for (unsigned i = 0; i < step->report_count; i++)
        outbox_violation(agent->outbox, loop_now_ms(), &step->report[i]);
    say_dropped(agent);
    agent_outbox_flush(agent);
}

void agent_keep_sample(struct agent *agent, const struct sample *sample, bool last)
{
    outbox_sample(agent->outbox, loop_now_ms(), sample, last);
    say_dropped(agent);
}

void agent_committed(void *owner, uint64_t violations, uint64_t samples)
{
    struct agent *agent = owner;
    outbox_ack(agent->outbox, violations, samples);
    agent->dropping = false;
    agent_outbox_flush(agent);
    if (outbox_urgent(agent->outbox))
        uplink_hurry(agent->uplink);
}

void agent_epoch_seen(struct agent *agent, uint64_t epoch)
{
    outbox_epoch_seen(agent->outbox, epoch);
    agent_outbox_flush(agent);
}

/* --- at the start --- */

static void read_back(struct agent *agent, const char *text, size_t len)
{
    struct outbox_reading reading;
    struct err e;
    outbox_read(agent->outbox, text, len, agent->boot_id, loop_now_ms(), boot_wall_ms(), &reading);
    if (reading.torn)
        log_warn("agent", "the last line of the outbox is incomplete, as after a crash");
    if (!reading.strange)
        return;
    bool kept = !journal_set_aside(agent->journal, &e);
    log_error("agent", "%zu of %zu lines of the outbox are invalid; the file is %s", reading.strange,
              reading.lines, kept ? "set aside" : e.text);
}

void agent_outbox_open(struct agent *agent)
{
    char path[300], *text;
    size_t len;
    struct err e;
    snprintf(path, sizeof path, "%s/outbox", agent->conf->state_dir);
    agent->journal = journal_new(path);
    agent->outbox = outbox_new(wall_now_ms() * NUMBERS_PER_MS);
    if (journal_read(agent->journal, &text, &len, &e))
        log_error("agent", "the outbox of the previous run cannot be read: %s", e.text);
    read_back(agent, text, len);
    agent->dropped =
        outbox_stats(agent->outbox).samples_dropped + outbox_stats(agent->outbox).violations_dropped;
    free(text);
}

void agent_outbox_close(struct agent *agent)
{
    outbox_free(agent->outbox);
    journal_free(agent->journal);
}
