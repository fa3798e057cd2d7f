#include "controller/core/webhook_turns.h"

#include <stdio.h>
#include <string.h>

struct counts {
    size_t troubled, of_user, of_user_troubled, of_webhook;
};

static struct counts count(const struct webhook_turns *turns, const char *user, const char *webhook)
{
    struct counts c = {0};
    for (size_t i = 0; i < WEBHOOK_TURNS_ALL; i++) {
        const struct webhook_turn *turn = &turns->turn[i];
        if (!turn->taken)
            continue;
        bool same = !strcmp(turn->user, user);
        c.troubled += turn->troubled;
        c.of_user += same;
        c.of_user_troubled += same && turn->troubled;
        c.of_webhook += !strcmp(turn->webhook, webhook);
    }
    return c;
}

/* A user's webhooks in trouble leave places to that user's others, too. */
static bool may(const struct webhook_turns *turns, const char *user, const char *webhook, bool troubled)
{
    struct counts c = count(turns, user, webhook);
    if (turns->taken >= WEBHOOK_TURNS_ALL || c.of_user >= WEBHOOK_TURNS_OF_USER)
        return false;
    if (!troubled)
        return c.of_webhook < WEBHOOK_TURNS_OF_WEBHOOK;
    return !c.of_webhook && c.troubled < WEBHOOK_TURNS_TROUBLED &&
           c.of_user_troubled < WEBHOOK_TURNS_OF_USER / 2;
}

struct webhook_turn *webhook_turns_take(struct webhook_turns *turns, const char *user, const char *webhook,
                                        bool troubled)
{
    struct webhook_turn *turn = turns->turn;
    if (!may(turns, user, webhook, troubled))
        return NULL;
    while (turn->taken)
        turn++;
    *turn = (struct webhook_turn){.taken = true, .troubled = troubled};
    snprintf(turn->webhook, sizeof turn->webhook, "%s", webhook);
    snprintf(turn->user, sizeof turn->user, "%s", user);
    turns->taken++;
    return turn;
}

void webhook_turns_give_back(struct webhook_turns *turns, struct webhook_turn *turn)
{
    turn->taken = false;
    turns->taken--;
}
