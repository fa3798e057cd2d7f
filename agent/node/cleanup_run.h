/* One sweep from step to step, by a table of kinds (cleanup_kinds.h). */
#ifndef CORRAL_AGENT_NODE_CLEANUP_RUN_H
#define CORRAL_AGENT_NODE_CLEANUP_RUN_H

#include "agent/core/image_memory.h"
#include "agent/core/reconciler.h"
#include "agent/core/stray.h"
#include "common/io/loop.h"

struct agent;
struct stray_kind;

struct suspect {
    struct sandbox_id id;                /* "" where there is none */
    char name[IMAGE_NAME_MAX + 1];       /* of the container, file, cgroup, image; "" of a disk */
    char other_name[IMAGE_NAME_MAX + 1]; /* a network's own name, an image's id */
};

struct sweep {
    struct agent *agent;
    const struct stray_kind *kinds; /* STRAY_KINDS of them */
    struct sweep_report report;
    bool begins; /* of the agent's beginning: containers and disks only */
    size_t kind;
    struct suspect *item;
    size_t count, at;
    struct later later;
};

/*
 * A kind of thing. list adds what looks like a stray and ends in sweep_listed; look looks again at one of
 * these, since a sandbox may have ended, or begun, meanwhile, and ends in sweep_looked; remove ends in
 * sweep_removed. All may end later.
 */
struct stray_kind {
    enum sweep_kind counted_as;
    bool at_beginning, needs_docker;
    void (*list)(struct sweep *s);
    void (*look)(struct sweep *s, const struct suspect *it);
    void (*remove)(struct sweep *s, const struct suspect *it);
};
#define STRAY_KINDS 7

/* Where none is under way. */
void sweep_start(struct agent *agent, const struct stray_kind *kinds, const struct sweep_order *order,
                 bool begins);
void sweep_free(struct agent *agent);

/* Copies; id may be NULL. */
void sweep_suspect(struct sweep *s, const struct sandbox_id *id, const char *name, const char *other_name);

/* The record of its sandbox; NULL where there is none. */
const struct sandbox_record *sweep_record_of(const struct sweep *s, const struct suspect *it);

/* code: the list could not be had; e says why. */
void sweep_listed(struct sweep *s, int code, const struct err *e);
void sweep_looked(struct sweep *s, bool stray);
/* code: it stays. */
void sweep_removed(struct sweep *s, int code, const struct err *e);

#endif
