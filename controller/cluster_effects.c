/* Carries the fleet's effects to PostgreSQL and to the hosts. */
#include "controller/cluster_int.h"

#include "common/log.h"
#include "common/mem.h"

#include <stdlib.h>
#include <string.h>

#define MOVES_MAX 256 /* in one transaction */

/* What a move borrows until the database answers. */
struct move_text {
    char detail[NODE_DETAIL_MAX + 1];
    char figures[STATS_JSON_MAX];
};

struct move_batch {
    struct cluster *cluster;
    uint64_t term;
    size_t count, room;
    struct db_move *move;
    struct move_text *text;
};

static void batch_free(struct move_batch *batch)
{
    free(batch->move);
    free(batch->text);
    free(batch);
}

static void on_moved(void *arg, int code, const struct err *e, const struct db_move_result *results,
                     size_t count)
{
    struct move_batch *batch = arg;
    struct cluster *c = batch->cluster;
    if (code)
        log_warn("cluster", "%zu moves are tried again: %s", batch->count, e ? e->text : "");
    for (size_t i = 0; c->fleet && batch->term == c->term && i < batch->count; i++) {
        const struct sandbox_id *id = &batch->move[i].id;
        bool known = !code && i < count;
        /* A row that is not there is as good as ended: its container has no claim. */
        enum sandbox_state state =
            !known || results[i].outcome == DB_MOVE_NOT_FOUND ? SANDBOX_STOPPED : results[i].state;
        if (known && results[i].outcome == DB_MOVE_REFUSED)
            log_warn("cluster", "sandbox=%s the move to %s was refused: it is %s", id->text,
                     sandbox_state_name(batch->move[i].to), sandbox_state_name(state));
        fleet_persisted(c->fleet, loop_now_ms(), id, known, state, &c->effects);
        if (known && results[i].json)
            waiters_tell(c->waiters, id, state, results[i].json);
    }
    batch_free(batch);
    if (c->fleet)
        cluster_run_effects(c);
}

static void batch_send(struct cluster *c, struct move_batch **batch)
{
    if (!*batch)
        return;
    db_sandbox_move(c->pool, (*batch)->move, (*batch)->count, on_moved, *batch);
    *batch = NULL;
}

static struct move_batch *batch_new(struct cluster *c, size_t room)
{
    struct move_batch *batch = mem_zalloc(sizeof *batch);
    batch->cluster = c;
    batch->term = c->term;
    batch->room = room < MOVES_MAX ? room : MOVES_MAX;
    batch->move = mem_zalloc(batch->room * sizeof *batch->move);
    batch->text = mem_zalloc(batch->room * sizeof *batch->text);
    return batch;
}

/* What its host brought with the end, unless a later look at it was heard of. False where there was none. */
static bool last_figures(struct cluster *c, const struct fleet_effect *effect,
                         char out[static STATS_JSON_MAX])
{
    const struct fleet_move *move = &effect->move;
    struct sample heard;
    bool known = stats_find(c->stats, loop_now_ms(), &effect->id, &heard);
    if (!known && !move->has_last)
        return false;
    bool brought = move->has_last && (!known || move->last.ago_ms <= heard.ago_ms);
    stats_figures_json(brought ? &move->last : &heard, out);
    return true;
}

/* more: an upper bound of the moves that are still to come. */
static void batch_add(struct cluster *c, struct move_batch **batch, const struct fleet_effect *effect,
                      size_t more)
{
    if (!*batch)
        *batch = batch_new(c, more);
    size_t i = (*batch)->count++;
    const struct fleet_move *from = &effect->move;
    struct move_text *text = &(*batch)->text[i];
    struct db_move *move = &(*batch)->move[i];
    memcpy(text->detail, from->detail, sizeof text->detail);
    *move = (struct db_move){.id = effect->id,
                             .to = from->to,
                             .reason = from->reason,
                             .generation = from->generation,
                             .detail = text->detail[0] ? text->detail : NULL,
                             .has_exit_code = from->has_exit_code,
                             .exit_code = from->exit_code,
                             .has_enforced = from->to == SANDBOX_RUNNING,
                             .enforced = from->enforced,
                             .ran = from->ran,
                             .started_ago_ms = from->started_ago_ms,
                             .ended_ago_ms = from->ended_ago_ms};
    if (sandbox_state_terminal(from->to) && last_figures(c, effect, text->figures))
        move->figures = text->figures;
    if ((*batch)->count == (*batch)->room)
        batch_send(c, batch);
}

static void on_node_said(void *arg, int code, const struct err *e, const char *json)
{
    /* A host that comes for the first time has no row yet; its joining, which is on its way, says the same.
     */
    if (code && code != ERR_CANCELLED && code != ERR_NOT_FOUND)
        log_warn("cluster", "a node's state was not written: %s", e ? e->text : "");
}

static void say_node(struct cluster *c, const struct fleet_effect *effect)
{
    const struct node *node = node_table_find(fleet_nodes(c->fleet), effect->node);
    bool unreachable = effect->node_state == NODE_UNREACHABLE;
    bool sick = effect->node_state == NODE_SICK;
    db_node_set_health(c->pool, effect->node,
                       unreachable ? DB_NODE_UNREACHABLE
                       : sick      ? DB_NODE_SICK
                                   : DB_NODE_READY,
                       unreachable    ? "its agent is silent"
                       : sick && node ? node->facts.sick
                                      : "",
                       on_node_said, c);
}

static void run_effect(struct cluster *c, const struct fleet_effect *effect, size_t more,
                       struct move_batch **batch)
{
    struct err e;
    switch (effect->kind) {
    case FLEET_PERSIST:
        batch_add(c, batch, effect, more);
        break;
    case FLEET_WANT:
        if (node_link_want(c->link, effect->node, &effect->want, &e))
            log_debug("cluster", "sandbox=%s is told to %s later: %s", effect->id.text, effect->node, e.text);
        break;
    case FLEET_ACCEPT:
        node_link_accept(c->link, effect->node, &effect->acceptance);
        break;
    case FLEET_CHANGED:
        if (sandbox_state_terminal(effect->state))
            stats_forget(c->stats, &effect->id);
        if (effect->swept)
            cluster_sweep_row_ended(c, effect->stray);
        break;
    case FLEET_NODE:
        say_node(c, effect);
        break;
    }
}

void cluster_run_effects(struct cluster *c)
{
    struct move_batch *batch = NULL;
    for (size_t i = 0; i < c->effects.count; i++)
        run_effect(c, &c->effects.item[i], c->effects.count - i, &batch);
    fleet_effects_clear(&c->effects);
    batch_send(c, &batch);
}
