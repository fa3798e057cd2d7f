#include "common/http/http_turns.h"

void http_turns_init(struct http_turns *turns, struct loop *loop)
{
    *turns = (struct http_turns){.loop = loop};
    TAILQ_INIT(&turns->lines);
}

void http_turns_fini(struct http_turns *turns)
{
    deferred_cancel(&turns->deferred);
    later_cancel(&turns->later);
}

void http_line_init(struct http_line *line)
{
    TAILQ_INIT(&line->waiting);
}

void http_turn_cancel(struct http_turns *turns, struct http_turn *turn)
{
    struct http_line *line = turn->line;
    if (!line)
        return;
    turn->line = NULL;
    TAILQ_REMOVE(&line->waiting, turn, link);
    if (TAILQ_EMPTY(&line->waiting))
        TAILQ_REMOVE(&turns->lines, line, link);
}

static void take_turns(void *arg)
{
    struct http_turns *turns = arg;
    uint64_t begun = loop_spent_us();
    struct http_line *line;
    turns->taking = true;
    while ((line = TAILQ_FIRST(&turns->lines)) && loop_spent_us() - begun < HTTP_TURN_US) {
        struct http_turn *turn = TAILQ_FIRST(&line->waiting);
        http_turn_cancel(turns, turn);
        if (!TAILQ_EMPTY(&line->waiting)) { /* this line's next turn comes after those of the others */
            TAILQ_REMOVE(&turns->lines, line, link);
            TAILQ_INSERT_TAIL(&turns->lines, line, link);
        }
        turn->cb(turn->arg); /* which may free the turn and its line */
    }
    turns->taking = false;
    if (line)
        later_call(&turns->later, turns->loop, take_turns, turns);
}

void http_turn_ask(struct http_turns *turns, struct http_line *line, struct http_turn *turn, loop_cb *cb,
                   void *arg)
{
    if (turn->line)
        return;
    if (TAILQ_EMPTY(&line->waiting))
        TAILQ_INSERT_TAIL(&turns->lines, line, link);
    TAILQ_INSERT_TAIL(&line->waiting, turn, link);
    turn->line = line;
    turn->cb = cb;
    turn->arg = arg;
    if (!turns->taking && !timer_armed(&turns->later.timer))
        deferred_call(&turns->deferred, turns->loop, take_turns, turns);
}
