#include "agent/core/turns.h"

#include "common/base/mem.h"

#include <stdlib.h>
#include <string.h>
#include <uthash.h>

/* Exists while it has turns, waiting or under way. */
struct turn_user {
    char *name;
    struct turn *first, **last; /* waiting */
    unsigned under_way;
    uint64_t served; /* value of turns.served at its last turn */
    UT_hash_handle hh;
};

void turns_init(struct turns *turns, const struct turns_bounds *bounds)
{
    *turns = (struct turns){.bounds = *bounds};
}

static struct turn_user *user_of(struct turns *turns, const char *name)
{
    struct turn_user *user;
    HASH_FIND_STR(turns->users, name, user);
    if (user)
        return user;
    user = mem_zalloc(sizeof *user);
    user->name = mem_strdup(name);
    user->last = &user->first;
    user->served = turns->served; /* a user who comes back does not overtake those who wait */
    HASH_ADD_KEYPTR(hh, turns->users, user->name, strlen(user->name), user);
    return user;
}

static void user_drop(struct turns *turns, struct turn_user *user)
{
    if (user->first || user->under_way)
        return;
    if (user == turns->nobody)
        turns->nobody = NULL;
    else
        HASH_DEL(turns->users, user);
    free(user->name);
    free(user);
}

static void queue(struct turn_user *user, struct turn *turn)
{
    *turn = (struct turn){.user = user, .slot = user->last};
    *user->last = turn;
    user->last = &turn->next;
}

void turn_ask(struct turns *turns, struct turn *turn, const char *name)
{
    queue(user_of(turns, name), turn);
}

void turn_ask_last(struct turns *turns, struct turn *turn)
{
    if (!turns->nobody) {
        turns->nobody = mem_zalloc(sizeof *turns->nobody);
        turns->nobody->last = &turns->nobody->first;
    }
    queue(turns->nobody, turn);
}

static void unlink_turn(struct turn *turn)
{
    *turn->slot = turn->next;
    if (turn->next)
        turn->next->slot = turn->slot;
    else if (!turn->begun)
        turn->user->last = turn->slot;
}

/* Integer milliseconds: the error of the divisions (up to 8 ms) does not matter here. */
void turn_succeeds(struct turns *turns, const struct turn *turn, uint64_t now)
{
    if (!turn->begun)
        return;
    uint64_t all = now - turn->begun_ms;
    int64_t took = (int64_t)(all < TURN_LONG_MOST_MS ? all : TURN_LONG_MOST_MS);
    if (!turns->mean_ms) {
        turns->mean_ms = took;
        turns->deviation_ms = took / 2;
        return;
    }
    turns->deviation_ms += (llabs(turns->mean_ms - took) - turns->deviation_ms) / 4;
    turns->mean_ms += (took - turns->mean_ms) / 8;
}

static uint64_t long_ms(const struct turns *turns)
{
    uint64_t far = (uint64_t)(turns->mean_ms + 4 * turns->deviation_ms);
    if (far < TURN_LONG_MS)
        return TURN_LONG_MS;
    return far < TURN_LONG_MOST_MS ? far : TURN_LONG_MOST_MS;
}

static bool has_place(const struct turns *turns, uint64_t now)
{
    unsigned counted = 0, taking_long = 0;
    uint64_t far = long_ms(turns);
    for (const struct turn *turn = turns->under_way; turn; turn = turn->next) {
        if (turn->user == turns->nobody)
            continue;
        if (now - turn->begun_ms < far)
            counted++;
        else
            taking_long++;
    }
    return counted < turns->bounds.places &&
           counted + taking_long < turns->bounds.places + turns->bounds.long_most;
}

static bool may_begin(const struct turns *turns, const struct turn_user *user)
{
    return user->first && (!turns->bounds.of_user || user->under_way < turns->bounds.of_user);
}

static bool comes_before(const struct turn_user *a, const struct turn_user *b)
{
    return a->under_way != b->under_way ? a->under_way < b->under_way : a->served < b->served;
}

/* Whose turn is next; NULL: no one's. */
static struct turn_user *next_user(struct turns *turns)
{
    struct turn_user *best = NULL, *user, *other;
    bool waits = false;
    HASH_ITER(hh, turns->users, user, other)
    {
        waits |= user->first != NULL;
        if (may_begin(turns, user) && (!best || comes_before(user, best)))
            best = user;
    }
    bool spare = !waits && turns->nobody && turns->nobody->first && !turns->nobody->under_way;
    return spare ? turns->nobody : best;
}

struct turn *turns_next(struct turns *turns, uint64_t now)
{
    struct turn_user *best = has_place(turns, now) ? next_user(turns) : NULL;
    if (!best)
        return NULL;
    struct turn *turn = best->first;
    unlink_turn(turn);
    best->under_way++;
    best->served = ++turns->served;
    turn->begun = true;
    turn->begun_ms = now;
    turn->next = turns->under_way;
    turn->slot = &turns->under_way;
    if (turn->next)
        turn->next->slot = &turn->next;
    turns->under_way = turn;
    return turn;
}

void turns_each_waiting(const struct turns *turns, void (*cb)(void *arg, const struct turn *turn), void *arg)
{
    for (const struct turn_user *user = turns->users; user; user = user->hh.next) {
        for (const struct turn *turn = user->first; turn; turn = turn->next)
            cb(arg, turn);
    }
}

static bool somebody_has_none(const struct turns *turns)
{
    for (const struct turn_user *user = turns->users; user; user = user->hh.next) {
        if (user->first && !user->under_way)
            return true;
    }
    return false;
}

/* Whether a is given up before b: the turn of the user with more under way, then the older turn. */
static bool goes_before(const struct turn *a, const struct turn *b)
{
    return a->user->under_way != b->user->under_way ? a->user->under_way > b->user->under_way
                                                    : a->begun_ms < b->begun_ms;
}

struct turn *turns_overdue(const struct turns *turns, uint64_t now)
{
    struct turn *most = NULL;
    if (has_place(turns, now) || !somebody_has_none(turns))
        return NULL;
    for (struct turn *turn = turns->under_way; turn; turn = turn->next) {
        bool long_enough = now - turn->begun_ms >= TURN_LONG_MOST_MS;
        if (long_enough && turn->user->under_way > 1 && (!most || goes_before(turn, most)))
            most = turn;
    }
    return most;
}

void turn_end(struct turns *turns, struct turn *turn)
{
    struct turn_user *user = turn->user;
    if (!user)
        return;
    unlink_turn(turn);
    if (turn->begun)
        user->under_way--;
    *turn = (struct turn){0};
    user_drop(turns, user);
}
