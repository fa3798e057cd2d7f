#include "controller/leader/moves.h"

#include "controller/leader/leader_int.h"

#include "common/io/log.h"
#include "common/base/mem.h"

#include <stdlib.h>
#include <string.h>

#define MOVES_MAX 256 /* in one transaction */

/* Text that a move borrows until the database answers. */
struct move_text {
    char detail[NODE_DETAIL_MAX + 1];
    char figures[STATS_JSON_MAX]; /* "": none */
};

struct move_batch {
    struct leader_ref asked;
    size_t count;
    struct db_move *move;
    struct move_text *text;
};

static struct move_batch *batch_new(struct leader *c)
{
    struct move_batch *batch = mem_zalloc(sizeof *batch);
    batch->asked = leader_ref_of(c);
    return batch;
}

static void batch_free(struct move_batch *batch)
{
    free(batch->move);
    free(batch->text);
    free(batch);
}

static void batch_append(struct move_batch *batch, const struct db_move *move, const struct move_text *text)
{
    batch->move = mem_grow(batch->move, batch->count + 1, sizeof *batch->move);
    batch->text = mem_grow(batch->text, batch->count + 1, sizeof *batch->text);
    batch->move[batch->count] = *move;
    batch->text[batch->count++] = *text;
}

static void on_moved(void *arg, int code, const struct err *e, const struct db_move_result *results,
                     size_t count);

/* No move may be appended after this: the pointers into batch->text have to stay valid. */
static void batch_send(struct leader *c, struct move_batch *batch)
{
    for (size_t i = 0; i < batch->count; i++) {
        const struct move_text *text = &batch->text[i];
        batch->move[i].detail = text->detail[0] ? text->detail : NULL;
        batch->move[i].figures = text->figures[0] ? text->figures : NULL;
    }
    db_sandbox_move(c->pool, batch->move, batch->count, on_moved, batch);
}

/* --- a move that failed its whole batch is sent alone, now and the next times --- */

static bool goes_alone(const struct leader *c, const struct sandbox_id *id)
{
    for (size_t i = 0; i < LEADER_ALONE; i++) {
        if (!memcmp(&c->alone[i], id, sizeof *id))
            return true;
    }
    return false;
}

static void note_alone(struct leader *c, const struct sandbox_id *id)
{
    if (!goes_alone(c, id))
        c->alone[c->alone_next++ % LEADER_ALONE] = *id;
}

static void send_alone(struct leader *c, const struct db_move *move, const struct move_text *text)
{
    struct move_batch *single = batch_new(c);
    batch_append(single, move, text);
    batch_send(c, single);
}

/* --- the answer --- */

static void move_answered(struct leader *c, const struct db_move *move, const struct db_move_result *result)
{
    const struct sandbox_id *id = &move->id;
    /* A missing row counts as ended: its container is not needed. */
    enum sandbox_state state =
        !result || result->outcome == DB_MOVE_NOT_FOUND ? SANDBOX_STOPPED : result->state;
    if (result && result->outcome == DB_MOVE_REFUSED)
        log_warn("leader", "sandbox=%s the move to %s was refused: it is %s", id->text,
                 sandbox_state_name(move->to), sandbox_state_name(state));
    cluster_state_persisted(c->cluster, loop_now_ms(), id, result, state, leader_effects(c->engine));
    if (result && result->json) {
        struct row_change change = {.id = *id, .state = state, .json = result->json};
        changes_tell_row(&c->changes, &change);
    }
}

static void on_moved(void *arg, int code, const struct err *e, const struct db_move_result *results,
                     size_t count)
{
    struct move_batch *batch = arg;
    struct leader *c = leader_of(&batch->asked);
    bool cannot_be = code && code != ERR_DATABASE_UNAVAILABLE && code != ERR_CANCELLED;
    if (code)
        log_warn("leader", "%zu moves are tried again%s%s: %s", batch->count,
                 batch->count == 1 ? ", sandbox=" : "", batch->count == 1 ? batch->move[0].id.text : "",
                 e ? e->text : "");
    if (c && cannot_be && batch->count > 1) { /* the database is available, so one of the moves is invalid */
        for (size_t i = 0; i < batch->count; i++)
            send_alone(c, &batch->move[i], &batch->text[i]);
    } else if (c) {
        if (cannot_be)
            note_alone(c, &batch->move[0].id);
        for (size_t i = 0; i < batch->count; i++)
            move_answered(c, &batch->move[i], !code && i < count ? &results[i] : NULL);
    }
    batch_free(batch);
}

/* --- gathering --- */

/* The sample that its node sent with the end, or a later one from the statistics. None: out stays empty. */
static void last_figures(struct leader *c, const struct cluster_state_effect *effect,
                         char out[static STATS_JSON_MAX])
{
    const struct cluster_state_move *move = &effect->move;
    struct sample heard;
    bool known = stats_find(c->stats, loop_now_ms(), &effect->id, &heard);
    if (!known && !move->has_last)
        return;
    bool brought = move->has_last && (!known || move->last.ago_ms <= heard.ago_ms);
    stats_figures_json(brought ? &move->last : &heard, out);
}

void moves_add(struct leader *c, const struct cluster_state_effect *effect)
{
    const struct cluster_state_move *from = &effect->move;
    struct move_text text = {0};
    struct db_move move = {.id = effect->id,
                           .from = from->from,
                           .to = from->to,
                           .reason = from->reason,
                           .generation = from->generation,
                           .has_exit_code = from->has_exit_code,
                           .exit_code = from->exit_code,
                           .has_enforced = from->to == SANDBOX_RUNNING,
                           .enforced = from->enforced,
                           .ran = from->ran,
                           .started_ago_ms = from->started_ago_ms,
                           .ended_ago_ms = from->ended_ago_ms,
                           .late_ms = from->late_ms,
                           .unheard = from->unheard};
    memcpy(text.detail, from->detail, sizeof text.detail);
    if (sandbox_state_terminal(from->to))
        last_figures(c, effect, text.figures);
    if (goes_alone(c, &effect->id)) {
        send_alone(c, &move, &text);
        return;
    }
    if (!c->moves)
        c->moves = batch_new(c);
    batch_append(c->moves, &move, &text);
    if (c->moves->count == MOVES_MAX)
        moves_flush(c);
}

void moves_flush(struct leader *c)
{
    struct move_batch *batch = c->moves;
    c->moves = NULL;
    if (batch)
        batch_send(c, batch);
}
