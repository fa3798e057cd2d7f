/* Carries the fleet's effects to PostgreSQL and to the hosts. */
#include "controller/leader/cluster_int.h"

#include "common/io/log.h"
#include "common/base/mem.h"

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

/* --- a move that took its batch with it goes alone, now and the next times --- */

static bool goes_alone(const struct cluster *c, const struct sandbox_id *id)
{
    for (size_t i = 0; i < CLUSTER_ALONE; i++) {
        if (!memcmp(&c->alone[i], id, sizeof *id))
            return true;
    }
    return false;
}

static void note_alone(struct cluster *c, const struct sandbox_id *id)
{
    if (!goes_alone(c, id))
        c->alone[c->alone_next++ % CLUSTER_ALONE] = *id;
}

static void batch_send(struct cluster *c, struct move_batch **batch);
static struct move_batch *batch_new(struct cluster *c, size_t room);

/* Not carried out, and not for want of a database: one of them cannot be. */
static void send_each(struct cluster *c, const struct move_batch *failed)
{
    for (size_t i = 0; i < failed->count; i++) {
        struct move_batch *single = batch_new(c, 1);
        single->move[0] = failed->move[i];
        single->text[0] = failed->text[i];
        single->move[0].detail = failed->move[i].detail ? single->text[0].detail : NULL;
        single->move[0].figures = failed->move[i].figures ? single->text[0].figures : NULL;
        single->count = 1;
        batch_send(c, &single);
    }
}

static void move_answered(struct move_batch *batch, size_t i, const struct db_move_result *result)
{
    struct cluster *c = batch->cluster;
    const struct sandbox_id *id = &batch->move[i].id;
    /* A row that is not there is as good as ended: its container has no claim. */
    enum sandbox_state state =
        !result || result->outcome == DB_MOVE_NOT_FOUND ? SANDBOX_STOPPED : result->state;
    if (result && result->outcome == DB_MOVE_REFUSED)
        log_warn("cluster", "sandbox=%s the move to %s was refused: it is %s", id->text,
                 sandbox_state_name(batch->move[i].to), sandbox_state_name(state));
    fleet_persisted(c->fleet, loop_now_ms(), id, result, state, &c->effects);
    if (result && result->json)
        waiters_tell(c->waiters, id, state, result->json);
}

static void on_moved(void *arg, int code, const struct err *e, const struct db_move_result *results,
                     size_t count)
{
    struct move_batch *batch = arg;
    struct cluster *c = batch->cluster;
    bool ours = c->fleet && batch->term == c->term;
    bool cannot_be = code && code != ERR_DATABASE_UNAVAILABLE && code != ERR_CANCELLED;
    if (code)
        log_warn("cluster", "%zu moves are tried again%s%s: %s", batch->count,
                 batch->count == 1 ? ", sandbox=" : "", batch->count == 1 ? batch->move[0].id.text : "",
                 e ? e->text : "");
    if (ours && cannot_be && batch->count > 1) {
        send_each(c, batch);
    } else if (ours) {
        if (cannot_be)
            note_alone(c, &batch->move[0].id);
        for (size_t i = 0; i < batch->count; i++)
            move_answered(batch, i, !code && i < count ? &results[i] : NULL);
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
static void batch_add(struct cluster *c, struct move_batch **together, const struct fleet_effect *effect,
                      size_t more)
{
    struct move_batch *alone = NULL, **batch = goes_alone(c, &effect->id) ? &alone : together;
    if (batch == &alone)
        more = 1;
    if (!*batch)
        *batch = batch_new(c, more);
    size_t i = (*batch)->count++;
    const struct fleet_move *from = &effect->move;
    struct move_text *text = &(*batch)->text[i];
    struct db_move *move = &(*batch)->move[i];
    memcpy(text->detail, from->detail, sizeof text->detail);
    *move = (struct db_move){.id = effect->id,
                             .from = from->from,
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
                             .ended_ago_ms = from->ended_ago_ms,
                             .late_ms = from->late_ms,
                             .unheard = from->unheard};
    if (sandbox_state_terminal(from->to) && last_figures(c, effect, text->figures))
        move->figures = text->figures;
    if ((*batch)->count == (*batch)->room)
        batch_send(c, batch);
}

/* --- placed again --- */

struct rescheduling {
    struct cluster *cluster;
    uint64_t term, asked_ms;
    struct fleet_effect effect;
};

static enum fleet_answer answer_of(int code)
{
    bool unknown = code == ERR_DATABASE_UNAVAILABLE || code == ERR_CANCELLED;
    return !code ? FLEET_DONE : unknown ? FLEET_UNKNOWN : FLEET_REFUSED;
}

static void on_rescheduled(void *arg, int code, const struct err *e, const struct db_sandbox_row *row,
                           const char *json)
{
    struct rescheduling *r = arg;
    struct cluster *c = r->cluster;
    const struct fleet_effect *effect = &r->effect;
    enum fleet_answer answer = answer_of(code);
    struct fleet_row now = {0};
    if (code)
        log_warn("cluster", "sandbox=%s cannot be placed on %s%s: %s", effect->id.text, effect->reschedule.to,
                 answer == FLEET_UNKNOWN ? " yet" : "", e ? e->text : "");
    else
        log_warn("cluster", "sandbox=%s is placed on %s, since %s could not start it: %s", effect->id.text,
                 row->node, effect->node, effect->reschedule.detail);
    if (!c->fleet || r->term != c->term) {
        free(r);
        return;
    }
    if (!code) {
        now = cluster_fleet_row(row);
        now.waited_ms = loop_now_ms() - r->asked_ms;
        now.time = FLEET_TIME_KEPT;
    }
    if (answer == FLEET_UNKNOWN)
        cluster_refresh(c); /* it may have been committed all the same */
    fleet_rescheduled(c->fleet, loop_now_ms(), &effect->id, answer, code ? NULL : &now, &c->effects);
    cluster_run_effects(c);
    if (!code)
        waiters_tell(c->waiters, &row->id, row->state, json);
    free(r);
}

static void reschedule(struct cluster *c, const struct fleet_effect *effect)
{
    const struct node *to = node_table_find(fleet_nodes(c->fleet), effect->reschedule.to);
    struct rescheduling *r = mem_zalloc(sizeof *r);
    *r = (struct rescheduling){c, c->term, loop_now_ms(), *effect};
    struct db_reschedule what = {.id = r->effect.id.text,
                                 .from = r->effect.node,
                                 .to = r->effect.reschedule.to,
                                 .generation = effect->reschedule.generation,
                                 .region = to->facts.region,
                                 .enforced = to->facts.enforces,
                                 .why = r->effect.reschedule.detail};
    db_sandbox_reschedule(c->pool, &what, on_rescheduled, r);
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
    case FLEET_RESCHEDULE:
        reschedule(c, effect);
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
