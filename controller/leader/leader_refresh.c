/*
 * Finds changes by others: commits by an operator's SQL or by another controller, and our own commits whose
 * answer was lost. Every ten seconds, and soon after a lost answer, it reads marks (id, generation, state)
 * and then reads whole the rows that differ. A controller that changes a desired state also sends a
 * notification (tell_desired), and that row is read at once. One reading at a time; rows that become due
 * meanwhile wait for it, up to BEHIND_MAX: past that, the next marks find them.
 */
#include "controller/leader/leader_refresh.h"

#include "controller/leader/leader_int.h"
#include "controller/leader/leader_warm_rows.h"

#include "common/io/log.h"
#include "common/base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EVERY_MS   10000
#define SOON_MS    200
#define TOLD_MS    20  /* notifications come in bursts, and for our own changes the answer comes soon, too */
#define BEHIND_MAX 256 /* rows in one reading */

struct refresh {
    struct leader_ref asked;
    uint64_t stamp, asked_ms;
    struct sandbox_id *ids; /* the rows to read, owned; NULL in other readings */
    size_t count;
};

static struct refresh *refresh_new(struct leader *leader)
{
    struct refresh *r = mem_zalloc(sizeof *r);
    *r = (struct refresh){.asked = leader_ref_of(leader),
                          .stamp = cluster_state_stamp(leader->cluster),
                          .asked_ms = loop_now_ms()};
    return r;
}

/* Copies r to out and frees it. The leader, if it is still in the same term; else NULL. */
static struct leader *refresh_end(struct refresh *r, struct refresh *out)
{
    *out = *r;
    free(r);
    return leader_of(&out->asked);
}

static void read_next(void *arg);

static void read_in(struct leader *leader, uint64_t delay_ms)
{
    uint64_t at = loop_now_ms() + delay_ms;
    if (timer_armed(&leader->refresh) && at >= leader->refresh_at_ms)
        return;
    leader->refresh_at_ms = at;
    timer_start(&leader->refresh, leader->loop, delay_ms, read_next, leader);
}

static void add_behind(void *arg, const struct sandbox_id *id)
{
    struct leader *leader = arg;
    for (size_t i = 0; i < leader->behind_count; i++) {
        if (!memcmp(&leader->behind[i], id, sizeof *id))
            return;
    }
    if (leader->behind_count == BEHIND_MAX) {
        leader->marks_due = true;
        return;
    }
    if (!leader->behind)
        leader->behind = mem_zalloc(BEHIND_MAX * sizeof *leader->behind);
    leader->behind[leader->behind_count++] = *id;
}

/* --- rows --- */

static void on_read(void *arg, int code, const struct err *e, const struct sandbox_row *rows, size_t count)
{
    struct refresh r;
    struct leader *leader = refresh_end(arg, &r);
    if (leader)
        leader->refreshing = false;
    if (leader && code) {
        log_warn("leader", "rows that may have changed cannot be read, trying again: %s", e->text);
        leader->marks_due = true;
        /*
         * Marks do not find all of these again. A row that cannot be read for another reason is not read
         * twice.
         */
        for (size_t i = 0; code == ERR_DATABASE_UNAVAILABLE && i < r.count; i++)
            add_behind(leader, &r.ids[i]);
    }
    free(r.ids);
    if (!leader)
        return;
    for (size_t i = 0; i < count; i++) {
        struct sandbox_row row = rows[i];
        row.waited_ms = loop_now_ms() - r.asked_ms;
        struct row_change change = {.id = row.desired.id, .state = row.state, .json = row.json};
        cluster_state_read(leader->cluster, loop_now_ms(), r.stamp, &row, leader_effects(leader->engine));
        changes_tell_row(&leader->changes, &change);
    }
    read_in(leader, code ? SOON_MS : leader->behind_count ? 0 : leader->marks_due ? SOON_MS : EVERY_MS);
}

static void read_behind(struct leader *leader)
{
    struct refresh *r = refresh_new(leader);
    r->ids = mem_dup(leader->behind, leader->behind_count * sizeof *leader->behind);
    r->count = leader->behind_count;
    leader->refreshing = true;
    leader->behind_count = 0;
    db_sandbox_read(leader->pool, r->ids, r->count, on_read, r);
}

/* --- marks --- */

static void on_marks(void *arg, int code, const struct err *e, const struct sandbox_row *rows, size_t count)
{
    struct refresh r;
    struct leader *leader = refresh_end(arg, &r);
    if (!leader)
        return;
    leader->refreshing = false;
    if (code) {
        log_warn("leader", "the live sandboxes cannot be read, trying again: %s", e->text);
        leader->marks_due = true;
        read_in(leader, SOON_MS);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        const struct desired_state *desired = &rows[i].desired;
        if (cluster_state_differs(leader->cluster, r.stamp, &desired->id, desired->generation, rows[i].state))
            add_behind(leader, &desired->id);
    }
    cluster_state_unread(leader->cluster, r.stamp, add_behind, leader);
    read_in(leader, leader->behind_count ? 0 : EVERY_MS);
}

/* Takes the marks by administrators, and corrects node states in the database that differ from ours. */
static void on_node_rows(void *arg, int code, const struct err *e, const struct db_node_row *rows,
                         size_t count)
{
    struct refresh r;
    struct leader *leader = refresh_end(arg, &r);
    if (!leader)
        return;
    if (code) {
        log_warn("leader", "the nodes cannot be read, trying again: %s", e->text);
        leader->marks_due = true;
        read_in(leader, SOON_MS);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        struct cluster_state_effects *effects = leader_effects(leader->engine);
        cluster_state_node_mark(leader->cluster, rows[i].name, rows[i].cordoned, rows[i].draining, effects);
        const struct node *node = node_table_find(cluster_state_nodes(leader->cluster), rows[i].name);
        if (strcmp(rows[i].state, node_state_name(node_state(node))))
            cluster_state_say_node(leader->cluster, rows[i].name, effects);
    }
}

static void read_next(void *arg)
{
    struct leader *leader = arg;
    if (!leader->ready || leader->refreshing)
        return;            /* the end of that reading arms the timer */
    if (leader->step_ms) { /* remaining times are wrong until the rows have followed PostgreSQL's clock */
        read_in(leader, SOON_MS);
        return;
    }
    if (leader->behind_count) {
        read_behind(leader);
        return;
    }
    leader->marks_due = false;
    leader->refreshing = true;
    db_node_rows(leader->pool, on_node_rows, refresh_new(leader));
    leader_warm_refresh(leader);
    db_sandbox_marks(leader->pool, on_marks, refresh_new(leader));
}

/* --- when --- */

void leader_refresh(struct leader *leader)
{
    if (!leader->ready)
        return;
    leader->marks_due = true;
    if (!leader->refreshing)
        read_in(leader, SOON_MS);
}

void leader_refresh_begin(struct leader *leader)
{
    read_in(leader, EVERY_MS);
}

void leader_refresh_end(struct leader *leader)
{
    timer_stop(&leader->refresh);
    free(leader->behind);
    leader->behind = NULL;
    leader->behind_count = 0;
    leader->refreshing = leader->marks_due = false;
}

void leader_told_desired(struct leader *leader, const char *text)
{
    struct sandbox_id id;
    struct cluster_state_view view;
    char name[sizeof id.text];
    const char *space = strchr(text, ' ');
    if (!leader->ready || !space)
        return;
    snprintf(name, sizeof name, "%.*s", (int)(space - text), text);
    if (!sandbox_id_parse(name, &id))
        return;
    if (cluster_state_find(leader->cluster, &id, &view) && view.generation >= strtoull(space, NULL, 10))
        return;
    add_behind(leader, &id);
    if (!leader->refreshing)
        read_in(leader, TOLD_MS);
}

void leader_told_node(struct leader *leader)
{
    if (leader->ready)
        db_node_rows(leader->pool, on_node_rows, refresh_new(leader));
}
