/* One cleanup, step by step, over a table of kinds (cleanup_kinds.h). */
#ifndef CORRAL_AGENT_NODE_CLEANUP_RUN_H
#define CORRAL_AGENT_NODE_CLEANUP_RUN_H

#include "agent/core/image_memory.h"
#include "agent/core/orphan.h"
#include "agent/core/reconciler.h"
#include "common/io/loop.h"

struct agent;
struct orphan_kind;

struct suspect {
    struct sandbox_id id;                /* "" if there is none */
    char name[IMAGE_NAME_MAX + 1];       /* of the container, file, cgroup or image; "" for a disk */
    char other_name[IMAGE_NAME_MAX + 1]; /* a network's name, an image's id */
    uint64_t unused_ms;                  /* an image's: it goes only if it was not used for so long */
};

struct cleanup {
    struct agent *agent;
    const struct orphan_kind *kinds; /* ORPHAN_KINDS of them */
    struct cleanup_report report;
    bool begins; /* the cleanup at the agent's start: containers and disks only */
    size_t kind;
    struct suspect *item;
    size_t count, at;
    struct later later;
};

/*
 * A kind of thing. list adds suspects and then calls cleanup_listed; check examines one of them again,
 * because its sandbox may have ended or begun meanwhile, and calls cleanup_checked; remove calls
 * cleanup_removed. All three may answer later.
 */
struct orphan_kind {
    enum cleanup_kind counted_as;
    bool at_beginning, needs_docker;
    void (*list)(struct cleanup *cleanup);
    void (*check)(struct cleanup *cleanup, const struct suspect *it);
    void (*remove)(struct cleanup *cleanup, const struct suspect *it);
};
#define ORPHAN_KINDS 7

/* Only while no other is under way. */
void cleanup_start(struct agent *agent, const struct orphan_kind *kinds, const struct cleanup_order *order,
                   bool begins);
void cleanup_free(struct agent *agent);

/* Copies its arguments; id may be NULL. */
void cleanup_suspect(struct cleanup *cleanup, const struct sandbox_id *id, const char *name,
                     const char *other_name);

/* The record of the suspect's sandbox; NULL if there is none. */
const struct sandbox_record *cleanup_record_of(const struct cleanup *cleanup, const struct suspect *it);

/* code: the list could not be made; e says why. */
void cleanup_listed(struct cleanup *cleanup, int code, const struct err *e);
void cleanup_checked(struct cleanup *cleanup, bool orphan);
/* code: it could not be removed. */
void cleanup_removed(struct cleanup *cleanup, int code, const struct err *e);

#endif
