#include "controller/leader/moves.h"

#include "controller/leader/leader_int.h"
#include "controller/leader/leader_starts.h"

#include "common/io/log.h"
#include "common/base/mem.h"

#include <stdlib.h>
#include <string.h>

#define MOVES_MAX 256 /* in one transaction */

struct move_batch {
    struct leader_ref asked;
    size_t count;
    struct sandbox_move *move;
};

static struct move_batch *batch_new(struct leader *leader)
{
    struct move_batch *batch = mem_zalloc(sizeof *batch);
    batch->asked = leader_ref_of(leader);
    return batch;
}

static void batch_free(struct move_batch *batch)
{
    free(batch->move);
    free(batch);
}

static void batch_append(struct move_batch *batch, const struct sandbox_move *move)
{
    batch->move = mem_grow(batch->move, batch->count + 1, sizeof *batch->move);
    batch->move[batch->count++] = *move;
}

static void on_moved(void *arg, int code, const struct err *e, const struct db_move_result *results,
                     size_t count);

static void batch_send(struct leader *leader, struct move_batch *batch)
{
    db_sandbox_move(leader->pool, batch->move, batch->count, on_moved, batch);
}

/* --- a move that failed its whole batch is sent alone, now and the next times --- */

static bool goes_alone(const struct leader *leader, const struct sandbox_id *id)
{
    for (size_t i = 0; i < LEADER_ALONE; i++) {
        if (!memcmp(&leader->alone[i], id, sizeof *id))
            return true;
    }
    return false;
}

static void note_alone(struct leader *leader, const struct sandbox_id *id)
{
    if (!goes_alone(leader, id))
        leader->alone[leader->alone_next++ % LEADER_ALONE] = *id;
}

static void send_alone(struct leader *leader, const struct sandbox_move *move)
{
    struct move_batch *single = batch_new(leader);
    batch_append(single, move);
    batch_send(leader, single);
}

/* --- the answer --- */

static void move_answered(struct leader *leader, const struct sandbox_move *move,
                          const struct db_move_result *result)
{
    const struct sandbox_id *id = &move->status.id;
    /* A missing row counts as ended: its container is not needed. */
    enum sandbox_state state =
        !result || result->outcome == DB_MOVE_NOT_FOUND ? SANDBOX_STOPPED : result->state;
    if (result && result->outcome == DB_MOVE_REFUSED)
        log_warn("leader", "sandbox=%s the move to %s was refused: it is %s", id->text,
                 sandbox_state_name(move->to), sandbox_state_name(state));
    if (result && result->outcome == DB_MOVED && sandbox_state_terminal(result->state))
        leader->ended[move->status.reason]++;
    cluster_state_persisted(leader->cluster, loop_now_ms(), id, result, state,
                            leader_effects(leader->engine));
    if (result && result->json) {
        struct row_change change = {.id = *id, .state = state, .json = result->json};
        changes_tell_row(&leader->changes, &change);
    }
}

static void on_moved(void *arg, int code, const struct err *e, const struct db_move_result *results,
                     size_t count)
{
    struct move_batch *batch = arg;
    struct leader *leader = leader_of(&batch->asked);
    bool cannot_be = code && code != ERR_DATABASE_UNAVAILABLE && code != ERR_CANCELLED;
    if (code)
        log_warn("leader", "%zu moves are tried again%s%s: %s", batch->count,
                 batch->count == 1 ? ", sandbox=" : "",
                 batch->count == 1 ? batch->move[0].status.id.text : "", e ? e->text : "");
    if (leader && cannot_be &&
        batch->count > 1) { /* the database is available, so one of the moves is invalid */
        for (size_t i = 0; i < batch->count; i++)
            send_alone(leader, &batch->move[i]);
    } else if (leader) {
        if (cannot_be)
            note_alone(leader, &batch->move[0].status.id);
        for (size_t i = 0; i < batch->count; i++)
            move_answered(leader, &batch->move[i], !code && i < count ? &results[i] : NULL);
    }
    batch_free(batch);
}

/* --- gathering --- */

/* Of an end: the sample that its node sent with it, or a later one from the statistics. */
static void take_last(struct leader *leader, struct sandbox_status *status)
{
    struct sample heard;
    if (!stats_find(leader->stats, loop_now_ms(), &status->id, &heard))
        return;
    if (!status->has_last || status->last.ago_ms > heard.ago_ms)
        status->last = heard;
    status->has_last = true;
}

void moves_add(struct leader *leader, const struct cluster_state_effect *effect)
{
    struct sandbox_move move = effect->move;
    if (sandbox_state_terminal(move.to))
        take_last(leader, &move.status);
    leader_starts_told(leader, &move);
    if (goes_alone(leader, &effect->id)) {
        send_alone(leader, &move);
        return;
    }
    if (!leader->moves)
        leader->moves = batch_new(leader);
    batch_append(leader->moves, &move);
    if (leader->moves->count == MOVES_MAX)
        moves_flush(leader);
}

void moves_flush(struct leader *leader)
{
    struct move_batch *batch = leader->moves;
    leader->moves = NULL;
    if (batch)
        batch_send(leader, batch);
}
