#include "controller/core/read_gate.h"

#include "common/base/mem.h"

#include <stdlib.h>
#include <string.h>
#include <uthash.h>

struct read_user {
    char *id;
    unsigned running, waiting;
    STAILQ_HEAD(, read_ticket) tickets; /* that wait */
    TAILQ_ENTRY(read_user) turn;        /* in turns while any ticket waits */
    UT_hash_handle hh;
};

struct read_gate {
    unsigned at_once, running;
    size_t waiting;
    struct read_user *users; /* those with a read that runs or waits */
    TAILQ_HEAD(, read_user) turns;
};

struct read_gate *read_gate_new(unsigned at_once)
{
    struct read_gate *gate = mem_zalloc(sizeof *gate);
    gate->at_once = at_once ? at_once : 1;
    TAILQ_INIT(&gate->turns);
    return gate;
}

void read_gate_free(struct read_gate *gate)
{
    if (gate && gate->users)
        abort();
    free(gate);
}

static struct read_user *user_of(struct read_gate *gate, const char *id)
{
    struct read_user *user;
    HASH_FIND_STR(gate->users, id, user);
    if (user)
        return user;
    user = mem_zalloc(sizeof *user);
    user->id = mem_strdup(id);
    STAILQ_INIT(&user->tickets);
    HASH_ADD_KEYPTR(hh, gate->users, user->id, strlen(user->id), user);
    return user;
}

static void drop_idle(struct read_gate *gate, struct read_user *user)
{
    if (user->running || user->waiting)
        return;
    HASH_DEL(gate->users, user);
    free(user->id);
    free(user);
}

static void begin(struct read_gate *gate, struct read_user *user)
{
    gate->running++;
    user->running++;
}

enum read_admission read_gate_enter(struct read_gate *gate, const char *id, struct read_ticket *ticket)
{
    struct read_user *user = user_of(gate, id);
    ticket->user = user;
    if (gate->running < gate->at_once && user->running < READ_GATE_PER_USER) {
        begin(gate, user);
        return READ_BEGINS;
    }
    if (user->waiting >= READ_GATE_WAITING_PER_USER)
        return READ_USER_FULL;
    if (gate->waiting >= READ_GATE_WAITING) {
        drop_idle(gate, user);
        return READ_ALL_FULL;
    }
    STAILQ_INSERT_TAIL(&user->tickets, ticket, link);
    if (!user->waiting++)
        TAILQ_INSERT_TAIL(&gate->turns, user, turn);
    gate->waiting++;
    return READ_WAITS;
}

/* Takes the user's oldest waiting ticket; the user goes to the end of the queue. */
static struct read_ticket *take(struct read_gate *gate, struct read_user *user)
{
    struct read_ticket *ticket = STAILQ_FIRST(&user->tickets);
    STAILQ_REMOVE_HEAD(&user->tickets, link);
    TAILQ_REMOVE(&gate->turns, user, turn);
    if (--user->waiting)
        TAILQ_INSERT_TAIL(&gate->turns, user, turn);
    gate->waiting--;
    return ticket;
}

struct read_ticket *read_gate_leave(struct read_gate *gate, struct read_ticket *ticket)
{
    struct read_user *user;
    gate->running--;
    ticket->user->running--;
    drop_idle(gate, ticket->user);
    TAILQ_FOREACH(user, &gate->turns, turn)
    {
        if (user->running < READ_GATE_PER_USER) {
            begin(gate, user);
            return take(gate, user);
        }
    }
    return NULL;
}

struct read_ticket *read_gate_take_waiting(struct read_gate *gate)
{
    struct read_user *user = TAILQ_FIRST(&gate->turns);
    if (!user)
        return NULL;
    struct read_ticket *ticket = take(gate, user);
    drop_idle(gate, user);
    return ticket;
}

size_t read_gate_waiting(const struct read_gate *gate)
{
    return gate->waiting;
}
