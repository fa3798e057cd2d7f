/*
 * The runtime of one sandbox: handles and state that are not persisted, and rebuilt after a restart. Its
 * record is persisted (core/sandbox_record.h). Freed by agent_runtime_drop (remove.h).
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
struct member;
struct process_stream;
struct runtime;
struct start;
struct taking;
struct process_grace;
struct ready;
struct relay;

/* Callbacks for what its init reports: of its start, or of its adoption after a restart. Only on_ready is
 * required. */
struct init_waiter {
    void (*on_ready)(struct runtime *runtime, enum init_main_state state);
    void (*on_copied)(struct runtime *runtime, int error, uint32_t folder);
    void (*on_environ)(struct runtime *runtime, int error);
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
    pid_t pid;                        /* pid of its process 1 when this agent attached to it; 0 before */
    struct cgroup_sandbox *cgroup;    /* NULL before its container runs */
    struct initlink *init;            /* NULL before its container runs */
    const struct init_waiter *waiter; /* gets the init's reports; NULL: none */
    struct guard guard;
    struct sample last;        /* the latest sample */
    uint64_t last_ms, kept_ms; /* when it was taken, and when one was last kept for the history; 0: never */
    uint64_t idle_timeout_seconds;
    bool idles;          /* it has no command: only its init runs */
    char *kernel;        /* the runtime that its spec names, if its init may need a relay; else NULL */
    struct relay *relay; /* of its link (relay.h); NULL: none was needed */
    bool has_no_update;  /* its runtime cannot change limits: its cgroups are written instead */
    struct violation_levels levels; /* of its tier, copied at creation */
    struct cgroup_watched *watched; /* its memory in the alarm; NULL before its container runs */
    struct start *start;            /* while it is being started, or handed out */
    bool of_pool;                   /* its container is made for the warm pool, and nobody has it yet */
    struct member *member;          /* once it stands ready (member.h) */
    struct timer asking;            /* armed while Docker is to be asked again for its state */
    enum ending_when check_when;    /* when the change to be checked was seen */
    unsigned samples_empty;         /* consecutive samples that found its cgroup empty */
    struct timer adopting;          /* armed while waiting for its init to say how far its start came */
    bool removing;
    unsigned kills;                 /* how often its kill was requested */
    bool signalling, forcing;       /* a job of that pool is under way */
    uint64_t removing_ms;           /* when Docker was first asked to remove it; 0: it was not */
    struct taking *taking;          /* while the read of its log waits; NULL else */
    bool log_taken;                 /* its log was read, or cannot be any more (take_log.h) */
    bool log_dropped;               /* its log is not to be kept */
    bool may_come_late;             /* a request to create or start its container was given up */
    struct ready *ready;            /* while its ready check goes on (ready.h) */
    bool checks_ready;              /* its spec has such a check */
    struct process_stream *streams; /* open streams of its processes (agent/streams/) */
    struct process_grace *graces;   /* of processes that nobody is attached to (agent/streams/) */
    UT_hash_handle hh;
};

struct runtime *agent_runtime(struct agent *agent, const struct sandbox_id *id); /* made if missing */
struct runtime *agent_runtime_find(struct agent *agent, const struct sandbox_id *id);

/* Whether a start has found this image, whose container is not created yet: Docker knows of no use then. */
bool agent_runtime_starts_with(const struct agent *agent, const char *image_id);

/* Copies what is needed of its spec while it lives. */
void agent_runtime_take_spec(struct runtime *runtime, const struct sandbox_spec *spec);

/* The folder of its init's socket. */
void agent_runtime_folder(const struct runtime *runtime, char out[static 512]);

#endif
