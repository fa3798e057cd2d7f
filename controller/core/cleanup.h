/*
 * Decides for the controller's part of a cleanup: which live rows are orphans, and which node connections are
 * dead. Pure.
 */
#ifndef CORRAL_CONTROLLER_CORE_CLEANUP_H
#define CORRAL_CONTROLLER_CORE_CLEANUP_H

#include "common/model/cleanup.h"
#include "common/model/sandbox_state.h"

#define SESSION_PROOF_MS 10000 /* time for a node to answer the challenge */

/* Whether a node's connection is dead: silent past its lease, or never authenticated in time. */
bool cleanup_session_stale(bool proved, uint64_t silent_ms, uint64_t lease_ms);

/* What is known of one live row. */
struct cleanup_row {
    enum sandbox_state state;
    bool known;     /* the cluster state holds it */
    bool moving;    /* a move of it, or its admission, is not answered yet */
    bool reported;  /* its node reported it in this session */
    bool missing;   /* its node is in session and does not have it */
    bool overdue;   /* past its deadline, and past the time that a node has to end it */
    bool node_here; /* its node is in session */
};

/*
 * CLEANUP_EXPIRED, CLEANUP_ROW_WITHOUT_CONTAINER, or CLEANUP_KIND_COUNT where the row is in order, or where
 * the cluster state handles it by itself: a node that is away has its lease, and a sandbox that was just
 * admitted is being sent.
 */
enum cleanup_kind cleanup_row_judge(const struct cleanup_row *row);

#endif
