/*
 * One start, step by step: image, disk (start.c), container, its init, its command (start_container.c). It
 * may be aborted between any two steps. RECONCILER_REMOVE removes whatever an aborted start leaves.
 */
#ifndef CORRAL_AGENT_SANDBOX_START_STEP_H
#define CORRAL_AGENT_SANDBOX_START_STEP_H

#include "agent/core/turns.h"
#include "agent/docker/docker.h"
#include "agent/sandbox/runtime.h"
#include "common/model/image_ref.h"
#include "common/model/sandbox_spec.h"
#include "common/model/start_times.h"

#define FIXED_FOLDERS 2 /* /workspace and /tmp; the image's volumes follow */

/* In order. Each step has its own time limit. */
enum start_step {
    STEP_INSPECT,
    STEP_PULL,
    STEP_TURN,
    STEP_DISK,
    STEP_CREATE,
    STEP_START,
    STEP_INIT,
    STEP_COPY,
    STEP_COMMAND,
    STEP_HAND_OUT
};
struct start {
    struct runtime *runtime;  /* NULL: the start is over, and only the call under way is left */
    struct sandbox_spec spec; /* image: its full name */
    struct image_ref ref;
    struct docker_image image;
    char container_id[DOCKER_ID_LEN + 1];
    enum start_step step; /* start_steps sets it */
    struct start_watch watch;
    struct timer timer;
    struct turn turn;
    struct docker_call *call; /* under way, or NULL */
    bool busy;                /* a call or a disk job is under way */
    bool pulled;
    bool for_pool;          /* it is a member's */
    uint64_t image_changes; /* agent->image_changes when its image was looked up */
    bool environ_sent, environ_set, limits_set, may_begin, command_sent; /* of a hand-out */
    bool node_fault;     /* if it fails, this node is to blame */
    bool suspect;        /* or its image is, which may be made so that Docker hangs */
    unsigned user_files; /* how many were checked */
};

/* The ways in which it ends, each at most once; start is freed. abort ends it at once, whatever it waits
 * for. */
void start_fail(struct start *start, enum sandbox_reason reason, const char *why);
void start_succeed(struct start *start);
void start_abort(struct start *start);

/* Of a hand-out that has not begun the command: the sandbox is started cold. why: for the log. */
void start_not_handed_out(struct start *start, const char *why);

/* For a sandbox that is dropped: ends the start without a report. NULL is fine. */
void start_free(struct start *start);

/* Its next step has begun: from now on the time is counted to it. */
void start_steps(struct start *start, enum start_step step);

/*
 * Takes the full name of its image. Checks the name whatever the controller sent: Docker would take a short
 * one for the beginning of an image's id. False: it is not valid.
 */
bool start_take_name(struct start *start);

/* Notes that it waits for this call, or for a disk job (NULL). */
void start_asked(struct start *start, enum start_step step, struct docker_call *call);

/* Call first in each answer: false if the start is over. */
bool start_answered(struct start *start, int code, const struct err *e) MUST_CHECK;

#endif
