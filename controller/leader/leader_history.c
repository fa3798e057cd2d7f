#include "controller/leader/leader_history.h"

#include "controller/core/system_sample.h"
#include "controller/db/db_system.h"
#include "controller/leader/leader_int.h"

#include "common/base/mem.h"
#include "common/io/log.h"

#include <stdlib.h>

struct leader_history {
    struct leader *leader;
    struct system_sample *sample;
    uint64_t since_ms;             /* the counts began then, or with this lead */
    uint64_t since_unix_ms;        /* the same by PostgreSQL's clock */
    uint64_t before_unix_ms;       /* when the sample before the one in rows was taken */
    char *rows;                    /* the sample that is not known to be written; NULL: none */
    struct db_system_sample taken; /* of that sample */
    bool on_its_way, failing, flushed;
};

struct leader_history *leader_history_new(struct leader *leader)
{
    struct leader_history *history = mem_zalloc(sizeof *history);
    history->leader = leader;
    history->sample = system_sample_new();
    return history;
}

void leader_history_free(struct leader_history *history)
{
    if (!history)
        return;
    system_sample_free(history->sample);
    free(history->rows);
    free(history);
}

/* --- what is counted --- */

static bool place_of(const struct leader_history *history, const struct sandbox_id *id,
                     struct system_place *place)
{
    const struct leader *leader = history->leader;
    struct cluster_state_view view;
    if (!leader->cluster || !cluster_state_find(leader->cluster, id, &view))
        return false;
    const struct node *node = node_table_find(cluster_state_nodes(leader->cluster), view.node);
    *place = (struct system_place){view.node, node ? node->facts.region : NULL, view.tier};
    return true;
}

void leader_history_created(struct leader_history *history, const struct sandbox_id *id)
{
    struct system_place place;
    if (place_of(history, id, &place))
        system_sample_created(history->sample, &place);
}

void leader_history_started(struct leader_history *history, const struct sandbox_id *id, uint64_t took_ms)
{
    struct system_place place;
    if (place_of(history, id, &place))
        system_sample_started(history->sample, &place, took_ms);
}

void leader_count_refusal(struct leader *leader, const char *tier, int code)
{
    if (leader->ready)
        system_sample_refused(leader->history->sample, tier, code);
}

/* --- samples --- */

static void add_waiting(void *arg, const char *node, uint64_t starts, uint64_t longest_ms)
{
    system_sample_starts_waiting(arg, node, starts, longest_ms);
}

static void take_rows(struct leader_history *history, struct db_system_sample taken)
{
    struct json_text rows = {0};
    system_sample_take(history->sample, &rows);
    history->rows = rows.text.data;
    history->taken = taken;
    history->taken.epoch = history->leader->epoch;
    history->taken.rows = history->rows;
}

static void take(struct leader_history *history)
{
    const struct leader *leader = history->leader;
    uint64_t now = loop_now_ms(), unix_ms = leader_wall_ms(leader);
    system_sample_read(history->sample, leader->cluster, leader->stats, now);
    node_link_waiting(leader->link, add_waiting, history->sample);
    system_sample_queues(history->sample, leader->creates_waiting, waiters_count(leader->waiters),
                         db_pool_stats(leader->pool).waiting);
    history->before_unix_ms = history->since_unix_ms;
    take_rows(history, (struct db_system_sample){.unix_ms = unix_ms, .covered_ms = now - history->since_ms});
    history->since_ms = now;
    history->since_unix_ms = unix_ms;
}

/*
 * What is counted counts, but nothing else is told: a leader that stood still takes a sample when others have
 * led for long. The moment after the sample before was certainly its own.
 */
static struct db_system_sample counts_only(uint64_t before_unix_ms)
{
    return (struct db_system_sample){.unix_ms = before_unix_ms + 1, .counts_only = true};
}

/* What the database refuses for good is dropped; while it is away, or another controller leads, it waits. */
static void on_written(void *arg, int code, const struct err *e, const char *json)
{
    struct leader_history *history = arg;
    bool again = code == ERR_DATABASE_UNAVAILABLE || code == ERR_NOT_LEADING || code == ERR_CANCELLED;
    history->on_its_way = false;
    if (code && !again && !history->failing)
        log_warn("leader", "a sample of the system is not written, and lost: %s", e->text);
    history->failing = code && !again;
    if (code == ERR_NOT_LEADING && !history->taken.counts_only) { /* it is certainly not written */
        struct db_system_sample counts = counts_only(history->before_unix_ms);
        counts.epoch = history->taken.epoch;
        counts.rows = history->rows;
        history->taken = counts;
    }
    if (!again)
        mem_free_ptr(&history->rows);
}

static void send(struct leader_history *history)
{
    history->on_its_way = true;
    db_system_sample_add(history->leader->pool, &history->taken, on_written, history);
}

void leader_sample_system(struct leader *leader)
{
    struct leader_history *history = leader->history;
    if (!leader->ready || history->on_its_way)
        return;
    if (!history->rows)
        take(history);
    send(history);
}

bool leader_flush_system(struct leader *leader)
{
    struct leader_history *history = leader->history;
    if (!leader->ready || (history->flushed && !history->on_its_way))
        return false;
    history->flushed = history->flushed || (!history->on_its_way && !history->rows);
    leader_sample_system(leader);
    return true;
}

void leader_history_begin(struct leader_history *history)
{
    history->since_ms = loop_now_ms();
    history->since_unix_ms = leader_wall_ms(history->leader);
}

void leader_history_end(struct leader_history *history)
{
    if (history->leader->ready && !history->rows)
        take_rows(history, counts_only(history->since_unix_ms));
}
