/* What the rooms of the agent share; private to them. Each has of its own what others need not know. */
#ifndef CORRAL_AGENT_AGENT_STATE_H
#define CORRAL_AGENT_AGENT_STATE_H

#include "agent/agent.h"
#include "agent/cgroup/cgroup_alarm.h"
#include "agent/cgroup/cgroup_path.h"
#include "agent/core/image_memory.h"
#include "agent/core/outbox.h"
#include "agent/core/reconciler.h"
#include "agent/core/turns.h"
#include "agent/disk/journal.h"
#include "agent/disk/volume.h"
#include "agent/docker/docker.h"
#include "agent/engine/engine.h"
#include "agent/uplink/uplink.h"

#include "common/io/worker.h"
#include "proto/node_codec.h"

struct init_follower;
struct runtime;
struct stream_link;

#define PLAIN_IMAGES_MAX 64

/* Images whose files of users were found ordinary, the latest. */
struct plain_images {
    char id[PLAIN_IMAGES_MAX][sizeof((struct docker_image *)0)->id];
    unsigned next;
};

/* node/base_image.h */
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
    struct reconciler *reconciler;
    struct engine *engine; /* what is put into the reconciler, it carries out */
    struct runtime *runtimes;
    const struct init_follower *follower; /* of the processes inside; NULL: nobody */
    struct stream_link *stream_link;
    struct docker *docker;
    struct docker_facts docker_facts;
    uint32_t enforces; /* as the host was probed when Docker last said what it is */
    bool docker_ready; /* it answers, and what it holds was looked through */
    bool listening;    /* to Docker's events */
    char unhealthy[NODE_DETAIL_MAX + 1];
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
    struct cleanup *cleanup;              /* NULL: none is under way */
    struct cleanup_order cleanup_waiting; /* number 0: none */
    uint64_t cleanup_ordered;             /* the latest order's number */
    uint64_t cleanup_number;              /* of the latest word on a cleanup */
    uint64_t cleaned_ms;                  /* when the latest whole cleanup began */
    struct timer tick, sampling, docker_retry, dialing;
};

#endif
