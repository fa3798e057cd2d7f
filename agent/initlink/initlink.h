/*
 * The agent's end of the link to one sandbox's corral-init (agent/init/init_proto.h describes the link and
 * why the agent listens). One object per sandbox, on the daemon's loop.
 *
 * Life: initlink_new listens, before the container is started; initlink_expect names the container's init
 * once Docker has reported its process id; then on_ready is called. When the link is lost, on_lost is called,
 * and the link listens again by itself; the init reconnects and on_ready is called again. After a restart of
 * the agent, a new object on the same folder resumes the link, and on_ready gives the state of the command.
 *
 * The init is untrusted. If it breaks the protocol, or leaves pings unanswered for INITLINK_LOST_MS, it loses
 * its link and nothing else happens. Memory: an input buffer of one frame, at most INITLINK_OUT_MAX bytes
 * waiting to be sent, and the state in initlink_view.h. A linked sandbox has no socket that a tenant could
 * connect to; until then, at most INITLINK_ACCEPTS_PER_SECOND other connections are checked per second.
 */
#ifndef CORRAL_AGENT_INITLINK_INITLINK_H
#define CORRAL_AGENT_INITLINK_INITLINK_H

#include "agent/init/init_proto.h"
#include "agent/initlink/initlink_view.h"
#include "common/base/err.h"
#include "common/io/loop.h"

#include <sys/types.h>

#define INITLINK_PING_MS            1000
#define INITLINK_UNRESPONSIVE_MS    5000
#define INITLINK_RELAYED_MS         15000 /* to say hello through a relay, which has to start first */
#define INITLINK_LOST_MS            30000
#define INITLINK_ACCEPTS_PER_SECOND 20
#define INITLINK_OUT_MAX            (INIT_START_MAX + (112 << 10))
/* Bytes of input in a frame: half of the widest window, so that the next one is under way. */
#define INITLINK_INPUT_MAX 32768

struct initlink;

/* All are called on the loop, never inside a call of ours; each may call initlink_free. Any may be NULL. */
struct initlink_events {
    /* The init is connected. FRESH: nothing was copied yet. IDLE: nothing was started yet. RUNNING: the
     * command was started. ENDED: on_exited follows. */
    void (*on_ready)(void *arg, enum init_main_state state);
    /* The copy ended: error is its errno (0: done), folder the one that failed. */
    void (*on_copied)(void *arg, int error, uint32_t folder);
    /* The environment is set: error is its errno (0: done). */
    void (*on_environ)(void *arg, int error);
    /* The command's program was executed. At most once; not called if only its end was seen. */
    void (*on_started)(void *arg);
    /* The command ended, or could not be executed. Exactly once, unless the container ends before its init
     * reports it. */
    void (*on_exited)(void *arg, const struct init_exit *end);
    /* Once after each on_ready, when its link breaks. Not called by initlink_free. */
    void (*on_lost)(void *arg, const struct err *why);
    /* The state of its processes has changed (initlink_process.h). update is borrowed for the call. */
    void (*on_update)(void *arg, const struct initlink_update *update);
    /* The queue has room again for what was refused. */
    void (*on_writable)(void *arg);
};

/*
 * Listens in folder (the sandbox's own, made if missing, 0755; mounted read-only at INIT_LINK_FOLDER). Copies
 * folder and events; arg is borrowed. ERR_IO: the folder cannot be made, or the socket not bound.
 */
MUST_CHECK int initlink_new(struct loop *loop, const char *folder, const struct initlink_events *events,
                            void *arg, struct initlink **out, struct err *e);

/* Frees it and removes the socket; the folder stays. No callback follows. NULL is fine. */
void initlink_free(struct initlink *link);

/* Sets the host's process id of the container's init, the only process that may connect. */
void initlink_expect(struct initlink *link, pid_t pid);

/*
 * Makes the init copy the image's files in these folders (NUL-terminated paths, len bytes in all) from tree,
 * the image's root, onto what is mounted there; tree -1: there is none, and len is 0. Borrows both for the
 * call. on_copied follows. ERR_IO as below. May be repeated: the init copies once.
 */
MUST_CHECK int initlink_copy(struct initlink *link, int tree, const char *folders, size_t len, struct err *e);

/*
 * Sets the folder and the environment in which the init starts everything from now on; the arguments are
 * unused. start is borrowed for the call. on_environ follows. ERR_INIT_TOO_OLD: the init cannot do this; else
 * errors as below. May be repeated after on_ready: the init does it once.
 */
MUST_CHECK int initlink_environ(struct initlink *link, const struct init_start *start, struct err *e);

/*
 * Starts the command. start is borrowed for the call. ERR_IO: there is no link now, or an earlier frame still
 * waits; ERR_TOO_LARGE: it does not fit into one frame. May be repeated after on_ready: the init starts it
 * once.
 */
MUST_CHECK int initlink_start(struct initlink *link, const struct init_start *start, struct err *e);

/* Sends signo to the command's process group, or to every process of the sandbox. Errors as above. */
MUST_CHECK int initlink_signal(struct initlink *link, int signo, bool everything, struct err *e);

/* Whether its sandbox is paused: its init cannot answer then, and is not judged by that. */
void initlink_set_paused(struct initlink *link, bool paused);

/*
 * Takes fd, a socket that leads to the init by another way than its own connection (sandbox/relay.h), as the
 * link. False: there is one already, and fd stays the caller's.
 */
MUST_CHECK bool initlink_take(struct initlink *link, int fd);

bool initlink_ready(const struct initlink *link);

/* Whether the link, or the last one, came by initlink_take. */
bool initlink_is_relayed(const struct initlink *link);

/* The features of the linked init, INIT_FEATURE_…; 0 without a link. */
uint32_t initlink_features(const struct initlink *link);

/* Whether the init answered within INITLINK_UNRESPONSIVE_MS. False without a link. */
bool initlink_responsive(const struct initlink *link);

/*
 * Between these two, frames only queue, so that a start and what belongs to it are one write, which the init
 * reads as one: an init without INIT_FEATURE_HOLD loses output of a process that it starts before it has read
 * who reads it.
 */
void initlink_gather(struct initlink *link);
void initlink_send(struct initlink *link);

#endif
