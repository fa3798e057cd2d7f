/* What the files of the agent itself share; private to them. */
#ifndef CORRAL_AGENT_AGENT_INT_H
#define CORRAL_AGENT_AGENT_INT_H

#include "agent/agent.h"
#include "agent/cgroup/cgroup_alarm.h"
#include "agent/cgroup/cgroup_box.h"
#include "agent/core/guard.h"
#include "agent/core/image_bounds.h"
#include "agent/core/image_memory.h"
#include "agent/core/keeper.h"
#include "agent/core/outbox.h"
#include "agent/core/turns.h"
#include "agent/disk/journal.h"
#include "agent/disk/volume.h"
#include "agent/docker/docker.h"
#include "agent/engine/engine.h"
#include "agent/initlink/initlink.h"
#include "agent/uplink/uplink.h"

#include "common/image_ref.h"
#include "proto/node_codec.h"

#include <uthash.h>

/* One sandbox as this process holds it: all that a restart loses and makes anew. */
struct holder {
    struct agent *agent;
    struct sandbox_id id;
    pid_t pid;                 /* of its process 1 as this agent took it up, 0 before */
    struct cgroup_box *cgroup; /* NULL before its container runs */
    struct initlink *init;     /* NULL likewise */
    struct guard guard;
    struct sample last;        /* the latest look */
    uint64_t last_ms, kept_ms; /* when that was, and when one was last kept; 0: never */
    uint64_t idle_timeout_seconds;
    bool idles;                     /* under its init: no command is to begin */
    bool has_no_update;             /* its runtime cannot change limits: its cgroups are written instead */
    struct violation_levels levels; /* of its tier */
    struct cgroup_watched *watched; /* its memory, by the alarm; NULL before its container runs */
    struct maker *maker;            /* while it is made */
    struct timer asking;            /* armed while Docker is to be asked again what became of it */
    enum ending_when check_when;    /* what is asked for again was seen then */
    unsigned looks_empty;           /* at its cgroup, one after the other: nothing is in it */
    struct timer adopting;          /* armed while its init is to say how far its making came */
    bool removing;
    unsigned kills;           /* how often its end was asked for */
    bool signalling, forcing; /* a job of its end is under way */
    uint64_t removing_ms;     /* since when that is tried; 0: it is not */
    bool may_come_late;       /* Docker was given up while it made or started its container */
    UT_hash_handle hh;
};

#define PLAIN_IMAGES_MAX 64

/* Images whose files of users were found ordinary, the latest. */
struct plain_images {
    char id[PLAIN_IMAGES_MAX][sizeof((struct docker_image *)0)->id];
    unsigned next;
};

/* agent_base.c */
struct base_image {
    char name[NODE_LABEL_MAX + 1];     /* as the controller says; "": it has not said yet */
    char missing[NODE_DETAIL_MAX + 1]; /* why it is not here; "": it is, or nobody knows */
    uint64_t pulled_ms;                /* when that was last begun; 0: never */
    bool asking;                       /* Docker is looking, or pulls it */
    bool renamed;                      /* …since then, so what comes of that is of another */
    struct timer looking;
};

struct agent {
    struct loop *loop;
    const struct agent_conf *conf;
    struct keeper *keeper;
    struct engine *engine; /* what is put into the keeper, it carries out */
    struct holder *holders;
    struct docker *docker;
    struct docker_facts docker_facts;
    uint32_t enforces; /* as the host was probed when Docker last said what it is */
    bool docker_ready; /* it answers, and what it holds was looked through */
    bool listening;    /* to Docker's events */
    char sick[NODE_DETAIL_MAX + 1];
    bool starts_fail; /* as the controller was last told */
    struct cgroup_alarm *alarm;
    struct worker *worker;               /* for what may wait for the disk */
    struct worker *signallers, *forcers; /* of ends */
    struct cgroup_mounts mounts;         /* the same for good: threads read it */
    struct volumes *volumes;
    struct outbox *outbox;
    struct journal *journal;  /* of the outbox; the worker's while it writes */
    uint64_t outbox_retry_ms; /* after a disk that took nothing; 0: it takes */
    uint64_t dropped;         /* by the outbox, that is logged or was before */
    bool dropping;            /* it is said already that it drops */
    struct uplink *uplink;
    char node[NODE_NAME_MAX + 1];
    char boot_id[37], state_id[33];
    char records_dir[256], links_dir[256], init_path[256]; /* init_path: in each sandbox */
    char *seccomp;                                         /* the profile's text, owned; NULL: Docker's own */
    struct string_list masked, read_only;                  /* of /proc and /sys, in each sandbox */
    uint64_t trimmed_ms;
    uint64_t closing_since_ms; /* since when nng has not closed what it was told to; 0: it has */
    struct image_memory images;
    struct plain_images plain_images;
    struct base_image base;
    struct turns turns;
    struct late *late; /* containers that may come after all */
    unsigned late_count;
    struct sweep *sweep;              /* NULL: none is under way */
    struct sweep_order sweep_waiting; /* number 0: none */
    uint64_t sweep_ordered;           /* the latest order's number */
    uint64_t sweep_number;            /* of the latest word on a sweep */
    uint64_t swept_ms;                /* when the latest whole sweep began */
    struct timer tick, sampling, docker_retry, dialing;
};

/* agent_effects.c: how each effect of the heart is carried out. */
extern const struct engine_ops agent_engine_ops;

struct holder *agent_holder(struct agent *agent, const struct sandbox_id *id); /* made if need be */
struct holder *agent_holder_find(struct agent *agent, const struct sandbox_id *id);
void agent_holder_drop(struct holder *holder);

/* What of its spec is needed while it lives. */
void agent_holder_take_spec(struct holder *holder, const struct sandbox_spec *spec);

/*
 * Whether its cgroup is there, by the record alone: after a restart Docker may not answer, or not know it by
 * its name, but the record names the container.
 */
bool agent_has_cgroup(const struct holder *holder);

/* agent_kill.c: ends its processes; then keeper_dead. Asked for again until then. */
void agent_kill(struct holder *holder);

/* Opens its cgroup as Docker says that it runs, and lets its init in. ERR_NOT_FOUND: there is none of its
 * own. */
int agent_holder_attach(struct holder *holder, const struct docker_state *state, struct err *e) MUST_CHECK;

/* Whether a process of it is left, as its cgroup says. */
bool agent_has_processes(const struct holder *holder);

/* Listens for its init. */
int agent_holder_listen(struct holder *holder, struct err *e) MUST_CHECK;

/* agent_base.c: it is looked for now where the settings name another than before, and again every few
 * seconds. */
void agent_base_is(struct agent *agent, const struct string_list *settings);
void agent_base_stop(struct agent *agent);

/*
 * agent_make.c, agent_make_run.c: from a want to a running command. maker_init_* are told by the holder's
 * init. maker_abort breaks it off at once, whatever it waits for. agent_next_turns begins what may begin by
 * now.
 */
void agent_make(struct holder *holder);
void agent_next_turns(struct agent *agent);
void maker_abort(struct maker *maker);
void maker_init_ready(struct maker *maker, enum init_main_state state);
void maker_init_copied(struct maker *maker, int error, uint32_t folder);
void maker_init_started(struct maker *maker);
void maker_container_died(struct maker *maker, int exit_code);
void maker_free(struct maker *maker);

/* agent_late.c: containers that Docker may make, start or keep after nobody waits for it any more. */
void agent_late_watch(struct agent *agent, const struct sandbox_id *id);
void agent_late_free(struct agent *agent);

/* agent.c: begins to dial the controller, if it has not. arg: the agent. */
void agent_dial(void *arg);

/* agent_restore.c: what the last life left, on disk and in Docker. */
int agent_restore_records(struct agent *agent, struct err *e) MUST_CHECK;
void agent_meet_docker(struct agent *agent);
void agent_adopt(struct holder *holder, bool begun); /* its init told whether its command has begun */

/* agent_events.c: what happens to containers, told by Docker or found out. */
void agent_listen_to_docker(struct agent *agent);
void agent_check(struct holder *holder);      /* asks Docker how it is, until it is told */
void agent_check_soon(struct holder *holder); /* the same in a moment, however often that is said */
void agent_seen_empty(struct holder *holder); /* its cgroup has no process any more */
bool agent_oom(const struct holder *holder);  /* whether the kernel's OOM killer came to it */
struct box_exit agent_ending_oom(const struct holder *holder, bool has_code, int code);

/* agent_watch.c: samples, violations, idleness. */
void agent_watch_start(struct agent *agent);
void agent_last_look(struct holder *holder); /* the figures that go with its end */
int agent_watch_memory(struct holder *holder, struct err *e) MUST_CHECK;
void agent_watch_level(struct holder *holder);  /* its limit, or the levels, were changed */
void agent_on_alarm(void *agent, void *holder); /* of its memory */

void agent_watch_end(struct holder *holder); /* its last sample is kept */

/* agent_outbox.c: what is told until the controller has committed it. open before the uplink is made, restore
 * once the records are there. */
void agent_outbox_open(struct agent *agent);
void agent_outbox_restore(struct agent *agent);
void agent_outbox_close(struct agent *agent);
void agent_outbox_flush(struct agent *agent); /* writes what is to be written, if the disk is not busy */
void agent_keep_news(struct agent *agent, const struct guard_step *step);
void agent_keep_sample(struct agent *agent, const struct sample *sample, bool last); /* flush follows */
void agent_epoch_seen(struct agent *agent, uint64_t epoch);
void agent_committed(void *agent, uint64_t violations, uint64_t samples);
/* agent_sweep.c: what belongs to no sandbox goes. */
void agent_sweep_ordered(struct agent *agent, const struct sweep_order *order); /* by the controller */
void agent_sweep_at_beginning(struct agent *agent); /* Docker was met: strays of the last life */
void agent_sweep_tick(struct agent *agent, uint64_t now);
void agent_sweep_free(struct agent *agent);

/*
 * agent_images.c: the images that the agent pulled, which it may remove. may_pull: whether one that is not
 * here may be fetched; may_keep: whether what came may stay; false with a sentence for tenants, the cause
 * after a colon. refuse: it may not, and goes.
 */
void agent_images_load(struct agent *agent);
void agent_image_pulled(struct agent *agent, const char *ref, const char *id);
void agent_image_used(struct agent *agent, const char *ref);
void agent_image_forget(struct agent *agent, const char *ref);
struct docker_pull_bounds agent_pull_bounds(const struct agent *agent, const char *user);
bool agent_may_pull(const struct agent *agent, const struct image_ref *ref,
                    char why[static NODE_DETAIL_MAX + 1]) MUST_CHECK;
bool agent_may_keep(const struct agent *agent, const struct docker_image *image,
                    char why[static NODE_DETAIL_MAX + 1]) MUST_CHECK;
void agent_image_refuse(struct agent *agent, const char *ref, const char *id);

/* agent_link.c: what the controller says, and what it is told. */
extern const struct uplink_ops agent_uplink_ops;

#endif
