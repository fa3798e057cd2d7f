#include "controller/leader/waiters.h"

#include "common/base/mem.h"

#include <stdlib.h>
#include <uthash.h>

struct waiter {
    struct waiters *all;
    struct waiter_list *list;
    struct waiter *next;
    enum waiter_goal goal;
    enum sandbox_state named;
    struct timer timer;
    waiter_cb *cb;
    void *arg;
};

struct waiter_list {
    struct sandbox_id id;
    struct waiter *first;
    UT_hash_handle hh;
};

struct waiters {
    struct loop *loop;
    struct change_subscriber subscriber;
    struct waiter_list *lists;
    size_t count;
};

static void list_drop_empty(struct waiters *waiters, struct waiter_list *list)
{
    if (list->first)
        return;
    HASH_DEL(waiters->lists, list);
    free(list);
}

/* Removes w from all lists before the callback, which may add another waiter. */
static void finish(struct waiter *w, bool reached, enum sandbox_state state, const char *json)
{
    struct waiter_list *list = w->list;
    for (struct waiter **at = &list->first; *at; at = &(*at)->next) {
        if (*at == w) {
            *at = w->next;
            break;
        }
    }
    w->all->count--;
    timer_stop(&w->timer);
    list_drop_empty(w->all, list);
    w->cb(w->arg, reached, state, json);
    free(w);
}

static void on_time_over(void *arg)
{
    finish(arg, false, SANDBOX_PENDING, NULL);
}

/* Calls back only those that are there now: a callback may add another. */
void waiters_give_up(struct waiters *waiters)
{
    for (size_t n = waiters->count; n && waiters->lists; n--)
        finish(waiters->lists->first, false, SANDBOX_PENDING, NULL);
}

void waiters_free(struct waiters *waiters)
{
    if (!waiters)
        return;
    while (waiters->lists)
        finish(waiters->lists->first, false, SANDBOX_PENDING, NULL);
    free(waiters);
}

bool waiters_add(struct waiters *waiters, const struct sandbox_id *id, enum waiter_goal goal,
                 enum sandbox_state named, uint64_t timeout_ms, waiter_cb *cb, void *arg)
{
    if (waiters->count >= WAITERS_MAX)
        return false;
    struct waiter_list *list;
    HASH_FIND(hh, waiters->lists, id, sizeof *id, list);
    if (!list) {
        list = mem_zalloc(sizeof *list);
        list->id = *id;
        HASH_ADD(hh, waiters->lists, id, sizeof list->id, list);
    }
    struct waiter *w = mem_zalloc(sizeof *w);
    *w = (struct waiter){.all = waiters,
                         .list = list,
                         .next = list->first,
                         .goal = goal,
                         .named = named,
                         .cb = cb,
                         .arg = arg};
    list->first = w;
    waiters->count++;
    timer_start(&w->timer, waiters->loop, timeout_ms, on_time_over, w);
    return true;
}

static bool reached(const struct waiter *w, enum sandbox_state state)
{
    if (sandbox_state_terminal(state))
        return true;
    switch (w->goal) {
    case WAIT_BEGUN:
        return state == SANDBOX_RUNNING || state == SANDBOX_PAUSED;
    case WAIT_ENDED:
        return false;
    case WAIT_STATE:
        return state == w->named;
    case WAIT_DESIRED:
        return state == w->named || state == SANDBOX_LOST;
    }
    abort();
}

/* Returns after one callback, which may have changed the list; the caller repeats. */
static bool tell_one(struct waiters *waiters, const struct sandbox_id *id, enum sandbox_state state,
                     const char *json)
{
    struct waiter_list *list;
    HASH_FIND(hh, waiters->lists, id, sizeof *id, list);
    for (struct waiter *w = list ? list->first : NULL; w; w = w->next) {
        if (reached(w, state)) {
            finish(w, true, state, json);
            return true;
        }
    }
    return false;
}

static bool overtake_one(struct waiters *waiters, const struct sandbox_id *id, enum sandbox_state desired)
{
    struct waiter_list *list;
    HASH_FIND(hh, waiters->lists, id, sizeof *id, list);
    for (struct waiter *w = list ? list->first : NULL; w; w = w->next) {
        if (w->goal == WAIT_DESIRED && w->named != desired) {
            finish(w, false, SANDBOX_PENDING, NULL);
            return true;
        }
    }
    return false;
}

static enum sandbox_state desired_state(enum desired desired)
{
    return desired == DESIRED_PAUSED    ? SANDBOX_PAUSED
           : desired == DESIRED_RUNNING ? SANDBOX_RUNNING
                                        : SANDBOX_STOPPED;
}

static void on_row(void *arg, const struct row_change *change)
{
    struct waiters *waiters = arg;
    while (tell_one(waiters, &change->id, change->state, change->json))
        ;
    while (change->has_desired && overtake_one(waiters, &change->id, desired_state(change->desired)))
        ;
}

struct waiters *waiters_new(struct loop *loop)
{
    struct waiters *waiters = mem_zalloc(sizeof *waiters);
    waiters->loop = loop;
    waiters->subscriber = (struct change_subscriber){.on_row = on_row, .arg = waiters};
    return waiters;
}

struct change_subscriber *waiters_subscriber(struct waiters *waiters)
{
    return &waiters->subscriber;
}

size_t waiters_count(const struct waiters *waiters)
{
    return waiters->count;
}
