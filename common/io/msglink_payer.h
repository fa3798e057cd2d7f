/*
 * Who pays for the time that the loop spends on connections: a network for those that are not in yet, a
 * certificate for those that are, however many it has and however often it comes again. Who has spent more
 * than a share (common/base/pace.h) waits. Private to common/msglink*.c.
 *
 * Bounded: one is kept while it has connections, and until what it spent is made good.
 */
#ifndef CORRAL_COMMON_MSGLINK_PAYER_H
#define CORRAL_COMMON_MSGLINK_PAYER_H

#include "common/io/loop.h"
#include "common/io/tls_mutual.h"

#include <stdbool.h>
#include <stdint.h>
#include <uthash.h>

struct msglink_payer;

struct msglink_payers {
    struct loop *loop;
    struct msglink_payer *by_name;
    void (*changed)(void *arg, struct msglink_payer *payer); /* it waits, or goes on */
    void *arg;
};

/* One user more of this name (a network's text, or a fingerprint). */
struct msglink_payer *msglink_payer_get(struct msglink_payers *payers, const char *name);
void msglink_payer_drop(struct msglink_payer *payer);

unsigned msglink_payer_users(const struct msglink_payer *payer);

void msglink_payer_spend(struct msglink_payer *payer, uint64_t us);

/* Whether a message of it that has come already is served: while it waits, a few are, and the rest is thrown
 * away. */
bool msglink_payer_serves(struct msglink_payer *payer);

/* Whether it has to wait. */
bool msglink_payer_waits(const struct msglink_payer *payer);

/* Of none is a connection left. */
void msglink_payers_fini(struct msglink_payers *payers);

#endif
