/*
 * What the controller and an agent send each other, as plain structs. The cores of both sides use these
 * structs, proto/ packs them. The rules:
 *
 *   - The controller sends desired states, the agent sends statuses; both repeat until they are acknowledged.
 *   - A desired state is carried out once: the agent ignores a generation that it has already taken up.
 *   - A status is acknowledged only after it is committed. The agent keeps the last status of a sandbox (a
 *     terminal state) on disk until then.
 *   - Messages carry no absolute time, only remaining and elapsed milliseconds, so clocks need not agree. A
 *     repeated desired state may bring a deadline forward; only a higher generation may push it back.
 *
 * Pure.
 */
#ifndef CORRAL_COMMON_MODEL_NODE_WIRE_H
#define CORRAL_COMMON_MODEL_NODE_WIRE_H

#include "common/base/id.h"
#include "common/base/trace.h"
#include "common/model/cleanup.h"
#include "common/model/node_image.h"
#include "common/model/sandbox_spec.h"
#include "common/model/sandbox_state.h"
#include "common/model/start_times.h"

#include <stdint.h>

#define NODE_NAME_MAX   63 /* [a-z0-9]([a-z0-9-.]*[a-z0-9])? */
#define NODE_REGION_MAX 63
#define NODE_DETAIL_MAX 239 /* a sentence for people */

enum desired { DESIRED_RUNNING, DESIRED_PAUSED, DESIRED_GONE };

/* Its public name. Static. */
const char *desired_name(enum desired desired);

/* Controller to agent: the state that this sandbox should have. */
struct desired_state {
    struct sandbox_id id;
    uint64_t generation; /* starts at 1, rises with each change of the desired state */
    enum desired state;
    enum sandbox_reason reason; /* DESIRED_GONE: why */
    uint64_t remaining_ms;      /* until the deadline, at the time of sending */
    struct sandbox_limits limits;
    const uint8_t *spec; /* packed SandboxSpec; NULL with DESIRED_GONE. Who holds this struct says whether
                            it is owned */
    size_t spec_len;
    bool pooled; /* a member of the warm pool: made, and owned by nobody until a higher generation without
                    this names the sandbox that takes it over */
    struct trace trace; /* of the request that caused this generation; unknown: none, or not sent */
};

/* What a node enforces: a bit is set if the kernel enforces the limit, clear if the limit is advisory
 * only. */
enum enforce_bit {
    ENFORCE_MEMORY = 1,
    ENFORCE_CPU = 2,
    ENFORCE_DISK = 4,
    ENFORCE_PIDS = 8,
    ENFORCE_NOFILE = 16,
    ENFORCE_NETWORK = 32,
    ENFORCE_ALL = 63
};

#define SAMPLE_NO_PRESSURE UINT32_MAX
#define SAMPLE_NO_IO       ((uint64_t)INT64_MAX)

/*
 * One sample of one running sandbox. Counters count from the sandbox's start. The latest sample is sent once
 * and may be lost with the link. A kept sample, one of several, is numbered for the history and held until
 * its number is acknowledged.
 */
struct sample {
    struct sandbox_id id;
    uint64_t number; /* of a kept sample; keeps rising when the agent restarts */
    bool kept;
    uint64_t ago_ms; /* since it was taken */
    uint64_t memory_used_bytes, memory_working_set_bytes, memory_unreclaimable_bytes, memory_limit_bytes;
    uint64_t memory_peak_bytes, oom_kills;
    uint64_t cpu_usage_ns, cpu_limit_millis;
    uint32_t cpu_centi,
        throttled_centi; /* hundredths of a percent: of the CPU limit, of the scheduler's periods */
    uint64_t disk_used_bytes, disk_limit_bytes;
    uint64_t disk_inodes_used, disk_inodes_limit; /* files and folders; limit 0: not known */
    uint64_t rx_bytes, tx_bytes, rx_packets, tx_packets, rx_bytes_per_second, tx_bytes_per_second;
    uint64_t io_read_bytes,
        io_write_bytes; /* of block devices, or SAMPLE_NO_IO where the kernel counts none */
    uint64_t pids, pids_limit;
    uint32_t memory_some_centi, cpu_some_centi, io_some_centi; /* avg10, or SAMPLE_NO_PRESSURE */
    uint64_t uptime_seconds;
    bool responsive;          /* the sandbox's init answered within the last 5 s */
    uint32_t open_violations; /* 1 << kind for each open violation (memory, cpu, disk, pids), and 16 << kind
                                 if critical */
};

/* Agent to controller: the state that this sandbox has. */
struct sandbox_status {
    struct sandbox_id id;
    uint64_t
        generation;  /* of the desired state that was taken up; 0 if the agent knows none for this sandbox */
    uint64_t number; /* rises with each change of this sandbox; an acknowledgement names it */
    enum sandbox_state state; /* STARTING, RUNNING, PAUSED, STOPPING, STOPPED or FAILED */
    enum sandbox_reason reason;
    char detail[NODE_DETAIL_MAX + 1];
    bool node_fault; /* of a FAILED sandbox: the node is to blame, another node may start it */
    bool has_exit_code;
    int32_t exit_code;
    uint32_t enforced; /* enum enforce_bit */
    bool by_docker;    /* commands run by way of Docker's own exec, not of the init's own link */
    bool ran;          /* it has been RUNNING at some time */
    bool pooled;       /* it is a member of the warm pool: its agent has heard of no sandbox of this id */
    bool warm;         /* it runs in the container of a member of the warm pool */
    uint64_t started_ago_ms;
    uint64_t ended_ago_ms;
    struct start_times
        start;     /* of the node's steps; empty where this run of the agent did not measure them */
    bool has_last; /* an end carries the last sample, if one was ever taken */
    struct sample last;
};

/* Controller to agent: statuses of this sandbox up to this number are committed. */
struct status_ack {
    struct sandbox_id id;
    uint64_t number;
};

/* A violation began or ended; this is no change of the sandbox's state. */
struct violation_report {
    struct sandbox_id id;
    uint64_t number; /* keeps rising when the agent restarts; an acknowledgement names it */
    uint64_t ago_ms;
    uint8_t kind; /* memory, cpu, disk, pids: 0 to 3 */
    bool opened;  /* false: closed */
    bool critical;
    uint32_t percent_centi;
    uint64_t limit;
    uint32_t swings; /* of a closed violation: how often the value fell below the threshold and rose again
                        while it was open */
};

/* Controller to agent: look for orphaned resources on this node. */
struct cleanup_order {
    uint64_t number; /* different for each order; 0: no order */
    bool dry_run;    /* count only */
};

/* Agent to controller: the result of a cleanup of the node. Counts only the kinds that exist on a node. */
struct cleanup_report {
    uint64_t number; /* rises while the agent runs; an acknowledgement names it */
    uint64_t asked;  /* number of the order; 0: a periodic cleanup */
    bool dry_run;
    struct cleanup_counts counts;
};

/*
 * Controller to agent: somebody watches these sandboxes. One sample each second is kept of them, instead of
 * one each ten seconds, for for_ms from when the order is taken. It replaces the order before; none of it
 * survives the agent or the session.
 */
#define NODE_DENSE_MAX 64 /* sandboxes of a node at once */
struct dense_order {
    uint64_t number; /* of each order another one; 0: no order */
    uint64_t for_ms;
    size_t count;
    struct sandbox_id id[NODE_DENSE_MAX];
};

struct node_resources {
    uint64_t memory_bytes, cpu_millis, storage_bytes, sandboxes;
};

/* What an agent reports about its node when a session begins. Who holds this struct owns the strings. */
struct node_facts {
    char name[NODE_NAME_MAX + 1];
    char boot_id[37];
    char state_id[33]; /* identifies the folder of records; a folder with another id knows nothing of what ran
                          here */
    char agent_version[32];
    char docker_version[32];
    char docker_api_version[16];
    char region[NODE_REGION_MAX + 1];
    struct string_list labels;   /* "key=value" */
    struct string_list runtimes; /* Docker's */
    struct node_resources capacity;
    uint32_t enforces;                   /* enum enforce_bit */
    bool pools;                          /* it takes members of the warm pool */
    bool images;                         /* it takes orders about images */
    bool dense;                          /* it takes orders to keep samples more densely */
    char unhealthy[NODE_DETAIL_MAX + 1]; /* why the node takes no sandboxes now; "" if it does */
    /* Not on the wire: the controller fills these in from the connection. */
    char fingerprint[65], address[46];
};

void node_facts_fini(struct node_facts *facts);

/* Whether text is valid as a node's name. */
bool node_name_valid(const char *name);

#endif
