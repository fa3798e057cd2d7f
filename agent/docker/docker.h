/*
 * The agent's only client of Docker. Asynchronous, on the loop: each callback fires once, never inside the
 * call, also at docker_free (ERR_CANCELLED). The arguments of a callback are borrowed for its duration.
 *
 * Errors: ERR_IO (no connection), ERR_NODE_TIMEOUT (Docker does not answer: a frozen daemon), ERR_NOT_FOUND,
 * ERR_CONFLICT (wrong state for the request), ERR_IMAGE_UNAVAILABLE, ERR_START_FAILED, ERR_PROTOCOL (an
 * invalid answer), ERR_TOO_LARGE, each with Docker's own message.
 */
#ifndef CORRAL_AGENT_DOCKER_DOCKER_H
#define CORRAL_AGENT_DOCKER_DOCKER_H

#include "agent/core/image_bounds.h"
#include "agent/core/pull_size.h"
#include "agent/docker/docker_frames.h"
#include "common/base/err.h"
#include "common/base/id.h"
#include "common/io/loop.h"
#include "common/model/sandbox_spec.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define DOCKER_ID_LEN   64
#define DOCKER_QUICK_MS 15000 /* for requests that a healthy Docker answers in milliseconds */
#define DOCKER_PATH_MAX 1024
#define DOCKER_CPU_PERIOD                                                                                    \
    20000 /* us: a fifth of the usual period, so a sandbox at its quota waits less long */

struct docker;

/* What the daemon reports about itself. All zero, or filled; docker_facts_fini frees. */
struct docker_facts {
    char version[32];
    char api_version[16]; /* the agreed version */
    char arch[32];        /* architecture of its images, in Docker's name */
    char runc_version[32];
    struct string_list runtimes; /* the ones that can run a sandbox */
    struct string_list
        closed;          /* …and of these, those whose sandboxes cannot connect to a socket of the host */
    char root_dir[512];  /* where it stores its images; "" if that is too long */
    bool userns;         /* user namespaces are enabled */
    uint32_t userns_uid; /* the host's id of a container's root; 0 without user namespaces */
    bool live_restore;
    bool seccomp;
    bool cgroup_v2;
    bool memory_limit, swap_limit, cpu_quota, pids_limit; /* what the kernel can limit for containers */
    uint64_t memory_bytes, cpus;
};
void docker_facts_fini(struct docker_facts *facts);

struct docker_image {
    char id[80];
    uint64_t size_bytes;      /* of all layers, unpacked */
    struct string_list names; /* with a tag or a digest, as Docker writes them */
    struct image_facts facts;
};
void docker_image_copy(struct docker_image *dst, const struct docker_image *src); /* dst: all zero */
void docker_image_fini(struct docker_image *image);

/* An image that Docker has. */
struct docker_stored {
    char id[80];
    uint64_t size_bytes;      /* of all layers, unpacked, also of those that it shares with others */
    uint64_t created_wall_ms; /* Unix ms, as the image says; 0: it does not */
    struct string_list names; /* with a tag or a digest, as Docker writes them */
};
void docker_stored_free(struct docker_stored *items, size_t count);

struct docker_bind {
    const char *source, *target;
    bool read_only;
};

/* Per second; 0: none. */
struct docker_disk_limits {
    uint64_t read_bytes, write_bytes, operations;
};

/* A container to create. All strings are borrowed for the call. */
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
    const char *working_dir;                      /* absolute; Docker makes it if the image lacks it */
    const char *network;                          /* "none" or a bridge's name */
    const char *runtime;                          /* NULL: the daemon's default */
    const char *cgroup_parent;                    /* NULL: the daemon's default */
    const char *seccomp;                          /* the profile's JSON text; NULL: Docker's own */
    const struct string_list *masked, *read_only; /* paths; NULL: Docker's own */
    bool own_cgroups;                             /* it sees its own cgroup as the root cgroup */
    const char *disk_device;                      /* the device that disk_limits apply to; NULL: none */
    struct docker_disk_limits disk_limits;
};

struct docker_state {
    char id[DOCKER_ID_LEN + 1];
    bool running, paused, oom_killed;
    bool removing;       /* its removal is under way */
    bool begun;          /* it was started, even if it has ended since */
    bool foreign_mounts; /* it has a mount that is not a bind mount, so not one of ours */
    pid_t pid;           /* of its process 1, as the host sees it; 0 if it does not run */
    int exit_code;
    uint64_t finished_wall_ms; /* Unix ms by Docker's clock; 0 if it runs or never did */
    char image[80];            /* the id of its image */
};

struct docker_file {
    bool plain; /* a regular file */
    uint64_t bytes;
};

struct docker_listed {
    char id[DOCKER_ID_LEN + 1];
    char sandbox[SANDBOX_ID_LEN + 1]; /* from its label; "" if that is not an id */
    char cluster[64];
    char image[80]; /* the id of its image */
    bool running;
};

struct docker_network {
    char id[DOCKER_ID_LEN + 1];
    char name[256];
    char sandbox[SANDBOX_ID_LEN + 1]; /* from its label; "" if there is none, or it is not an id */
    char cluster[64];
};

/* CHANGED: paused, resumed or removed; the listener inspects the container. IMAGE: a name of an image may
 * mean another one now, or nothing; sandbox is empty. */
enum docker_event_kind { DOCKER_DIED, DOCKER_OOM, DOCKER_CHANGED, DOCKER_IMAGE, DOCKER_OTHER };
struct docker_event {
    enum docker_event_kind kind;
    struct sandbox_id sandbox;
    int exit_code; /* DOCKER_DIED */
};

/* Owned by the caller; copies socket_path. Does not connect yet. */
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
typedef void docker_stored_cb(void *arg, int code, const struct err *e, const struct docker_stored *items,
                              size_t count);
typedef void docker_networks_cb(void *arg, int code, const struct err *e, const struct docker_network *items,
                                size_t count);

/* Agrees on an API version and reads the daemon's facts. Call it first, and again after Docker was away. */
void docker_hello(struct docker *docker, docker_facts_cb *cb, void *arg);

/*
 * A call that can be cancelled, borrowed until its callback. docker_cancel closes the connection at once, and
 * the callback gets ERR_CANCELLED in the next turn of the loop. Docker may still carry the request out, even
 * later.
 */
struct docker_call;
void docker_cancel(struct docker_call *call);

struct docker_call *docker_image_inspect(struct docker *docker, const char *ref, docker_image_cb *cb,
                                         void *arg);

/*
 * Pulls at once; further ones wait for their turn by user (agent/core/turns.h). All pulls share Docker's
 * slots for layer downloads: with DOCKER_LAYERS slots none waits there for another.
 */
#define DOCKER_PULLS         8
#define DOCKER_PULLS_LONG    16 /* in addition, of those that take long */
#define DOCKER_PULLS_OF_USER 4
#define DOCKER_LAYERS        ((DOCKER_PULLS + DOCKER_PULLS_LONG) * PULL_LAYERS_MAX)

/* Whose turn a pull takes, and the bounds at which it is aborted before it fills its host. */
struct docker_pull_bounds {
    const char *user;              /* "": the node itself */
    uint64_t whole_ms, silence_ms; /* in all, from its turn on; without any progress */
    uint64_t image_bytes;          /* the largest allowed image; 0: no limit */
    uint64_t free_bytes;           /* what must stay free on the disk of Docker's images */
    const char *root; /* the folder of Docker's images; "": not known, and the disk is not checked */
    const struct registry_login *login; /* NULL: none */
};

/*
 * Pulls ref, a full name. A request for an image that is being pulled joins that pull, under the bounds of
 * the first request (a pull that still waits for its turn is joined only by the same user). The pull is
 * cancelled when its last request is. ERR_IMAGE_UNAVAILABLE: the pull failed; the message is a sentence for
 * tenants, the cause after a colon. Docker removes the layers of a failed pull. The caller must check the
 * size of a pulled image, which is only known then. ERR_IO: Docker is away.
 */
struct docker_call *docker_image_pull(struct docker *docker, const char *ref,
                                      const struct docker_pull_bounds *bounds, docker_cb *cb, void *arg);

/* How far the call's pull is; NULL while it waits for its turn. Borrowed until the next turn of the loop. */
const struct pull_size *docker_pull_progress(const struct docker_call *call);

/* The login as Docker's header has it; free it, it holds the password. */
char *docker_auth_write(const struct registry_login *login);

/* Whether text shows the login's password: as it is, or as the header Authorization has it. */
bool docker_auth_shown(const struct registry_login *login, const char *text);

/* The disk of Docker's images: what can be used of it in all, and what is free. ERR_IO as below. */
struct docker_disk {
    uint64_t bytes, free_bytes;
};
int docker_disk(const char *root, struct docker_disk *disk, struct err *e) MUST_CHECK;

/* The free bytes on the disk of Docker's images; ERR_IO if the agent cannot see that folder. */
int docker_free_bytes(const char *root, uint64_t *bytes, struct err *e) MUST_CHECK;

/* Checks that text is a seccomp profile; ERR_CONFIG says what is wrong. */
int docker_seccomp_check(const char *text, struct err *e) MUST_CHECK;

/* Whether the profile allows 32-bit system calls on a 64-bit host, by naming their architecture; NULL:
 * Docker's own profile, which allows them. */
bool docker_seccomp_takes_narrow(const char *text);

/*
 * Create and start: ERR_IO if Docker fails for reasons of its host (docker_fault.h), or the connection does;
 * ERR_START_FAILED if Docker refuses for any other reason.
 */
struct docker_call *docker_container_create(struct docker *docker, const struct docker_container *container,
                                            docker_id_cb *cb, void *arg);

/* All functions below take a container's id or name. */
struct docker_call *docker_container_start(struct docker *docker, const char *id, docker_cb *cb, void *arg);
/* ERR_NOT_FOUND, ERR_CONFLICT: it does not run. */
void docker_container_kill(struct docker *docker, const char *id, docker_cb *cb, void *arg);
void docker_container_pause(struct docker *docker, const char *id, docker_cb *cb, void *arg);
void docker_container_unpause(struct docker *docker, const char *id, docker_cb *cb, void *arg);
void docker_container_update(struct docker *docker, const char *id, const struct sandbox_limits *limits,
                             docker_cb *cb, void *arg);

/* Kills and removes, with its anonymous volumes. A missing one is a success. */
void docker_container_remove(struct docker *docker, const char *id, uint64_t timeout_ms, docker_cb *cb,
                             void *arg);

struct docker_call *docker_container_inspect(struct docker *docker, const char *id, uint64_t timeout_ms,
                                             docker_state_cb *cb, void *arg);

/*
 * What the container's file system has at this path. A symlink at the end of the path is followed once,
 * within the container; ERR_NOT_FOUND: nothing is there (a dangling link counts as something). Does not open
 * the file. id: the id, not the name. path: static.
 */
struct docker_call *docker_container_file(struct docker *docker, const char *id, const char *path,
                                          docker_file_cb *cb, void *arg);

/* All containers, running or not, with the label corral.sandbox. */
void docker_container_list(struct docker *docker, docker_list_cb *cb, void *arg);

/* The containers, running or not, that use a network (by id or name) or an image (by id). At most 1 is
 * listed. */
void docker_container_list_of_network(struct docker *docker, const struct docker_network *network,
                                      docker_list_cb *cb, void *arg);
void docker_container_list_of_image(struct docker *docker, const char *id, docker_list_cb *cb, void *arg);

/* All images. ERR_TOO_LARGE: Docker has so many, or so long labels on them, that its answer is not read. */
void docker_image_list(struct docker *docker, docker_stored_cb *cb, void *arg);

/* Removes a tag, and the image with its last tag. ERR_CONFLICT if a container uses it; a missing one is a
 * success. */
void docker_image_remove(struct docker *docker, const char *ref, docker_cb *cb, void *arg);

/* The networks whose label corral.cluster has this value. */
void docker_network_list(struct docker *docker, const char *cluster, docker_networks_cb *cb, void *arg);
void docker_network_remove(struct docker *docker, const char *id, docker_cb *cb, void *arg);

/*
 * Reports deaths, OOM kills and changes of our containers until docker_free; reconnects by itself. on_away is
 * called once when Docker stops answering: the stream broke, or a ping (sent regularly from now on) was not
 * answered. on_gap is called each time that Docker is back: the caller must then ask for what happened
 * meanwhile.
 */
typedef void docker_event_cb(void *arg, const struct docker_event *event);
void docker_events(struct docker *docker, docker_event_cb *on_event, loop_cb *on_away, loop_cb *on_gap,
                   void *arg);

/*
 * Whether the stream of events stands, and has stood for a while. A Docker without live-restore ends
 * containers during its start and sends their events when it answers already, so an end seen while it is not
 * steady is probably Docker's doing.
 */
bool docker_steady(const struct docker *docker);

/*
 * The log of a container: what its process 1 wrote to stdout and stderr, as Docker keeps it (docker_log.c).
 * Docker keeps DOCKER_LOG_FILES files of DOCKER_LOG_BYTES, and throws away the oldest one whole.
 */
#define DOCKER_LOG_BYTES 4000000 /* "4m" in Docker's options */
#define DOCKER_LOG_FILES 2

struct docker_log_ask {
    const char *container;
    bool follow;         /* goes on until the container ends */
    uint64_t since_ns;   /* not what is older; 0: all */
    uint64_t tail;       /* the last so many records; 0: all */
    uint64_t timeout_ms; /* of all; 0: none */
    uint64_t silence_ms; /* without a byte of Docker; 0: none */
};

/* Records come by on_record, in Docker's order, then cb. After a rotation Docker may repeat some. */
struct docker_log;
struct docker_log *docker_log_read(struct docker *docker, const struct docker_log_ask *ask,
                                   docker_record_cb *on_record, docker_cb *cb, void *arg);

/* While it is paused Docker soon waits with what it sends; records at hand, and an end, are still told. */
void docker_log_pause(struct docker_log *log, bool paused);

/* Ends it; no callback follows. May be called from any callback. */
void docker_log_cancel(struct docker_log *log);

/*
 * Docker's own exec (docker_exec.c): runs a program in a running container, as its user and within its
 * limits, and joins the program's stdin and stdout with a socket, at most DOCKER_EXEC_BYTES waiting each way.
 */
#define DOCKER_EXEC_BYTES 16384
struct docker_exec;

/*
 * Once, on the loop. code 0: fd is the caller's end of the socket, which the caller closes; it comes before
 * Docker has started the program, and where it cannot, or the program ends, the socket ends. Else fd is -1.
 */
typedef void docker_exec_cb(void *arg, int code, const struct err *e, int fd);

/* Copies command; the caller frees the result, also after a failure. */
struct docker_exec *docker_exec_run(struct docker *docker, const char *container,
                                    const struct string_list *command, docker_exec_cb *cb, void *arg);

/*
 * No callback follows. Docker closes the program's stdin; it does not kill it. May be called from any
 * callback, and after docker_free. NULL is fine.
 */
void docker_exec_free(struct docker_exec *exec);

#endif
