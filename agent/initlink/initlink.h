/*
 * The agent's end of the link to one sandbox's corral-init (agent/init/init_proto.h says how they meet and
 * why the agent listens). One object a sandbox, on the daemon's loop.
 *
 * Life: initlink_new listens, before the container is started; initlink_expect names the container's init
 * once Docker told its process id; then on_ready. When the link is lost, on_lost, and it listens again by
 * itself; the init comes back and on_ready is called again. After a restart of the agent a new object on the
 * same folder takes the link up, and on_ready says how the command stands.
 *
 * The init is untrusted. What breaks the protocol, or lets its pings go unanswered for INITLINK_LOST_MS,
 * loses its link and nothing else. Memory: one in buffer of a frame, INITLINK_OUT_MAX bytes at most that wait
 * to be sent, and what initlink_view.h keeps. A linked sandbox has no socket that a tenant could connect to;
 * until then, at most INITLINK_ACCEPTS_PER_SECOND strangers are looked at.
 */
#ifndef CORRAL_AGENT_INITLINK_H
#define CORRAL_AGENT_INITLINK_H

#include "agent/init/init_proto.h"
#include "agent/initlink/initlink_view.h"
#include "common/base/err.h"
#include "common/io/loop.h"

#include <sys/types.h>

#define INITLINK_PING_MS            1000
#define INITLINK_UNRESPONSIVE_MS    5000
#define INITLINK_LOST_MS            30000
#define INITLINK_ACCEPTS_PER_SECOND 20
#define INITLINK_OUT_MAX            (INIT_START_MAX + (64 << 10))

struct initlink;

/* All on the loop, never inside a call of ours; initlink_free may be called from each. Any may be NULL. */
struct initlink_events {
    /* The init is there. FRESH: nothing was copied yet. IDLE: nothing was started yet. RUNNING: take it as
     * started. ENDED: on_exited comes.
     */
    void (*on_ready)(void *arg, enum init_main_state state);
    /* What the image has in these folders was copied, or not: error is errno, folder whose. */
    void (*on_copied)(void *arg, int error, uint32_t folder);
    /* The command's program was invoked. At most once; not called where only its end was seen. */
    void (*on_started)(void *arg);
    /* The command ended, or could not be invoked. Exactly once, unless the container ends without the word.
     */
    void (*on_exited)(void *arg, const struct init_exit *end);
    /* Once after each on_ready, when its link breaks. Not called by initlink_free. */
    void (*on_lost)(void *arg, const struct err *why);
    /* Something of its processes has changed (initlink_process.h). update is borrowed for the call. */
    void (*on_update)(void *arg, const struct initlink_update *update);
    /* What was refused for want of room in the queue would find it now. */
    void (*on_writable)(void *arg);
};

/*
 * Listens in folder (a sandbox's own, made here if absent, 0755; mounted read-only at INIT_LINK_FOLDER).
 * Copies folder and events; arg is borrowed. ERR_IO: the folder cannot be made or bound in.
 */
MUST_CHECK int initlink_new(struct loop *loop, const char *folder, const struct initlink_events *events,
                            void *arg, struct initlink **out, struct err *e);

/* Frees it and removes the socket; the folder stays. No callback afterwards. NULL is fine. */
void initlink_free(struct initlink *link);

/* The container's init as this host's process id: the only process that is let in. */
void initlink_expect(struct initlink *link, pid_t pid);

/*
 * Has it copy what the image has in these folders (NUL-ended paths, one after the other, of len bytes) from
 * tree, the image's root, to what is mounted there; -1: there is none, and len is 0. Borrows both for the
 * call. on_copied follows. ERR_IO as below. May be repeated: it copies once.
 */
MUST_CHECK int initlink_copy(struct initlink *link, int tree, const char *folders, size_t len, struct err *e);

/*
 * Starts the command. start is borrowed for the call. ERR_IO: there is no link now, or an earlier
 * frame still waits; ERR_TOO_LARGE: more than one frame holds. May be repeated after on_ready: it starts
 * once.
 */
MUST_CHECK int initlink_start(struct initlink *link, const struct init_start *start, struct err *e);

/* Sends signo to the command's process group, or to every process of the sandbox. Errors as above. */
MUST_CHECK int initlink_signal(struct initlink *link, int signo, bool everything, struct err *e);

bool initlink_ready(const struct initlink *link);

/* What the linked init can do, INIT_FEATURE_…; 0 without a link. */
uint32_t initlink_features(const struct initlink *link);

/* Whether the init answered within INITLINK_UNRESPONSIVE_MS. False without a link. */
bool initlink_responsive(const struct initlink *link);

#endif
