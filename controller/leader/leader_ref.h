/*
 * A reference that a request carries until its answer: the answer counts only in the term in which it was
 * asked. An answer from an earlier term is not for the current core: the rows were read again since.
 */
#ifndef CORRAL_CONTROLLER_LEADER_LEADER_REF_H
#define CORRAL_CONTROLLER_LEADER_LEADER_REF_H

#include <stdint.h>

struct leader;

struct leader_ref {
    struct leader *leader; /* valid after that term, too: the leader outlives its requests */
    uint64_t term;
};

struct leader_ref leader_ref_of(struct leader *leader);

/* The leader, if it is still in that term; else NULL. */
struct leader *leader_of(const struct leader_ref *ref);

#endif
