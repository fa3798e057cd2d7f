/*
 * One sandbox as this process holds it: all that a restart loses and makes again. What is kept is its record
 * (core/sandbox_record.h). Dropped by agent_runtime_drop (remove.h).
 */
#ifndef CORRAL_AGENT_SANDBOX_RUNTIME_H
#define CORRAL_AGENT_SANDBOX_RUNTIME_H

#include "agent/cgroup/cgroup_alarm.h"
#include "agent/cgroup/cgroup_sandbox.h"
#include "agent/core/ending.h"
#include "agent/core/guard.h"
#include "agent/initlink/initlink.h"
#include "common/base/id.h"
#include "common/io/loop.h"
#include "common/model/sandbox_spec.h"

#include <uthash.h>

struct agent;
struct process_stream;
struct runtime;
struct start;

/* Who waits for what its init says: its start, or who takes it up after a restart. Only on_ready is needed.
 */
struct init_waiter {
    void (*on_ready)(struct runtime *runtime, enum init_main_state state);
    void (*on_copied)(struct runtime *runtime, int error, uint32_t folder);
    void (*on_started)(struct runtime *runtime);
};

/* Who follows the processes inside, beside its life (agent/streams/): set once, for all sandboxes. */
struct init_follower {
    void (*on_update)(struct runtime *runtime, const struct initlink_update *update);
    void (*on_writable)(struct runtime *runtime);
    void (*on_unlinked)(struct runtime *runtime); /* its link is lost */
    void (*on_drop)(struct runtime *runtime);     /* it is about to go */
};

struct runtime {
    struct agent *agent;
    struct sandbox_id id;
    pid_t pid;                        /* of its process 1 as this agent took it up, 0 before */
    struct cgroup_sandbox *cgroup;    /* NULL before its container runs */
    struct initlink *init;            /* NULL likewise */
    const struct init_waiter *waiter; /* for what that says; NULL: nobody */
    struct guard guard;
    struct sample last;        /* the latest sample */
    uint64_t last_ms, kept_ms; /* when that was, and when one was last kept; 0: never */
    uint64_t idle_timeout_seconds;
    bool idles;                     /* under its init: no command is to begin */
    bool has_no_update;             /* its runtime cannot change limits: its cgroups are written instead */
    struct violation_levels levels; /* of its tier */
    struct cgroup_watched *watched; /* its memory, by the alarm; NULL before its container runs */
    struct start *start;            /* while it is made */
    struct timer asking;            /* armed while Docker is to be asked again what became of it */
    enum ending_when check_when;    /* what is asked for again was seen then */
    unsigned samples_empty;         /* at its cgroup, one after the other: nothing is in it */
    struct timer adopting;          /* armed while its init is to say how far its making came */
    bool removing;
    unsigned kills;           /* how often its end was asked for */
    bool signalling, forcing; /* a job of its end is under way */
    uint64_t removing_ms;     /* since when that is tried; 0: it is not */
    bool may_come_late;       /* Docker was given up while it made or started its container */
    struct process_stream *streams; /* agent/streams/: those of it */
    UT_hash_handle hh;
};

struct runtime *agent_runtime(struct agent *agent, const struct sandbox_id *id); /* made if need be */
struct runtime *agent_runtime_find(struct agent *agent, const struct sandbox_id *id);

/* What of its spec is needed while it lives. */
void agent_runtime_take_spec(struct runtime *runtime, const struct sandbox_spec *spec);

/* Where its init's socket lies. */
void agent_runtime_folder(const struct runtime *runtime, char out[static 512]);

#endif
