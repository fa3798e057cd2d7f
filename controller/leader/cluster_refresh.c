/*
 * What others change, found by reading: what an operator's SQL or another controller committed, and what of
 * our own was committed though its answer was lost. A reading of marks (id, generation, state) each ten
 * seconds, and soon after any lost answer, finds the rows that differ, which are then read whole; who changes
 * what is wanted tells so besides (tell_wanted), and that row is read at once. One reading at a time; what is
 * to be read meanwhile waits for it, up to BEHIND_MAX rows: past that, the next marks find it.
 */
#include "controller/leader/cluster_int.h"
#include "controller/leader/leader_row.h"

#include "common/io/log.h"
#include "common/base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EVERY_MS   10000
#define SOON_MS    200
#define TOLD_MS    20  /* what is told comes in bursts, and our own comes with its answer */
#define BEHIND_MAX 256 /* rows in one reading */

struct refresh {
    struct leader_ref asked;
    uint64_t stamp, asked_ms;
    struct sandbox_id *ids; /* that are read, owned; NULL of other readings */
    size_t count;
};

static struct refresh *refresh_new(struct cluster *c)
{
    struct refresh *r = mem_zalloc(sizeof *r);
    *r = (struct refresh){
        .asked = leader_ref_of(c), .stamp = fleet_stamp(c->fleet), .asked_ms = loop_now_ms()};
    return r;
}

/* The cluster, where it leads as it did then; else NULL. Copies it to out and frees it. */
static struct cluster *refresh_end(struct refresh *r, struct refresh *out)
{
    *out = *r;
    free(r);
    return leader_of(&out->asked);
}

static void read_next(void *arg);

static void read_in(struct cluster *c, uint64_t delay_ms)
{
    uint64_t at = loop_now_ms() + delay_ms;
    if (timer_armed(&c->refresh) && at >= c->refresh_at_ms)
        return;
    c->refresh_at_ms = at;
    timer_start(&c->refresh, c->loop, delay_ms, read_next, c);
}

static void add_behind(void *arg, const struct sandbox_id *id)
{
    struct cluster *c = arg;
    for (size_t i = 0; i < c->behind_count; i++) {
        if (!memcmp(&c->behind[i], id, sizeof *id))
            return;
    }
    if (c->behind_count == BEHIND_MAX) {
        c->marks_due = true;
        return;
    }
    if (!c->behind)
        c->behind = mem_zalloc(BEHIND_MAX * sizeof *c->behind);
    c->behind[c->behind_count++] = *id;
}

/* --- rows --- */

static void on_read(void *arg, int code, const struct err *e, const struct db_sandbox_row *rows, size_t count)
{
    struct refresh r;
    struct cluster *c = refresh_end(arg, &r);
    if (c)
        c->refreshing = false;
    if (c && code) {
        log_warn("cluster", "rows that may have changed cannot be read, trying again: %s", e->text);
        c->marks_due = true;
        /* Marks alone do not find each of them again; a row that nobody can read is not asked for twice. */
        for (size_t i = 0; code == ERR_DATABASE_UNAVAILABLE && i < r.count; i++)
            add_behind(c, &r.ids[i]);
    }
    free(r.ids);
    if (!c)
        return;
    for (size_t i = 0; i < count; i++) {
        struct fleet_row row = leader_row(&rows[i]);
        row.waited_ms = loop_now_ms() - r.asked_ms;
        struct row_change change = {.id = row.id, .state = row.state, .json = rows[i].json};
        fleet_read(c->fleet, loop_now_ms(), r.stamp, &row, leader_effects(c->engine));
        changes_tell_row(&c->changes, &change);
    }
    read_in(c, code ? SOON_MS : c->behind_count ? 0 : c->marks_due ? SOON_MS : EVERY_MS);
}

static void read_behind(struct cluster *c)
{
    struct refresh *r = refresh_new(c);
    r->ids = mem_dup(c->behind, c->behind_count * sizeof *c->behind);
    r->count = c->behind_count;
    c->refreshing = true;
    c->behind_count = 0;
    db_sandbox_read(c->pool, r->ids, r->count, on_read, r);
}

/* --- marks --- */

static void on_marks(void *arg, int code, const struct err *e, const struct db_sandbox_row *rows,
                     size_t count)
{
    struct refresh r;
    struct cluster *c = refresh_end(arg, &r);
    if (!c)
        return;
    c->refreshing = false;
    if (code) {
        log_warn("cluster", "the live sandboxes cannot be read, trying again: %s", e->text);
        c->marks_due = true;
        read_in(c, SOON_MS);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        if (fleet_differs(c->fleet, r.stamp, &rows[i].id, rows[i].generation, rows[i].state))
            add_behind(c, &rows[i].id);
    }
    fleet_unread(c->fleet, r.stamp, add_behind, c);
    read_in(c, c->behind_count ? 0 : EVERY_MS);
}

/* How a host is, as the database has it, and how its administrator marked it: both follow. */
static void on_hosts(void *arg, int code, const struct err *e, const struct db_node_row *rows, size_t count)
{
    struct refresh r;
    struct cluster *c = refresh_end(arg, &r);
    if (!c)
        return;
    if (code) {
        log_warn("cluster", "the hosts cannot be read, trying again: %s", e->text);
        c->marks_due = true;
        read_in(c, SOON_MS);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        struct fleet_effects *effects = leader_effects(c->engine);
        fleet_node_mark(c->fleet, rows[i].name, rows[i].cordoned, rows[i].draining, effects);
        const struct node *node = node_table_find(fleet_nodes(c->fleet), rows[i].name);
        if (strcmp(rows[i].state, node_state_name(node_state(node))))
            fleet_say_node(c->fleet, rows[i].name, effects);
    }
}

static void read_next(void *arg)
{
    struct cluster *c = arg;
    if (!c->ready || c->refreshing)
        return;       /* its end arms the timer */
    if (c->step_ms) { /* what remains cannot be read until the rows have followed PostgreSQL's clock */
        read_in(c, SOON_MS);
        return;
    }
    if (c->behind_count) {
        read_behind(c);
        return;
    }
    c->marks_due = false;
    c->refreshing = true;
    db_node_rows(c->pool, on_hosts, refresh_new(c));
    db_sandbox_marks(c->pool, on_marks, refresh_new(c));
}

/* --- when --- */

void cluster_refresh(struct cluster *c)
{
    if (!c->ready)
        return;
    c->marks_due = true;
    if (!c->refreshing)
        read_in(c, SOON_MS);
}

void cluster_refresh_begin(struct cluster *c)
{
    read_in(c, EVERY_MS);
}

void cluster_refresh_end(struct cluster *c)
{
    timer_stop(&c->refresh);
    free(c->behind);
    c->behind = NULL;
    c->behind_count = 0;
    c->refreshing = c->marks_due = false;
}

void cluster_told_want(struct cluster *c, const char *text)
{
    struct sandbox_id id;
    struct fleet_view view;
    char name[sizeof id.text];
    const char *space = strchr(text, ' ');
    if (!c->ready || !space)
        return;
    snprintf(name, sizeof name, "%.*s", (int)(space - text), text);
    if (!sandbox_id_parse(name, &id))
        return;
    if (fleet_find(c->fleet, &id, &view) && view.generation >= strtoull(space, NULL, 10))
        return;
    add_behind(c, &id);
    if (!c->refreshing)
        read_in(c, TOLD_MS);
}

void cluster_told_node(struct cluster *c)
{
    if (c->ready)
        db_node_rows(c->pool, on_hosts, refresh_new(c));
}
