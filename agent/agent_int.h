/* What the files of the agent itself share; private to them. */
#ifndef CORRAL_AGENT_AGENT_INT_H
#define CORRAL_AGENT_AGENT_INT_H

#include "agent/agent.h"
#include "agent/cgroup/cgroup_alarm.h"
#include "agent/cgroup/cgroup_box.h"
#include "agent/core/guard.h"
#include "agent/core/keeper.h"
#include "agent/disk/volume.h"
#include "agent/docker/docker.h"
#include "agent/initlink/initlink.h"
#include "agent/uplink/uplink.h"

#include <uthash.h>

/* One sandbox as this process holds it: all that a restart loses and makes anew. */
struct holder {
    struct agent *agent;
    struct sandbox_id id;
    struct cgroup_box *cgroup; /* NULL before its container runs */
    struct initlink *init;     /* NULL likewise */
    struct guard guard;
    uint64_t idle_timeout_seconds;
    struct violation_levels levels; /* of its tier */
    struct cgroup_watched *watched; /* its memory, by the alarm; NULL before its container runs */
    struct maker *maker;            /* while it is made */
    bool removing;
    UT_hash_handle hh;
};

/* A save that was done and is to be told in the next turn. */
struct saved {
    struct sandbox_id id;
    bool ok;
};

struct agent {
    struct loop *loop;
    const struct agent_conf *conf;
    struct keeper *keeper;
    struct keeper_effects effects;
    bool running_effects;
    struct holder *holders;
    struct docker *docker;
    struct docker_facts docker_facts;
    uint32_t enforces; /* as the host was probed when Docker last said what it is */
    bool docker_ready; /* it answers, and what it holds was looked through */
    bool listening;    /* to Docker's events */
    char sick[NODE_DETAIL_MAX + 1];
    struct cgroup_alarm *alarm;
    struct volumes *volumes;
    struct uplink *uplink;
    char node[NODE_NAME_MAX + 1];
    char boot_id[37];
    char records_dir[256], links_dir[256];
    char *seccomp; /* the profile's text, owned; NULL: Docker's own */
    uint64_t violation_number;
    uint64_t trimmed_ms;
    uint64_t closing_since_ms; /* since when nng has not closed what it was told to; 0: it has */
    struct timer tick, sampling, docker_retry;
    struct later telling;
    struct saved *saves;
    size_t save_count;
};

/* Runs what the heart asked for, until it asks for nothing more. After each event that it was given. */
void agent_run_effects(struct agent *agent);

struct holder *agent_holder(struct agent *agent, const struct sandbox_id *id); /* made if need be */
struct holder *agent_holder_find(struct agent *agent, const struct sandbox_id *id);
void agent_holder_drop(struct holder *holder);

/* Opens the cgroup of its process 1 and lets its init in. */
int agent_holder_attach(struct holder *holder, pid_t pid, struct err *e) MUST_CHECK;

/* Listens for its init. */
int agent_holder_listen(struct holder *holder, struct err *e) MUST_CHECK;

/* agent_make.c: from a want to a running command. maker_init_* are told by the holder's init. */
void agent_make(struct holder *holder);
void maker_abort(struct maker *maker);
void maker_init_ready(struct maker *maker, enum init_main_state state);
void maker_init_started(struct maker *maker);
void maker_free(struct maker *maker);

/* agent_restore.c: what the last life left, on disk and in Docker. */
int agent_restore_records(struct agent *agent, struct err *e) MUST_CHECK;
void agent_meet_docker(struct agent *agent);

/* agent_watch.c: samples, violations, idleness. */
void agent_watch_start(struct agent *agent);
int agent_watch_memory(struct holder *holder, struct err *e) MUST_CHECK;
void agent_watch_level(struct holder *holder);  /* its limit, or the levels, were changed */
void agent_on_alarm(void *agent, void *holder); /* of its memory */

/* agent_link.c: what the controller says, and what it is told. */
extern const struct uplink_ops agent_uplink_ops;

#endif
