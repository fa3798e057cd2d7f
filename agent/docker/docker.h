/*
 * The one place that talks to Docker. Asynchronous on the loop: each callback fires once, never inside the
 * call, also at docker_free (ERR_CANCELLED). What a callback is handed is borrowed for the call.
 *
 * Errors: ERR_IO (no connection), ERR_NODE_TIMEOUT (Docker does not answer: a frozen daemon), ERR_NOT_FOUND,
 * ERR_CONFLICT (not in a state for it), ERR_IMAGE_UNAVAILABLE, ERR_START_FAILED, ERR_PROTOCOL (an answer that
 * makes no sense), ERR_TOO_LARGE, each with Docker's own sentence.
 */
#ifndef CORRAL_AGENT_DOCKER_DOCKER_H
#define CORRAL_AGENT_DOCKER_DOCKER_H

#include "agent/core/image_bounds.h"
#include "common/base/err.h"
#include "common/base/id.h"
#include "common/io/loop.h"
#include "common/model/sandbox_spec.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define DOCKER_ID_LEN     64
#define DOCKER_QUICK_MS   15000 /* what Docker answers in milliseconds when it is well */
#define DOCKER_PATH_MAX   1024
#define DOCKER_CPU_PERIOD 20000 /* us: a short burst waits for a fifth of the usual period */

struct docker;

/* What the daemon says of itself. All zero, or filled; docker_facts_fini frees. */
struct docker_facts {
    char version[32];
    char api_version[16]; /* the one that is spoken */
    char arch[32];        /* what images for its host were built for, as it names it */
    char runc_version[32];
    struct string_list runtimes; /* that can run a sandbox */
    bool runsc_shut;             /* there is gVisor too, and it lets no socket of the host in */
    char root_dir[512];          /* where it keeps its images; "" where that is too long */
    bool userns;                 /* user namespaces are on */
    uint32_t userns_uid;         /* the host's id of a container's root; 0 without */
    bool live_restore;
    bool seccomp;
    bool cgroup_v2;
    bool memory_limit, swap_limit, cpu_quota, pids_limit; /* what the kernel offers to containers */
    uint64_t memory_bytes, cpus;
};
void docker_facts_fini(struct docker_facts *facts);

struct docker_image {
    char id[80];
    uint64_t size_bytes;      /* of all its layers, unpacked */
    struct string_list names; /* with a tag, with a digest, as Docker writes them */
    struct image_facts facts;
};
void docker_image_copy(struct docker_image *dst, const struct docker_image *src); /* dst: all zero */
void docker_image_fini(struct docker_image *image);

struct docker_bind {
    const char *source, *target;
    bool read_only;
};

/* A second; 0: none. */
struct docker_disk_limits {
    uint64_t read_bytes, write_bytes, operations;
};

/* A container to be. All strings are borrowed for the call. */
struct docker_container {
    const char *name;
    const char *image;
    struct string_list entrypoint; /* never empty: Corral's init */
    struct string_list env;
    struct string_list labels; /* "key=value" */
    const struct docker_bind *binds;
    size_t bind_count;
    struct sandbox_limits limits;
    uint64_t shm_bytes;                           /* 0: sandbox_default_shm() */
    const char *working_dir;                      /* absolute; made in it where its image has none */
    const char *network;                          /* "none" or a bridge's name */
    const char *runtime;                          /* NULL: the daemon's default */
    const char *cgroup_parent;                    /* NULL: the daemon's default */
    const char *seccomp;                          /* the profile's JSON text; NULL: Docker's own */
    const struct string_list *masked, *read_only; /* paths; NULL: Docker's own */
    bool own_cgroups;                             /* it sees its own cgroup as the root of all */
    const char *disk_device;                      /* what disk_limits are for; NULL: for none */
    struct docker_disk_limits disk_limits;
};

struct docker_state {
    char id[DOCKER_ID_LEN + 1];
    bool running, paused, oom_killed;
    bool removing;       /* somebody removes it at this moment */
    bool begun;          /* it was started, be it ended by now */
    bool foreign_mounts; /* it has a mount that is no bind, so none of ours */
    pid_t pid;           /* of its process 1, as the host sees it; 0 where it does not run */
    int exit_code;
    uint64_t finished_wall_ms; /* Unix, by Docker's clock; 0 where it runs or never did */
};

struct docker_file {
    bool plain; /* an ordinary file */
    uint64_t bytes;
};

struct docker_listed {
    char id[DOCKER_ID_LEN + 1];
    char sandbox[SANDBOX_ID_LEN + 1]; /* of the label; "" where it is not an id */
    char cluster[64];
    bool running;
};

struct docker_network {
    char id[DOCKER_ID_LEN + 1];
    char name[256];
    char sandbox[SANDBOX_ID_LEN + 1]; /* of its label; "" where there is none, or it is not an id */
    char cluster[64];
};

/* CHANGED: paused, thawed, removed; anyone who hears it asks. */
enum docker_event_kind { DOCKER_DIED, DOCKER_OOM, DOCKER_CHANGED, DOCKER_OTHER };
struct docker_event {
    enum docker_event_kind kind;
    struct sandbox_id sandbox;
    int exit_code; /* DOCKER_DIED */
};

/* Owned by the caller; copies socket_path. Talks to nobody yet. */
struct docker *docker_new(struct loop *loop, const char *socket_path);
void docker_free(struct docker *docker);

typedef void docker_cb(void *arg, int code, const struct err *e);
typedef void docker_facts_cb(void *arg, int code, const struct err *e, const struct docker_facts *facts);
typedef void docker_image_cb(void *arg, int code, const struct err *e, const struct docker_image *image);
typedef void docker_id_cb(void *arg, int code, const struct err *e, const char *id);
typedef void docker_state_cb(void *arg, int code, const struct err *e, const struct docker_state *state);
typedef void docker_file_cb(void *arg, int code, const struct err *e, const struct docker_file *file);
typedef void docker_list_cb(void *arg, int code, const struct err *e, const struct docker_listed *items,
                            size_t count);
typedef void docker_networks_cb(void *arg, int code, const struct err *e, const struct docker_network *items,
                                size_t count);

/* Agrees on an API version and reads what the daemon is; before anything else, and again after it was away.
 */
void docker_hello(struct docker *docker, docker_facts_cb *cb, void *arg);

/*
 * A call that can be given up, borrowed until its callback. docker_cancel hangs up at once, and the callback
 * gets ERR_CANCELLED in the next turn of the loop; what Docker was to do it may do all the same, or later.
 */
struct docker_call;
void docker_cancel(struct docker_call *call);

struct docker_call *docker_image_inspect(struct docker *docker, const char *ref, docker_image_cb *cb,
                                         void *arg);

/*
 * Pulls at once; more wait, in turn by user, as agent/core/turns.h has it. Docker has places for downloads of
 * layers, which all pulls share: for DOCKER_LAYERS nobody waits there for another's.
 */
#define DOCKER_PULLS         8
#define DOCKER_PULLS_LONG    16 /* besides these, that take long */
#define DOCKER_PULLS_OF_USER 4
#define DOCKER_LAYERS        ((DOCKER_PULLS + DOCKER_PULLS_LONG) * PULL_LAYERS_MAX)

/* Whose turn a pull is, and what it is broken off at, before it has filled its host. */
struct docker_pull_bounds {
    const char *user;              /* "": the host's own */
    uint64_t whole_ms, silence_ms; /* in all, once it has its turn; without any progress */
    uint64_t image_bytes;          /* the largest image; 0: any */
    uint64_t free_bytes;           /* what has to stay free where Docker keeps its images */
    const char *root;              /* which is there; "": nobody knows, and it is not looked at */
};

/*
 * ref: a whole name. Anyone who asks for an image that is being pulled waits for the same pull, within the
 * bounds of who asked first (one that has not its turn yet is nobody else's), which ends with the last who
 * gives up. ERR_IMAGE_UNAVAILABLE: it did not come, with a sentence for tenants, the cause after a colon.
 * What had come of it goes; an image that came is to be looked at, since its size is only known then. ERR_IO:
 * it is Docker that is away.
 */
struct docker_call *docker_image_pull(struct docker *docker, const char *ref,
                                      const struct docker_pull_bounds *bounds, docker_cb *cb, void *arg);

/* The bytes that are free where Docker keeps its images; ERR_IO where that cannot be seen from here. */
int docker_free_bytes(const char *root, uint64_t *bytes, struct err *e) MUST_CHECK;

/* Whether this is the text of a seccomp profile; ERR_CONFIG with what is wrong. */
int docker_seccomp_check(const char *text, struct err *e) MUST_CHECK;

/* Whether it lets calls of 32 bits in on a host of 64, by naming their architecture; NULL: Docker's own,
 * which does. */
bool docker_seccomp_takes_narrow(const char *text);

/*
 * This and the start: ERR_IO where Docker fails for reasons of its host (docker_fault.h), or the connection
 * does; ERR_START_FAILED where it refuses for any other.
 */
struct docker_call *docker_container_create(struct docker *docker, const struct docker_container *container,
                                            docker_id_cb *cb, void *arg);

/* The rest take a container's id or name. */
struct docker_call *docker_container_start(struct docker *docker, const char *id, docker_cb *cb, void *arg);
/* ERR_NOT_FOUND, ERR_CONFLICT: it does not run. */
void docker_container_kill(struct docker *docker, const char *id, docker_cb *cb, void *arg);
void docker_container_pause(struct docker *docker, const char *id, docker_cb *cb, void *arg);
void docker_container_unpause(struct docker *docker, const char *id, docker_cb *cb, void *arg);
void docker_container_update(struct docker *docker, const char *id, const struct sandbox_limits *limits,
                             docker_cb *cb, void *arg);

/* Kills and removes, with its anonymous volumes. One that is not there is a success. */
void docker_container_remove(struct docker *docker, const char *id, uint64_t timeout_ms, docker_cb *cb,
                             void *arg);

struct docker_call *docker_container_inspect(struct docker *docker, const char *id, uint64_t timeout_ms,
                                             docker_state_cb *cb, void *arg);

/*
 * What its file system has at this path, a link at its end followed within it; ERR_NOT_FOUND: nothing (one
 * that leads nowhere is something). Opens nothing. id: by number, not by name. path: static.
 */
struct docker_call *docker_container_file(struct docker *docker, const char *id, const char *path,
                                          docker_file_cb *cb, void *arg);

/* Every container, running or not, that carries the label corral.sandbox. */
void docker_container_list(struct docker *docker, docker_list_cb *cb, void *arg);

/* Those, running or not, that a network (by id or name) or an image (by id) has. At most 1 is listed. */
void docker_container_list_of_network(struct docker *docker, const struct docker_network *network,
                                      docker_list_cb *cb, void *arg);
void docker_container_list_of_image(struct docker *docker, const char *id, docker_list_cb *cb, void *arg);

/* Untags, and removes with the last name. ERR_CONFLICT where a container has it; gone already is a success.
 */
void docker_image_remove(struct docker *docker, const char *ref, docker_cb *cb, void *arg);

/* The networks whose label corral.cluster is this. */
void docker_network_list(struct docker *docker, const char *cluster, docker_networks_cb *cb, void *arg);
void docker_network_remove(struct docker *docker, const char *id, docker_cb *cb, void *arg);

/*
 * Deaths, OOMs and changes of our containers, until docker_free; the stream is taken up again by itself.
 * on_away is called once when Docker does not answer: where the stream is broken, or to one of the pings that
 * are sent from now on, though it stands. on_gap each time that this is over: what happened meanwhile has to
 * be asked for.
 */
typedef void docker_event_cb(void *arg, const struct docker_event *event);
void docker_events(struct docker *docker, docker_event_cb *on_event, loop_cb *on_away, loop_cb *on_gap,
                   void *arg);

/*
 * Whether that stream stands, and not only since a moment ago: what a Docker without live-restore ends while
 * it starts, its events tell when it answers already. What ends meanwhile is likely to be Docker's doing.
 */
bool docker_steady(const struct docker *docker);

#endif
