/*
 * "The same lead as when this was asked": what a request carries to its answer. An answer of an earlier lead
 * is not for the core of now: the rows were read again since.
 */
#ifndef CORRAL_CONTROLLER_LEADER_LEADER_REF_H
#define CORRAL_CONTROLLER_LEADER_LEADER_REF_H

#include <stdint.h>

struct leader;

struct leader_ref {
    struct leader *leader; /* also after that lead; the cluster outlives each of its requests */
    uint64_t term;
};

struct leader_ref leader_ref_of(struct leader *leader);

/* The cluster where it leads as it did then; else NULL. */
struct leader *leader_of(const struct leader_ref *ref);

#endif
