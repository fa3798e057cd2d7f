/*
 * A cleanup of the cluster: orphaned live rows, dead connections of nodes, and what the nodes in session find
 * on themselves. One at a time, each within CLEANUP_MS. Reports of a node that come later, or about a cleanup
 * of its own, are written separately.
 */
#include "controller/leader/leader_cleanup.h"

#include "controller/leader/leader_int.h"

#include "common/io/log.h"
#include "common/base/mem.h"
#include "controller/db/db_cleanup.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CLEANUP_MS  30000
#define WAITING_MAX 16

struct cleanup {
    STAILQ_ENTRY(cleanup) link;
    struct leader *leader;
    const struct db_actor *actor; /* NULL: periodic */
    bool dry_run, begun, read, written;
    bool orphaned; /* the lead was lost while the database wrote it */
    uint64_t number, began_ms;
    struct cleanup_counts counts;
    struct db_cleanup_node *nodes; /* the nodes that were asked */
    size_t node_count;
    struct sandbox_id *suspect; /* orphans by the first reading; the second reading confirms them */
    size_t suspects;
    size_t rows; /* orphaned rows that are being ended */
    struct timer timer;
    struct later later;
    leader_cleanup_cb *cb;
    void *arg;
};

static void begin_next(struct leader *leader);

/* --- its end --- */

static void finish(struct cleanup *cleanup, int code, const struct err *e)
{
    struct leader_cleaned cleaned = {.dry_run = cleanup->dry_run, .counts = cleanup->counts};
    if (!code)
        cleaned.duration_ms = loop_now_ms() - cleanup->began_ms;
    timer_stop(&cleanup->timer);
    later_cancel(&cleanup->later);
    cleanup->cb(cleanup->arg, code, e, &cleaned);
    free(cleanup->nodes);
    free(cleanup->suspect);
    free(cleanup);
}

static void finish_first(struct leader *leader, struct cleanup *cleanup, int code, const struct err *e)
{
    STAILQ_REMOVE(&leader->cleanups, cleanup, cleanup, link);
    leader->cleanups_waiting--;
    finish(cleanup, code, e);
    begin_next(leader);
}

static void say(const struct cleanup *cleanup)
{
    char text[CLEANUP_TEXT_MAX];
    cleanup_text(&cleanup->counts, text);
    if (cleanup->actor || cleanup_found_any(&cleanup->counts))
        log_info("cleanup", "%s%s",
                 cleanup->dry_run ? "a dry run, found/removed: " : "found/removed: ", text);
    for (size_t i = 0; i < cleanup->node_count; i++) {
        if (!cleanup->nodes[i].number)
            log_warn("cleanup", "node=%s did not answer in time", cleanup->nodes[i].name);
    }
}

/* Acknowledges the reports of the nodes only now that they are committed; else the nodes send them again. */
static void on_written(void *arg, int code, const struct err *e, const char *json)
{
    struct cleanup *cleanup = arg;
    struct leader *leader = cleanup->leader;
    if (code == ERR_CANCELLED || cleanup->orphaned) { /* the leader may be freed already */
        finish(cleanup, code, e);
        return;
    }
    for (size_t i = 0; !code && i < cleanup->node_count; i++)
        node_link_ack_cleanups(leader->link, cleanup->nodes[i].name, cleanup->nodes[i].number);
    if (!code)
        cleanup_counts_add(&leader->cleaned, &cleanup->counts);
    finish_first(leader, cleanup, code, e);
}

static void write_down(void *arg)
{
    struct cleanup *cleanup = arg;
    if (cleanup->written)
        return;
    cleanup->written = true;
    timer_stop(&cleanup->timer);
    say(cleanup);
    if (cleanup->actor || cleanup_removed_any(&cleanup->counts))
        db_cleanup_add(cleanup->leader->pool, cleanup->actor, "", cleanup->dry_run, &cleanup->counts,
                       cleanup->nodes, cleanup->node_count, on_written, cleanup);
    else
        on_written(cleanup, 0, NULL, NULL);
}

static bool all_answered(const struct cleanup *cleanup)
{
    for (size_t i = 0; i < cleanup->node_count; i++) {
        if (!cleanup->nodes[i].number && !cleanup->nodes[i].gone)
            return false;
    }
    return cleanup->read && !cleanup->rows;
}

static void check_done(struct cleanup *cleanup)
{
    if (all_answered(cleanup))
        later_call(&cleanup->later, cleanup->leader->loop, write_down, cleanup);
}

/* --- rows --- */

struct cleanup_reading {
    struct leader *leader;
    uint64_t number;
};

static void read_rows(struct cleanup *cleanup);

/* The cleanup under way, if it has this number. */
static struct cleanup *current(const struct leader *leader, uint64_t number)
{
    struct cleanup *cleanup = STAILQ_FIRST(&leader->cleanups);
    return cleanup && cleanup->begun && !cleanup->written && cleanup->number == number ? cleanup : NULL;
}

static bool suspected(const struct cleanup *cleanup, const struct sandbox_id *id)
{
    for (size_t i = 0; i < cleanup->suspects; i++) {
        if (!memcmp(&cleanup->suspect[i], id, sizeof *id))
            return true;
    }
    return false;
}

static void suspect(struct cleanup *cleanup, const struct sandbox_id *id)
{
    cleanup->suspect = mem_grow(cleanup->suspect, cleanup->suspects + 1, sizeof *cleanup->suspect);
    cleanup->suspect[cleanup->suspects++] = *id;
}

static void end_orphan(struct cleanup *cleanup, const struct sandbox_row *row, enum cleanup_kind kind)
{
    struct leader *leader = cleanup->leader;
    cleanup->counts.found[kind]++;
    if (cleanup->dry_run)
        return;
    cleanup->rows++;
    log_warn("cleanup", "sandbox=%s kind=%s its row is live and is ended", row->desired.id.text,
             cleanup_kind_name(kind));
    cluster_state_end_orphan(leader->cluster, loop_now_ms(), row, kind, leader_effects(leader->engine));
}

static void on_rows(void *arg, int code, const struct err *e, const struct sandbox_row *rows, size_t count)
{
    struct cleanup_reading reading = *(struct cleanup_reading *)arg;
    free(arg);
    if (code == ERR_CANCELLED)
        return;
    struct cleanup *cleanup = current(reading.leader, reading.number);
    if (!cleanup)
        return;
    if (code)
        log_warn("cleanup", "the live rows cannot be read: %s", e->text);
    bool first = !cleanup->suspects;
    for (size_t i = 0; !code && i < count; i++) {
        const struct sandbox_row *row = &rows[i];
        enum cleanup_kind kind = cluster_state_orphan(cleanup->leader->cluster, loop_now_ms(), row);
        if (kind == CLEANUP_KIND_COUNT)
            continue;
        if (first)
            suspect(cleanup, &row->desired.id);
        else if (suspected(cleanup, &row->desired.id))
            end_orphan(cleanup, row, kind);
    }
    if (first && cleanup->suspects) {
        read_rows(cleanup);
        return;
    }
    cleanup->read = true;
    check_done(cleanup);
}

static void read_rows(struct cleanup *cleanup)
{
    struct cleanup_reading *reading = mem_zalloc(sizeof *reading);
    *reading = (struct cleanup_reading){cleanup->leader, cleanup->number};
    db_sandbox_live(cleanup->leader->pool, on_rows, reading);
}

static void on_state(void *arg, const struct state_change *change)
{
    struct leader *leader = arg;
    struct cleanup *cleanup = STAILQ_FIRST(&leader->cleanups);
    if (!change->cleaned || !cleanup || !cleanup->rows)
        return;
    cleanup->counts.removed[change->orphan]++;
    cleanup->rows--;
    check_done(cleanup);
}

/* --- nodes --- */

static void ask_nodes(struct cleanup *cleanup)
{
    const struct node_table *nodes = cluster_state_nodes(cleanup->leader->cluster);
    struct cleanup_order order = {.number = cleanup->number, .dry_run = cleanup->dry_run};
    cleanup->nodes = mem_zalloc(nodes->count * sizeof *cleanup->nodes);
    for (size_t i = 0; i < nodes->count; i++) {
        const char *name = nodes->item[i]->facts.name;
        if (node_link_cleanup(cleanup->leader->link, name, &order))
            snprintf(cleanup->nodes[cleanup->node_count++].name, NODE_NAME_MAX + 1, "%s", name);
    }
}

static bool answers(struct cleanup *cleanup, const char *node, const struct cleanup_report *report)
{
    for (size_t i = 0; i < cleanup->node_count; i++) {
        if (strcmp(cleanup->nodes[i].name, node))
            continue;
        if (!cleanup->nodes[i].number)
            cleanup_counts_add(&cleanup->counts, &report->counts);
        cleanup->nodes[i].number = report->number;
        return true;
    }
    return false;
}

static void on_node_gone(void *arg, const char *node)
{
    struct leader *leader = arg;
    struct cleanup *cleanup = STAILQ_FIRST(&leader->cleanups);
    if (!cleanup || !cleanup->begun || cleanup->written)
        return;
    for (size_t i = 0; i < cleanup->node_count; i++)
        cleanup->nodes[i].gone |= !strcmp(cleanup->nodes[i].name, node);
    check_done(cleanup);
}

void leader_cleanup_subscribe(struct leader *leader)
{
    leader->cleanup_change =
        (struct change_subscriber){.on_state = on_state, .on_node_gone = on_node_gone, .arg = leader};
    changes_subscribe(&leader->changes, &leader->cleanup_change);
}

/* A node's own cleanup, or one whose report came too late for the request. */
struct own_cleanup {
    struct leader_ref asked;
    struct cleanup_counts counts;
    struct db_cleanup_node node;
};

static void on_own_written(void *arg, int code, const struct err *e, const char *json)
{
    struct own_cleanup own = *(struct own_cleanup *)arg;
    struct leader *leader = leader_of(&own.asked);
    free(arg);
    if (code == ERR_CANCELLED)
        return;
    if (code) /* the node sends it again */
        log_warn("cleanup", "node=%s its cleanup is not written yet: %s", own.node.name, e->text);
    else if (leader)
        node_link_ack_cleanups(leader->link, own.node.name, own.node.number);
    if (!code && json)
        cleanup_counts_add(&own.asked.leader->cleaned, &own.counts);
}

static void take_own(struct leader *leader, const char *node, const struct cleanup_report *report)
{
    char text[CLEANUP_TEXT_MAX];
    if (report->dry_run || !cleanup_removed_any(&report->counts)) {
        node_link_ack_cleanups(leader->link, node, report->number);
        return;
    }
    struct own_cleanup *own = mem_zalloc(sizeof *own);
    *own = (struct own_cleanup){.asked = leader_ref_of(leader), .counts = report->counts};
    strncpy(own->node.name, node, NODE_NAME_MAX);
    own->node.number = report->number;
    cleanup_text(&report->counts, text);
    log_info("cleanup", "node=%s by itself, found/removed: %s", node, text);
    db_cleanup_add(leader->pool, NULL, node, false, &own->counts, &own->node, 1, on_own_written, own);
}

void leader_on_cleanups(void *owner, const char *node, const struct cleanup_report *reports, size_t count)
{
    struct leader *leader = owner;
    struct cleanup *cleanup = STAILQ_FIRST(&leader->cleanups);
    for (size_t i = 0; i < count; i++) {
        bool asked = cleanup && cleanup->begun && cleanup->number == reports[i].asked;
        if (asked && cleanup->written)
            continue; /* too late for the sum: the node sends it again, and then it counts as the node's own
                       */
        if (!asked || !answers(cleanup, node, &reports[i]))
            take_own(leader, node, &reports[i]);
    }
    if (cleanup && cleanup->begun && !cleanup->written)
        check_done(cleanup);
}

/* --- its beginning --- */

static void begin(void *arg)
{
    struct cleanup *cleanup = arg;
    struct leader *leader = cleanup->leader;
    uint64_t now = wall_now_ms();
    cleanup->begun = true;
    cleanup->began_ms = loop_now_ms();
    /* From the wall clock, so that no earlier leader has used the number. */
    cleanup->number = leader->cleanup_number =
        now > leader->cleanup_number ? now : leader->cleanup_number + 1;
    timer_start(&cleanup->timer, leader->loop, CLEANUP_MS, write_down, cleanup);
    cleanup->counts.found[CLEANUP_STALE_SESSION] = node_link_drop_stale(leader->link, cleanup->dry_run);
    if (!cleanup->dry_run)
        cleanup->counts.removed[CLEANUP_STALE_SESSION] = cleanup->counts.found[CLEANUP_STALE_SESSION];
    ask_nodes(cleanup);
    read_rows(cleanup);
}

static void begin_next(struct leader *leader)
{
    struct cleanup *cleanup = STAILQ_FIRST(&leader->cleanups);
    if (cleanup && !cleanup->begun)
        later_call(&cleanup->later, leader->loop, begin, cleanup);
}

static void refuse(void *arg)
{
    struct cleanup *cleanup = arg;
    struct err e;
    int code = cleanup->leader->ready
                   ? err_set(&e, ERR_RATE_LIMITED, "too many cleanups wait; try again")
                   : err_set(&e, ERR_NOT_LEADING, "this controller does not lead; try again");
    finish(cleanup, code, &e);
}

void leader_cleanup(struct leader *leader, const struct db_actor *actor, bool dry_run, leader_cleanup_cb *cb,
                    void *arg)
{
    struct cleanup *cleanup = mem_zalloc(sizeof *cleanup);
    *cleanup = (struct cleanup){.leader = leader, .actor = actor, .dry_run = dry_run, .cb = cb, .arg = arg};
    if (!leader->ready || leader->cleanups_waiting >= WAITING_MAX) {
        later_call(&cleanup->later, leader->loop, refuse, cleanup);
        return;
    }
    STAILQ_INSERT_TAIL(&leader->cleanups, cleanup, link);
    leader->cleanups_waiting++;
    begin_next(leader);
}

/* A cleanup that is being written ends when the database answers. */
void leader_cleanups_end(struct leader *leader, int code)
{
    struct cleanup *cleanup;
    while ((cleanup = STAILQ_FIRST(&leader->cleanups))) {
        struct err e;
        STAILQ_REMOVE_HEAD(&leader->cleanups, link);
        leader->cleanups_waiting--;
        (void)err_set(&e, code, "this controller does not lead any more; try again");
        if (cleanup->written)
            cleanup->orphaned = true;
        else
            finish(cleanup, code, &e);
    }
}

const struct cleanup_counts *leader_cleaned(const struct leader *leader)
{
    return &leader->cleaned;
}
