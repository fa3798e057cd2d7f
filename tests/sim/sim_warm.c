/*
 * The warm pool of the simulation: the rows of its members, which survive the controller, and the owner that
 * writes, deletes and reads them, as controller/leader/leader_warm.c and leader_warm_rows.c have it.
 */
#include "tests/sim/sim_controller.h"

#include "common/base/mem.h"

#include <stdio.h>
#include <string.h>

#define LATE_MS  4000 /* a commit whose answer is lost may come this late */
#define KEPT     40   /* ids that only the calm may use */
#define BARE_MS  30000
#define AGAIN_MS 10000 /* a member is made within this time after one failed */

static const uint8_t spec[] = "spec";

static struct warm_row row_of(const struct world *w, int sandbox)
{
    const struct row *r = &w->row[sandbox];
    struct warm_row row = {.id = sim_id(sandbox), .node = sim_node_name(r->member_node)};
    row.class = w->warm.base;
    if (r->of_another_class)
        snprintf(row.class.image, sizeof row.class.image, "another");
    return row;
}

static struct sim_event *ask(struct world *w, uint64_t ms, int sandbox,
                             void (*run)(struct world *, struct sim_event *))
{
    struct sim_event *e = sim_after(w, ms, run);
    e->incarnation = w->incarnation;
    e->sandbox = sandbox;
    return e;
}

/*
 * Asks the database to commit; `answered` then gets whether it did. Now and then the answer is lost, and the
 * commit may come late, or never.
 */
static void ask_commit(struct world *w, int sandbox, void (*commit)(struct world *, struct sim_event *),
                       void (*answered)(struct world *, struct sim_event *))
{
    bool lost = !w->calm && sim_chance(w, 4);
    ask(w, 1 + sim_random(w, lost ? LATE_MS : 20), sandbox, commit)->flag = !lost;
    if (lost)
        ask(w, 1 + sim_random(w, 20), sandbox, answered);
}

/* A controller that leads no more writes nothing. */
static bool may_write(const struct world *w, const struct sim_event *e)
{
    return w->now >= w->database_down_ms && e->incarnation == w->incarnation;
}

static void answer(struct world *w, const struct sim_event *asked,
                   void (*answered)(struct world *, struct sim_event *))
{
    struct sim_event *e = sim_after(w, 1 + sim_random(w, 20), answered);
    e->incarnation = asked->incarnation;
    e->sandbox = asked->sandbox;
    e->flag = w->now >= w->database_down_ms && (w->calm || !sim_chance(w, 3));
}

/* --- making --- */

static void added(struct world *w, struct sim_event *e)
{
    struct sandbox_id id = sim_id(e->sandbox);
    if (!controller_misses(w, e))
        cluster_state_warm_added(w->cluster, w->now, &id, e->flag, leader_effects(w->engine));
}

static void add_commit(struct world *w, struct sim_event *e)
{
    if (may_write(w, e))
        w->row[e->sandbox].member = true;
    sim_say(w, "db: member %d on node %d", e->sandbox, w->row[e->sandbox].member_node);
    if (e->flag)
        answer(w, e, added);
}

static void add(struct world *w, const struct warm_row *next)
{
    int sandbox = w->rows++;
    struct row *r = &w->row[sandbox];
    r->member_node = sim_node_index(next->node);
    r->of_another_class = !warm_class_same(&next->class, &w->warm.base);
    struct warm_row row = row_of(w, sandbox);
    cluster_state_warm_begin(w->cluster, w->now, &row, spec, sizeof spec);
    ask_commit(w, sandbox, add_commit, added);
}

void warm_tick(struct world *w)
{
    struct warm_row row;
    int room = SIM_SANDBOXES - (w->calm ? 0 : KEPT);
    cluster_state_warm_policy(w->cluster, &w->warm);
    cluster_state_warm_tick(w->cluster, w->now, leader_effects(w->engine));
    while (w->now >= w->database_down_ms && w->rows < room &&
           cluster_state_warm_next(w->cluster, w->now, &row))
        add(w, &row);
}

/* --- dropping --- */

static void dropped(struct world *w, struct sim_event *e)
{
    struct sandbox_id id = sim_id(e->sandbox);
    if (!controller_misses(w, e))
        cluster_state_warm_dropped(w->cluster, &id, e->flag);
}

static void drop_commit(struct world *w, struct sim_event *e)
{
    if (may_write(w, e)) {
        sim_say(w, "db: member %d is dropped", e->sandbox);
        w->row[e->sandbox].member = false;
    }
    if (e->flag)
        answer(w, e, dropped);
}

void warm_drop(struct world *w, int sandbox)
{
    ask_commit(w, sandbox, drop_commit, dropped);
}

/* --- readings --- */

void warm_up(struct world *w)
{
    cluster_state_warm_policy(w->cluster, &w->warm);
    for (int i = 0; i < w->rows; i++) {
        struct warm_row row = row_of(w, i);
        if (w->row[i].member)
            cluster_state_warm_load(w->cluster, w->now, &row, spec, sizeof spec);
    }
}

static void members_read(struct world *w, struct sim_event *e)
{
    if (!controller_misses(w, e))
        cluster_state_warm_read(w->cluster, w->now, e->stamp, e->data, e->count, leader_effects(w->engine));
}

static void read_members(struct world *w, struct sim_event *e)
{
    struct warm_row *rows = mem_zalloc(sizeof *rows * (size_t)(w->rows + 1));
    struct sim_event *end = sim_after(w, 1 + sim_random(w, 40), members_read);
    end->incarnation = e->incarnation;
    end->sandbox = SIM_NO_SANDBOX;
    end->stamp = e->stamp;
    end->data = rows;
    for (int i = 0; i < w->rows; i++) {
        if (w->row[i].member)
            rows[end->count++] = row_of(w, i);
    }
}

void warm_refresh(struct world *w, uint64_t stamp)
{
    ask(w, 1, SIM_NO_SANDBOX, read_members)->stamp = stamp;
}

/* --- rules --- */

int warm_member(struct world *w, int node)
{
    int from = (int)sim_random(w, (uint64_t)w->rows + 1);
    for (int n = 0; n < w->rows; n++) {
        int i = (w->scenario ? n : from + n) % w->rows;
        if (w->row[i].member && w->row[i].member_node == node && w->node[node].sandbox[i].runs)
            return i;
    }
    return -1;
}

static bool in_reach(const struct world *w, int node)
{
    return w->calm && w->node[node].session && w->node[node].linked;
}

/* A member's row is there as long as its container is, and it is nobody's sandbox. */
void check_member(struct world *w, int sandbox)
{
    struct row *r = &w->row[sandbox];
    struct sandbox_id id = sim_id(sandbox);
    struct cluster_state_view view;
    if (!r->used && w->cluster && cluster_state_find(w->cluster, &id, &view))
        sim_fail(w, "member %d counts as a sandbox, and nobody created it", sandbox);
    bool bare = r->member && in_reach(w, r->member_node) &&
                (r->used || !w->node[r->member_node].sandbox[sandbox].container);
    if (!bare)
        r->bare_ms = 0;
    else if (!r->bare_ms)
        r->bare_ms = w->now;
    else if (w->now - r->bare_ms > BARE_MS)
        sim_fail(w, "member %d has a row, and no container%s", sandbox,
                 r->used ? " of its own: it is a sandbox" : "");
}

/* It may just be made again. */
static bool waits(const struct world *w, int node)
{
    const struct node *n = node_table_find(cluster_state_nodes(w->cluster), sim_node_name(node));
    for (size_t i = 0; i < NODE_WARM_CLASSES; i++) {
        if (n->warm.failed[i].again_ms && n->warm.failed[i].again_ms + AGAIN_MS > w->now)
            return true;
    }
    return false;
}

static size_t check_members_of(struct world *w, int node)
{
    size_t base = 0, all = 0;
    for (int i = 0; i < w->rows; i++) {
        const struct row *r = &w->row[i];
        const struct sandbox_model *s = &w->node[node].sandbox[i];
        if (!r->member || r->member_node != node)
            continue;
        if (!waits(w, node) && (!s->runs || !s->saved || !s->record.pooled || s->begun))
            sim_fail(w, "member %d does not stand ready on node %d", i, node);
        all++;
        base += !r->of_another_class;
    }
    if (base < w->warm.min && !waits(w, node) && w->rows < SIM_SANDBOXES)
        sim_fail(w, "node %d has %zu members of the base image", node, base);
    if (all > w->warm.max)
        sim_fail(w, "node %d has %zu members", node, all);
    return all;
}

void check_members_rest(struct world *w)
{
    size_t all = 0;
    bool any_waits = false;
    struct warm_stats stats = cluster_state_warm_stats(w->cluster);
    for (int n = 0; n < SIM_NODES; n++) {
        all += check_members_of(w, n);
        any_waits |= waits(w, n);
    }
    if (!any_waits && (stats.ready != all || stats.making))
        sim_fail(w, "%zu members stand ready and %zu do not; there are rows of %zu", stats.ready,
                 stats.making, all);
}
