/*
 * Charges the loop's time to payers: a network for its connections that are not admitted yet, a certificate
 * for the admitted ones, however many connections it has and however often it reconnects. A payer that has
 * spent more than its share (common/base/pace.h) waits. Private to common/io/msglink*.c.
 *
 * Bounded: a payer is kept while it has connections, and until its bucket is full again.
 */
#ifndef CORRAL_COMMON_IO_MSGLINK_PAYER_H
#define CORRAL_COMMON_IO_MSGLINK_PAYER_H

#include "common/io/loop.h"
#include "common/io/tls_mutual.h"

#include <stdbool.h>
#include <stdint.h>
#include <uthash.h>

struct msglink_payer;

struct msglink_payers {
    struct loop *loop;
    struct msglink_payer *by_name;
    void (*changed)(void *arg, struct msglink_payer *payer); /* it begins or stops waiting */
    void *arg;
};

/* Adds a user to the payer of this name (a network's text, or a fingerprint). */
struct msglink_payer *msglink_payer_get(struct msglink_payers *payers, const char *name);
void msglink_payer_drop(struct msglink_payer *payer);

unsigned msglink_payer_users(const struct msglink_payer *payer);

void msglink_payer_spend(struct msglink_payer *payer, uint64_t us);

/* Whether to serve a message that has already arrived: while the payer waits, a few are served and the
 * rest is dropped. */
bool msglink_payer_serves(struct msglink_payer *payer);

/* Whether the payer is waiting. */
bool msglink_payer_waits(const struct msglink_payer *payer);

/* Call when no payer has a connection left. */
void msglink_payers_fini(struct msglink_payers *payers);

#endif
