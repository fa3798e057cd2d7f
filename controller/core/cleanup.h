/*
 * What the controller's part of a cleanup decides: which live rows have nothing behind them, and which
 * connections of nodes are over. Pure.
 */
#ifndef CORRAL_CONTROLLER_CORE_CLEANUP_H
#define CORRAL_CONTROLLER_CORE_CLEANUP_H

#include "common/model/cleanup.h"
#include "common/model/sandbox_state.h"

#define SESSION_PROOF_MS 10000 /* from a challenge to its proof; later it is good no more */

/* Whether this connection of a node is over: silent past its lease, or never proved. */
bool cleanup_session_stale(bool proved, uint64_t silent_ms, uint64_t lease_ms);

/* What is known of one live row. */
struct cleanup_row {
    enum sandbox_state state;
    bool known;     /* the cluster state holds it */
    bool moving;    /* a move of it is with the database, or its admission */
    bool reported;  /* its node said it in this session */
    bool missing;   /* its node is here without it */
    bool overdue;   /* past its deadline, and past the time that any node has to end it */
    bool node_here; /* its node is in session */
};

/*
 * CLEANUP_EXPIRED, CLEANUP_ROW_WITHOUT_CONTAINER, or CLEANUP_KIND_COUNT where it is as it should be, or where
 * the cluster state's own step comes to it: a node that is away has its lease, and what was just admitted is
 * sent.
 */
enum cleanup_kind cleanup_row_judge(const struct cleanup_row *row);

#endif
