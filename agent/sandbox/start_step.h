/*
 * One start, step by step: image, disk (start.c), container, start, its init, its command
 * (start_container.c). Between any two steps it may be aborted. Whatever it leaves half-made,
 * RECONCILER_REMOVE takes away.
 */
#ifndef CORRAL_AGENT_SANDBOX_START_STEP_H
#define CORRAL_AGENT_SANDBOX_START_STEP_H

#include "agent/core/turns.h"
#include "agent/docker/docker.h"
#include "agent/sandbox/runtime.h"
#include "common/model/image_ref.h"
#include "common/model/sandbox_spec.h"

#define FIXED_FOLDERS 2 /* /workspace and /tmp; the image's own volumes follow */

/* In their order. Each has its own limit in time. */
enum start_step {
    STEP_INSPECT,
    STEP_PULL,
    STEP_TURN,
    STEP_DISK,
    STEP_CREATE,
    STEP_START,
    STEP_INIT,
    STEP_COPY
};
struct start {
    struct runtime *runtime;  /* NULL: it is over, and the call under way is the last one */
    struct sandbox_spec spec; /* image: its whole name */
    struct image_ref ref;
    struct docker_image image;
    char container_id[DOCKER_ID_LEN + 1];
    enum start_step step;
    struct timer timer;
    struct turn turn;
    struct docker_call *call; /* under way, or NULL */
    bool busy;                /* a call or a job of the disk is under way */
    bool pulled;
    bool node_fault;     /* where it fails, this node is to blame */
    bool suspect;        /* or its image, which may be made so that Docker hangs */
    unsigned user_files; /* that were looked at */
};

/* Its ways out, each at most once; m is gone then. abort breaks it off at once, whatever it waits for. */
void start_fail(struct start *m, enum sandbox_reason reason, const char *why);
void start_succeed(struct start *m);
void start_abort(struct start *m);

/* Of a sandbox that is dropped: nothing is said of it. NULL is fine. */
void start_free(struct start *m);

/* It waits for this call, or for a job of the disk (NULL). */
void start_asked(struct start *m, enum start_step step, struct docker_call *call);

/* Called first in each answer: false where nobody waits for it any more. */
bool start_answered(struct start *m, int code, const struct err *e) MUST_CHECK;

#endif
