/*
 * A sweep of the whole: live rows that have nothing behind them, connections of hosts that are over, and what
 * the hosts in session find on themselves. One at a time, each within SWEEP_MS; what a host says later, or of
 * a sweep of its own, is written down by itself.
 */
#include "controller/leader/leader_int.h"
#include "controller/leader/leader_row.h"

#include "common/io/log.h"
#include "common/base/mem.h"
#include "controller/db/db_sweep.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SWEEP_MS    30000
#define WAITING_MAX 16

struct sweep {
    STAILQ_ENTRY(sweep) link;
    struct leader *leader;
    const struct db_actor *actor; /* NULL: nobody asked */
    bool dry_run, begun, read, written;
    bool orphaned; /* the lead was lost while it was written down */
    uint64_t number, began_ms;
    struct sweep_counts counts;
    struct db_sweep_host *host; /* that were asked */
    size_t hosts;
    struct sandbox_id *suspect; /* strays by the first reading; the second proves them */
    size_t suspects;
    size_t rows; /* that are being ended */
    struct timer timer;
    struct later later;
    leader_sweep_cb *cb;
    void *arg;
};

static void begin_next(struct leader *leader);

/* --- its end --- */

static void finish(struct sweep *s, int code, const struct err *e)
{
    struct leader_swept swept = {.dry_run = s->dry_run, .counts = s->counts};
    if (!code)
        swept.duration_ms = loop_now_ms() - s->began_ms;
    timer_stop(&s->timer);
    later_cancel(&s->later);
    s->cb(s->arg, code, e, &swept);
    free(s->host);
    free(s->suspect);
    free(s);
}

static void finish_first(struct leader *leader, struct sweep *s, int code, const struct err *e)
{
    STAILQ_REMOVE(&leader->sweeps, s, sweep, link);
    leader->sweeps_waiting--;
    finish(s, code, e);
    begin_next(leader);
}

static void say(const struct sweep *s)
{
    char text[SWEEP_TEXT_MAX];
    sweep_text(&s->counts, text);
    if (s->actor || sweep_found_any(&s->counts))
        log_info("sweep", "%s%s", s->dry_run ? "a dry run, found/removed: " : "found/removed: ", text);
    for (size_t i = 0; i < s->hosts; i++) {
        if (!s->host[i].number)
            log_warn("sweep", "node=%s did not answer in time", s->host[i].name);
    }
}

/* What the hosts said counts as taken only now: else they say it again. */
static void on_written(void *arg, int code, const struct err *e, const char *json)
{
    struct sweep *s = arg;
    struct leader *leader = s->leader;
    if (code == ERR_CANCELLED || s->orphaned) { /* the cluster may be gone */
        finish(s, code, e);
        return;
    }
    for (size_t i = 0; !code && i < s->hosts; i++)
        node_link_ack_sweeps(leader->link, s->host[i].name, s->host[i].number);
    if (!code)
        sweep_counts_add(&leader->swept, &s->counts);
    finish_first(leader, s, code, e);
}

static void write_down(void *arg)
{
    struct sweep *s = arg;
    if (s->written)
        return;
    s->written = true;
    timer_stop(&s->timer);
    say(s);
    if (s->actor || sweep_removed_any(&s->counts))
        db_sweep_add(s->leader->pool, s->actor, "", s->dry_run, &s->counts, s->host, s->hosts, on_written, s);
    else
        on_written(s, 0, NULL, NULL);
}

static bool all_answered(const struct sweep *s)
{
    for (size_t i = 0; i < s->hosts; i++) {
        if (!s->host[i].number && !s->host[i].gone)
            return false;
    }
    return s->read && !s->rows;
}

static void check_done(struct sweep *s)
{
    if (all_answered(s))
        later_call(&s->later, s->leader->loop, write_down, s);
}

/* --- rows --- */

struct sweep_reading {
    struct leader *leader;
    uint64_t number;
};

static void read_rows(struct sweep *s);

/* The sweep that is under way and has this number. */
static struct sweep *current(const struct leader *leader, uint64_t number)
{
    struct sweep *s = STAILQ_FIRST(&leader->sweeps);
    return s && s->begun && !s->written && s->number == number ? s : NULL;
}

static bool suspected(const struct sweep *s, const struct sandbox_id *id)
{
    for (size_t i = 0; i < s->suspects; i++) {
        if (!memcmp(&s->suspect[i], id, sizeof *id))
            return true;
    }
    return false;
}

static void suspect(struct sweep *s, const struct sandbox_id *id)
{
    s->suspect = mem_grow(s->suspect, s->suspects + 1, sizeof *s->suspect);
    s->suspect[s->suspects++] = *id;
}

static void end_stray(struct sweep *s, const struct cluster_state_row *row, enum sweep_kind kind)
{
    struct leader *leader = s->leader;
    s->counts.found[kind]++;
    if (s->dry_run)
        return;
    s->rows++;
    log_warn("sweep", "sandbox=%s kind=%s its row is live and is ended", row->id.text, sweep_kind_name(kind));
    cluster_state_end_stray(leader->cluster, loop_now_ms(), row, kind, leader_effects(leader->engine));
}

static void on_rows(void *arg, int code, const struct err *e, const struct db_sandbox_row *rows, size_t count)
{
    struct sweep_reading reading = *(struct sweep_reading *)arg;
    free(arg);
    if (code == ERR_CANCELLED)
        return;
    struct sweep *s = current(reading.leader, reading.number);
    if (!s)
        return;
    if (code)
        log_warn("sweep", "the live rows cannot be read: %s", e->text);
    bool first = !s->suspects;
    for (size_t i = 0; !code && i < count; i++) {
        struct cluster_state_row row = leader_row(&rows[i]);
        enum sweep_kind kind = cluster_state_stray(s->leader->cluster, loop_now_ms(), &row);
        if (kind == SWEEP_KIND_COUNT)
            continue;
        if (first)
            suspect(s, &row.id);
        else if (suspected(s, &row.id))
            end_stray(s, &row, kind);
    }
    if (first && s->suspects) {
        read_rows(s);
        return;
    }
    s->read = true;
    check_done(s);
}

static void read_rows(struct sweep *s)
{
    struct sweep_reading *reading = mem_zalloc(sizeof *reading);
    *reading = (struct sweep_reading){s->leader, s->number};
    db_sandbox_live(s->leader->pool, on_rows, reading);
}

static void on_state(void *arg, const struct state_change *change)
{
    struct leader *leader = arg;
    struct sweep *s = STAILQ_FIRST(&leader->sweeps);
    if (!change->swept || !s || !s->rows)
        return;
    s->counts.removed[change->stray]++;
    s->rows--;
    check_done(s);
}

/* --- hosts --- */

static void ask_hosts(struct sweep *s)
{
    const struct node_table *nodes = cluster_state_nodes(s->leader->cluster);
    struct sweep_order order = {.number = s->number, .dry_run = s->dry_run};
    s->host = mem_zalloc(nodes->count * sizeof *s->host);
    for (size_t i = 0; i < nodes->count; i++) {
        const char *name = nodes->item[i]->facts.name;
        if (node_link_sweep(s->leader->link, name, &order))
            snprintf(s->host[s->hosts++].name, NODE_NAME_MAX + 1, "%s", name);
    }
}

static bool answers(struct sweep *s, const char *node, const struct sweep_report *report)
{
    for (size_t i = 0; i < s->hosts; i++) {
        if (strcmp(s->host[i].name, node))
            continue;
        if (!s->host[i].number)
            sweep_counts_add(&s->counts, &report->counts);
        s->host[i].number = report->number;
        return true;
    }
    return false;
}

static void on_node_gone(void *arg, const char *node)
{
    struct leader *leader = arg;
    struct sweep *s = STAILQ_FIRST(&leader->sweeps);
    if (!s || !s->begun || s->written)
        return;
    for (size_t i = 0; i < s->hosts; i++)
        s->host[i].gone |= !strcmp(s->host[i].name, node);
    check_done(s);
}

void leader_sweep_subscribe(struct leader *leader)
{
    leader->sweep_change =
        (struct change_subscriber){.on_state = on_state, .on_node_gone = on_node_gone, .arg = leader};
    changes_subscribe(&leader->changes, &leader->sweep_change);
}

/* A host's own sweep, or one that it ended too late for who asked. */
struct own_sweep {
    struct leader_ref asked;
    struct sweep_counts counts;
    struct db_sweep_host host;
};

static void on_own_written(void *arg, int code, const struct err *e, const char *json)
{
    struct own_sweep own = *(struct own_sweep *)arg;
    struct leader *leader = leader_of(&own.asked);
    free(arg);
    if (code == ERR_CANCELLED)
        return;
    if (code) /* the host says it again */
        log_warn("sweep", "node=%s its sweep is not yet written down: %s", own.host.name, e->text);
    else if (leader)
        node_link_ack_sweeps(leader->link, own.host.name, own.host.number);
    if (!code && json)
        sweep_counts_add(&own.asked.leader->swept, &own.counts);
}

static void take_own(struct leader *leader, const char *node, const struct sweep_report *report)
{
    char text[SWEEP_TEXT_MAX];
    if (report->dry_run || !sweep_removed_any(&report->counts)) {
        node_link_ack_sweeps(leader->link, node, report->number);
        return;
    }
    struct own_sweep *own = mem_zalloc(sizeof *own);
    *own = (struct own_sweep){.asked = leader_ref_of(leader), .counts = report->counts};
    strncpy(own->host.name, node, NODE_NAME_MAX);
    own->host.number = report->number;
    sweep_text(&report->counts, text);
    log_info("sweep", "node=%s by itself, found/removed: %s", node, text);
    db_sweep_add(leader->pool, NULL, node, false, &own->counts, &own->host, 1, on_own_written, own);
}

void leader_on_sweeps(void *owner, const char *node, const struct sweep_report *reports, size_t count)
{
    struct leader *leader = owner;
    struct sweep *s = STAILQ_FIRST(&leader->sweeps);
    for (size_t i = 0; i < count; i++) {
        bool asked = s && s->begun && s->number == reports[i].asked;
        if (asked && s->written)
            continue; /* too late for its sum: it comes again, and is then the host's own */
        if (!asked || !answers(s, node, &reports[i]))
            take_own(leader, node, &reports[i]);
    }
    if (s && s->begun && !s->written)
        check_done(s);
}

/* --- its beginning --- */

static void begin(void *arg)
{
    struct sweep *s = arg;
    struct leader *leader = s->leader;
    uint64_t now = wall_now_ms();
    s->begun = true;
    s->began_ms = loop_now_ms();
    /* Never one that an earlier leader gave. */
    s->number = leader->sweep_number = now > leader->sweep_number ? now : leader->sweep_number + 1;
    timer_start(&s->timer, leader->loop, SWEEP_MS, write_down, s);
    s->counts.found[SWEEP_STALE_SESSION] = node_link_drop_stale(leader->link, s->dry_run);
    if (!s->dry_run)
        s->counts.removed[SWEEP_STALE_SESSION] = s->counts.found[SWEEP_STALE_SESSION];
    ask_hosts(s);
    read_rows(s);
}

static void begin_next(struct leader *leader)
{
    struct sweep *s = STAILQ_FIRST(&leader->sweeps);
    if (s && !s->begun)
        later_call(&s->later, leader->loop, begin, s);
}

static void refuse(void *arg)
{
    struct sweep *s = arg;
    struct err e;
    int code = s->leader->ready ? err_set(&e, ERR_RATE_LIMITED, "too many sweeps wait; try again")
                                : err_set(&e, ERR_NOT_LEADING, "this controller does not lead; try again");
    finish(s, code, &e);
}

void leader_sweep(struct leader *leader, const struct db_actor *actor, bool dry_run, leader_sweep_cb *cb,
                  void *arg)
{
    struct sweep *s = mem_zalloc(sizeof *s);
    *s = (struct sweep){.leader = leader, .actor = actor, .dry_run = dry_run, .cb = cb, .arg = arg};
    if (!leader->ready || leader->sweeps_waiting >= WAITING_MAX) {
        later_call(&s->later, leader->loop, refuse, s);
        return;
    }
    STAILQ_INSERT_TAIL(&leader->sweeps, s, link);
    leader->sweeps_waiting++;
    begin_next(leader);
}

/* One that is being written down ends when the database answers. */
void leader_sweeps_end(struct leader *leader, int code)
{
    struct sweep *s;
    while ((s = STAILQ_FIRST(&leader->sweeps))) {
        struct err e;
        STAILQ_REMOVE_HEAD(&leader->sweeps, link);
        leader->sweeps_waiting--;
        (void)err_set(&e, code, "this controller does not lead any more; try again");
        if (s->written)
            s->orphaned = true;
        else
            finish(s, code, &e);
    }
}

const struct sweep_counts *leader_swept(const struct leader *leader)
{
    return &leader->swept;
}
