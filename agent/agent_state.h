/* The state that the folders of the agent share; private to them. What only one folder needs lives there. */
#ifndef CORRAL_AGENT_AGENT_STATE_H
#define CORRAL_AGENT_AGENT_STATE_H

#include "agent/agent.h"
#include "agent/cgroup/cgroup_alarm.h"
#include "agent/cgroup/cgroup_path.h"
#include "agent/core/image_memory.h"
#include "agent/core/login_table.h"
#include "agent/core/outbox.h"
#include "agent/core/reconciler.h"
#include "agent/core/turns.h"
#include "agent/disk/journal.h"
#include "agent/disk/volume.h"
#include "agent/docker/docker.h"
#include "agent/engine/engine.h"
#include "agent/uplink/uplink.h"

#include "common/io/worker.h"
#include "common/model/trace_table.h"
#include "proto/node_codec.h"

struct image_analysis;
struct image_orders_run;
struct image_streams;
struct init_follower;
struct logs;
struct log_streams;
struct runtime;
struct secrets;
struct stream_link;
struct stream_yield;

#define PLAIN_IMAGES_MAX 64

/* The latest images whose users' files (/etc/passwd, /etc/group) were found ordinary. */
struct plain_images {
    char id[PLAIN_IMAGES_MAX][sizeof((struct docker_image *)0)->id];
    unsigned next;
};

/* node/base_image.h */
struct base_image {
    char name[NODE_LABEL_MAX + 1];     /* as the controller names it; "": it has not yet */
    char missing[NODE_DETAIL_MAX + 1]; /* why it is not here; "": it is here, or that is not known yet */
    uint64_t pulled_ms;                /* when the latest pull of it began; 0: never */
    bool asking;                       /* a request to Docker is under way: inspect or pull */
    bool renamed;                      /* the name changed since then: the answer is about another image */
    struct timer looking;
};

struct agent {
    struct loop *loop;
    const struct agent_conf *conf;
    struct reconciler *reconciler;
    struct engine *engine; /* carries out what the reconciler asks for */
    struct runtime *runtimes;
    const struct init_follower *follower; /* of the processes inside; NULL: nobody */
    struct stream_link *stream_link;
    struct stream_yield *stream_yield;     /* streams/stream_yield.h */
    struct logs *logs;                     /* node/logs.h */
    struct log_streams *log_streams;       /* streams/log_stream.h */
    struct turns log_turns;                /* reads of logs of sandboxes that end */
    uint64_t logs_lost;                    /* logs that could not be kept, since the start */
    struct image_analysis *image_analysis; /* node/image_analysis.h */
    struct image_orders_run *image_orders; /* node/image_orders.h */
    struct image_streams *image_streams;   /* streams/image_stream.h */
    struct docker *docker;
    struct docker_facts docker_facts;
    uint32_t enforces; /* as probed when Docker last described itself */
    bool docker_ready; /* it answers, and the containers that it holds were compared with the records */
    bool listening;    /* to Docker's events */
    char unhealthy[NODE_DETAIL_MAX + 1];
    bool starts_fail; /* what the controller was last told */
    struct cgroup_alarm *alarm;
    struct worker *worker;               /* for jobs that may wait for the disk */
    struct worker *signallers, *forcers; /* for kills */
    struct cgroup_mounts mounts;         /* never changes: threads read it */
    struct volumes *volumes;
    struct outbox *outbox;
    struct journal *journal;  /* of the outbox; used by the worker while a write is under way */
    uint64_t outbox_retry_ms; /* when to write again after a failed write; 0: the last write succeeded */
    uint64_t dropped;         /* dropped by the outbox: how many are already logged */
    bool dropping;            /* that it drops is already logged */
    struct uplink *uplink;
    struct trace_table *traces; /* of the requests that caused what sandboxes should be */
    struct secrets *secrets;    /* sandbox/environment.h */
    char node[NODE_NAME_MAX + 1];
    char boot_id[37], state_id[33];
    char records_dir[256], links_dir[256], init_path[256]; /* init_path: in each sandbox */
    dev_t init_device;                                     /* of the file at init_path */
    ino_t init_inode;                                      /* 0: not known */
    char *seccomp;                                         /* the profile's text, owned; NULL: Docker's own */
    struct string_list masked, read_only;                  /* of /proc and /sys, in each sandbox */
    uint64_t trimmed_ms;
    uint64_t closing_since_ms; /* since when nng has not finished closing a session; 0: it has */
    struct image_memory images;
    struct login_table logins; /* for pulls that sandboxes cause */
    bool told;                 /* desired states, in a session since the start */
    uint64_t started_ms;
    struct plain_images plain_images;
    uint64_t image_changes;       /* events about images that Docker reported, and 1 */
    struct timer members_looking; /* sandbox/member.h */
    struct base_image base;
    struct turns turns;
    struct late *late; /* containers that may still appear after their request was given up */
    unsigned late_count;
    struct cleanup *cleanup;              /* NULL: none is under way */
    struct cleanup_order cleanup_waiting; /* number 0: none */
    uint64_t cleanup_ordered;             /* the latest order's number */
    uint64_t cleanup_number;              /* of the latest report on a cleanup */
    uint64_t cleaned_ms;                  /* when the latest complete cleanup began */
    struct dense_order dense;             /* the latest, which holds until dense_until_ms */
    uint64_t dense_until_ms;
    struct timer tick, sampling, docker_retry, dialing;
};

/* For a log line about a sandbox: the trace of the request that its latest desired state comes from. */
static inline const char *agent_trace_mark(const struct agent *agent, const struct sandbox_id *id,
                                           char out[static TRACE_MARK_MAX])
{
    struct trace trace = trace_table_get(agent->traces, id, 0);
    return trace_mark(&trace, out);
}

#endif
