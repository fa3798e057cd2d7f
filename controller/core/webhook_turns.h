/*
 * Who may deliver next: a bounded number of places for tries, of which no user, and no webhook, takes more
 * than a few. Webhooks in trouble (their last try failed, or was slow) get one place each, and half of all at
 * most: however many there are, the others wait for none of them. Pure.
 */
#ifndef CORRAL_CONTROLLER_CORE_WEBHOOK_TURNS_H
#define CORRAL_CONTROLLER_CORE_WEBHOOK_TURNS_H

#include <stdbool.h>
#include <stddef.h>

#define WEBHOOK_TURNS_ALL        64
#define WEBHOOK_TURNS_TROUBLED   (WEBHOOK_TURNS_ALL / 2)
#define WEBHOOK_TURNS_OF_USER    8
#define WEBHOOK_TURNS_OF_WEBHOOK 4
#define WEBHOOK_ID_MAX           30 /* "whk_" and 26 characters */
#define WEBHOOK_USER_MAX         30

/* A place that is taken. */
struct webhook_turn {
    bool taken, troubled;
    char webhook[WEBHOOK_ID_MAX + 1], user[WEBHOOK_USER_MAX + 1];
};

/* Starts all zero. */
struct webhook_turns {
    struct webhook_turn turn[WEBHOOK_TURNS_ALL];
    size_t taken;
};

/* Takes a place; NULL: not now. Borrowed, until it is given back. */
struct webhook_turn *webhook_turns_take(struct webhook_turns *turns, const char *user, const char *webhook,
                                        bool troubled);
void webhook_turns_give_back(struct webhook_turns *turns, struct webhook_turn *turn);

#endif
