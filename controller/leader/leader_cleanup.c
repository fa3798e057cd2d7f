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

static void finish(struct cleanup *s, int code, const struct err *e)
{
    struct leader_cleaned cleaned = {.dry_run = s->dry_run, .counts = s->counts};
    if (!code)
        cleaned.duration_ms = loop_now_ms() - s->began_ms;
    timer_stop(&s->timer);
    later_cancel(&s->later);
    s->cb(s->arg, code, e, &cleaned);
    free(s->nodes);
    free(s->suspect);
    free(s);
}

static void finish_first(struct leader *leader, struct cleanup *s, int code, const struct err *e)
{
    STAILQ_REMOVE(&leader->cleanups, s, cleanup, link);
    leader->cleanups_waiting--;
    finish(s, code, e);
    begin_next(leader);
}

static void say(const struct cleanup *s)
{
    char text[CLEANUP_TEXT_MAX];
    cleanup_text(&s->counts, text);
    if (s->actor || cleanup_found_any(&s->counts))
        log_info("cleanup", "%s%s", s->dry_run ? "a dry run, found/removed: " : "found/removed: ", text);
    for (size_t i = 0; i < s->node_count; i++) {
        if (!s->nodes[i].number)
            log_warn("cleanup", "node=%s did not answer in time", s->nodes[i].name);
    }
}

/* Acknowledges the reports of the nodes only now that they are committed; else the nodes send them again. */
static void on_written(void *arg, int code, const struct err *e, const char *json)
{
    struct cleanup *s = arg;
    struct leader *leader = s->leader;
    if (code == ERR_CANCELLED || s->orphaned) { /* the leader may be freed already */
        finish(s, code, e);
        return;
    }
    for (size_t i = 0; !code && i < s->node_count; i++)
        node_link_ack_cleanups(leader->link, s->nodes[i].name, s->nodes[i].number);
    if (!code)
        cleanup_counts_add(&leader->cleaned, &s->counts);
    finish_first(leader, s, code, e);
}

static void write_down(void *arg)
{
    struct cleanup *s = arg;
    if (s->written)
        return;
    s->written = true;
    timer_stop(&s->timer);
    say(s);
    if (s->actor || cleanup_removed_any(&s->counts))
        db_cleanup_add(s->leader->pool, s->actor, "", s->dry_run, &s->counts, s->nodes, s->node_count,
                       on_written, s);
    else
        on_written(s, 0, NULL, NULL);
}

static bool all_answered(const struct cleanup *s)
{
    for (size_t i = 0; i < s->node_count; i++) {
        if (!s->nodes[i].number && !s->nodes[i].gone)
            return false;
    }
    return s->read && !s->rows;
}

static void check_done(struct cleanup *s)
{
    if (all_answered(s))
        later_call(&s->later, s->leader->loop, write_down, s);
}

/* --- rows --- */

struct cleanup_reading {
    struct leader *leader;
    uint64_t number;
};

static void read_rows(struct cleanup *s);

/* The cleanup under way, if it has this number. */
static struct cleanup *current(const struct leader *leader, uint64_t number)
{
    struct cleanup *s = STAILQ_FIRST(&leader->cleanups);
    return s && s->begun && !s->written && s->number == number ? s : NULL;
}

static bool suspected(const struct cleanup *s, const struct sandbox_id *id)
{
    for (size_t i = 0; i < s->suspects; i++) {
        if (!memcmp(&s->suspect[i], id, sizeof *id))
            return true;
    }
    return false;
}

static void suspect(struct cleanup *s, const struct sandbox_id *id)
{
    s->suspect = mem_grow(s->suspect, s->suspects + 1, sizeof *s->suspect);
    s->suspect[s->suspects++] = *id;
}

static void end_orphan(struct cleanup *s, const struct sandbox_row *row, enum cleanup_kind kind)
{
    struct leader *leader = s->leader;
    s->counts.found[kind]++;
    if (s->dry_run)
        return;
    s->rows++;
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
    struct cleanup *s = current(reading.leader, reading.number);
    if (!s)
        return;
    if (code)
        log_warn("cleanup", "the live rows cannot be read: %s", e->text);
    bool first = !s->suspects;
    for (size_t i = 0; !code && i < count; i++) {
        const struct sandbox_row *row = &rows[i];
        enum cleanup_kind kind = cluster_state_orphan(s->leader->cluster, loop_now_ms(), row);
        if (kind == CLEANUP_KIND_COUNT)
            continue;
        if (first)
            suspect(s, &row->desired.id);
        else if (suspected(s, &row->desired.id))
            end_orphan(s, row, kind);
    }
    if (first && s->suspects) {
        read_rows(s);
        return;
    }
    s->read = true;
    check_done(s);
}

static void read_rows(struct cleanup *s)
{
    struct cleanup_reading *reading = mem_zalloc(sizeof *reading);
    *reading = (struct cleanup_reading){s->leader, s->number};
    db_sandbox_live(s->leader->pool, on_rows, reading);
}

static void on_state(void *arg, const struct state_change *change)
{
    struct leader *leader = arg;
    struct cleanup *s = STAILQ_FIRST(&leader->cleanups);
    if (!change->cleaned || !s || !s->rows)
        return;
    s->counts.removed[change->orphan]++;
    s->rows--;
    check_done(s);
}

/* --- nodes --- */

static void ask_nodes(struct cleanup *s)
{
    const struct node_table *nodes = cluster_state_nodes(s->leader->cluster);
    struct cleanup_order order = {.number = s->number, .dry_run = s->dry_run};
    s->nodes = mem_zalloc(nodes->count * sizeof *s->nodes);
    for (size_t i = 0; i < nodes->count; i++) {
        const char *name = nodes->item[i]->facts.name;
        if (node_link_cleanup(s->leader->link, name, &order))
            snprintf(s->nodes[s->node_count++].name, NODE_NAME_MAX + 1, "%s", name);
    }
}

static bool answers(struct cleanup *s, const char *node, const struct cleanup_report *report)
{
    for (size_t i = 0; i < s->node_count; i++) {
        if (strcmp(s->nodes[i].name, node))
            continue;
        if (!s->nodes[i].number)
            cleanup_counts_add(&s->counts, &report->counts);
        s->nodes[i].number = report->number;
        return true;
    }
    return false;
}

static void on_node_gone(void *arg, const char *node)
{
    struct leader *leader = arg;
    struct cleanup *s = STAILQ_FIRST(&leader->cleanups);
    if (!s || !s->begun || s->written)
        return;
    for (size_t i = 0; i < s->node_count; i++)
        s->nodes[i].gone |= !strcmp(s->nodes[i].name, node);
    check_done(s);
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
    struct cleanup *s = STAILQ_FIRST(&leader->cleanups);
    for (size_t i = 0; i < count; i++) {
        bool asked = s && s->begun && s->number == reports[i].asked;
        if (asked && s->written)
            continue; /* too late for the sum: the node sends it again, and then it counts as the node's own
                       */
        if (!asked || !answers(s, node, &reports[i]))
            take_own(leader, node, &reports[i]);
    }
    if (s && s->begun && !s->written)
        check_done(s);
}

/* --- its beginning --- */

static void begin(void *arg)
{
    struct cleanup *s = arg;
    struct leader *leader = s->leader;
    uint64_t now = wall_now_ms();
    s->begun = true;
    s->began_ms = loop_now_ms();
    /* From the wall clock, so that no earlier leader has used the number. */
    s->number = leader->cleanup_number = now > leader->cleanup_number ? now : leader->cleanup_number + 1;
    timer_start(&s->timer, leader->loop, CLEANUP_MS, write_down, s);
    s->counts.found[CLEANUP_STALE_SESSION] = node_link_drop_stale(leader->link, s->dry_run);
    if (!s->dry_run)
        s->counts.removed[CLEANUP_STALE_SESSION] = s->counts.found[CLEANUP_STALE_SESSION];
    ask_nodes(s);
    read_rows(s);
}

static void begin_next(struct leader *leader)
{
    struct cleanup *s = STAILQ_FIRST(&leader->cleanups);
    if (s && !s->begun)
        later_call(&s->later, leader->loop, begin, s);
}

static void refuse(void *arg)
{
    struct cleanup *s = arg;
    struct err e;
    int code = s->leader->ready ? err_set(&e, ERR_RATE_LIMITED, "too many cleanups wait; try again")
                                : err_set(&e, ERR_NOT_LEADING, "this controller does not lead; try again");
    finish(s, code, &e);
}

void leader_cleanup(struct leader *leader, const struct db_actor *actor, bool dry_run, leader_cleanup_cb *cb,
                    void *arg)
{
    struct cleanup *s = mem_zalloc(sizeof *s);
    *s = (struct cleanup){.leader = leader, .actor = actor, .dry_run = dry_run, .cb = cb, .arg = arg};
    if (!leader->ready || leader->cleanups_waiting >= WAITING_MAX) {
        later_call(&s->later, leader->loop, refuse, s);
        return;
    }
    STAILQ_INSERT_TAIL(&leader->cleanups, s, link);
    leader->cleanups_waiting++;
    begin_next(leader);
}

/* A cleanup that is being written ends when the database answers. */
void leader_cleanups_end(struct leader *leader, int code)
{
    struct cleanup *s;
    while ((s = STAILQ_FIRST(&leader->cleanups))) {
        struct err e;
        STAILQ_REMOVE_HEAD(&leader->cleanups, link);
        leader->cleanups_waiting--;
        (void)err_set(&e, code, "this controller does not lead any more; try again");
        if (s->written)
            s->orphaned = true;
        else
            finish(s, code, &e);
    }
}

const struct cleanup_counts *leader_cleaned(const struct leader *leader)
{
    return &leader->cleaned;
}
