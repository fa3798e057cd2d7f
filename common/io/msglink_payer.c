#include "common/io/msglink_payer.h"

#include "common/base/mem.h"
#include "common/base/pace.h"

#include <stdio.h>
#include <stdlib.h>

#define WAIT_LEAST_MS 50 /* so that a connection is not paused and resumed with each message */
#define LATE_MAX      4  /* a node has two requests under way */

struct msglink_payer {
    struct msglink_payers *payers;
    char name[TLS_FINGERPRINT_LEN + 1];
    unsigned users;
    bool waits;
    unsigned late; /* messages served while it waits */
    struct pace pace;
    struct timer timer; /* ends its wait; without users: forgets it */
    UT_hash_handle hh;
};

static void forget(void *arg)
{
    struct msglink_payer *p = arg;
    timer_stop(&p->timer);
    HASH_DEL(p->payers->by_name, p);
    free(p);
}

static void on_paid(void *arg)
{
    struct msglink_payer *p = arg;
    p->waits = false;
    p->late = 0;
    if (p->users)
        p->payers->changed(p->payers->arg, p);
    else
        timer_start(&p->timer, p->payers->loop, pace_full_ms(&p->pace, loop_now_ms()), forget, p);
}

struct msglink_payer *msglink_payer_get(struct msglink_payers *payers, const char *name)
{
    struct msglink_payer *p, fresh = {.payers = payers};
    snprintf(fresh.name, sizeof fresh.name, "%s", name);
    HASH_FIND_STR(payers->by_name, fresh.name, p);
    if (!p) {
        p = mem_dup(&fresh, sizeof fresh);
        HASH_ADD_STR(payers->by_name, name, p);
    }
    if (!p->users++ && !p->waits)
        timer_stop(&p->timer);
    return p;
}

void msglink_payer_drop(struct msglink_payer *p)
{
    if (--p->users || p->waits)
        return;
    timer_start(&p->timer, p->payers->loop, pace_full_ms(&p->pace, loop_now_ms()), forget, p);
}

unsigned msglink_payer_users(const struct msglink_payer *p)
{
    return p->users;
}

void msglink_payer_spend(struct msglink_payer *p, uint64_t us)
{
    uint64_t now = loop_now_ms(), wait_ms;
    pace_spend(&p->pace, now, us);
    if (p->waits)
        return;
    wait_ms = pace_wait_ms(&p->pace, now);
    if (!wait_ms && !p->users) /* its last connection has closed after spending this */
        timer_start(&p->timer, p->payers->loop, pace_full_ms(&p->pace, now), forget, p);
    if (!wait_ms)
        return;
    p->waits = true;
    timer_start(&p->timer, p->payers->loop, wait_ms < WAIT_LEAST_MS ? WAIT_LEAST_MS : wait_ms, on_paid, p);
    p->payers->changed(p->payers->arg, p);
}

bool msglink_payer_serves(struct msglink_payer *p)
{
    return !p->waits || p->late++ < LATE_MAX;
}

bool msglink_payer_waits(const struct msglink_payer *p)
{
    return p->waits;
}

void msglink_payers_fini(struct msglink_payers *payers)
{
    while (payers->by_name)
        forget(payers->by_name);
}
