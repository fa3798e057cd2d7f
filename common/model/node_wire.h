/*
 * What the controller and an agent tell each other, as plain structs: the cores of both sides speak these,
 * proto/ packs them. The rules:
 *
 *   - the controller sends desired states, the agent sends statuses; both repeat until they are answered
 *   - a desired state is carried out once: the agent ignores one whose generation it has already taken up
 *   - a status is acknowledged only after what it says is committed; the last one of a sandbox
 *     (a terminal state) is kept on the agent's disk until then
 *   - no absolute time travels: remaining and elapsed milliseconds only, so that clocks need not agree. A
 *     repeated desired state may bring a deadline forward; only a higher generation may push it back.
 *
 * Pure.
 */
#ifndef CORRAL_COMMON_NODE_WIRE_H
#define CORRAL_COMMON_NODE_WIRE_H

#include "common/base/id.h"
#include "common/model/cleanup.h"
#include "common/model/sandbox_spec.h"
#include "common/model/sandbox_state.h"

#include <stdint.h>

#define NODE_NAME_MAX   63  /* [a-z0-9]([a-z0-9-.]*[a-z0-9])? */
#define NODE_DETAIL_MAX 239 /* a sentence for people */

enum desired { DESIRED_RUNNING, DESIRED_PAUSED, DESIRED_GONE };

/* Controller to agent: this sandbox should be so. */
struct desired_state {
    struct sandbox_id id;
    uint64_t generation; /* from 1; rises with each change of the desired state */
    enum desired state;
    enum sandbox_reason reason; /* DESIRED_GONE: why */
    uint64_t remaining_ms;      /* to its deadline, when this was sent */
    struct sandbox_limits limits;
    const uint8_t
        *spec; /* packed SandboxSpec; NULL with DESIRED_GONE. Borrowed or owned as the holder says */
    size_t spec_len;
};

/* What a node enforces; the bit is set where the kernel does it, clear where it is advisory only. */
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
 * One sample of one running sandbox. Counters count from its start. The latest is sent for the moment, and is
 * lost where the link is; of some one is kept for the history, with a number, until it is acknowledged by
 * that.
 */
struct sample {
    struct sandbox_id id;
    uint64_t number; /* of a kept one: rises over the restarts of its agent */
    bool kept;
    uint64_t ago_ms; /* since it was taken */
    uint64_t memory_used_bytes, memory_working_set_bytes, memory_unreclaimable_bytes, memory_limit_bytes;
    uint64_t memory_peak_bytes, oom_kills;
    uint64_t cpu_usage_ns, cpu_limit_millis;
    uint32_t cpu_centi, throttled_centi; /* hundredths of a percent of its limit, of its periods */
    uint64_t disk_used_bytes, disk_limit_bytes;
    uint64_t disk_inodes_used, disk_inodes_limit; /* files and folders; limit 0: not known */
    uint64_t rx_bytes, tx_bytes, rx_packets, tx_packets, rx_bytes_per_second, tx_bytes_per_second;
    uint64_t io_read_bytes,
        io_write_bytes; /* of block devices, or SAMPLE_NO_IO where the kernel counts none */
    uint64_t pids, pids_limit;
    uint32_t memory_some_centi, cpu_some_centi, io_some_centi; /* avg10, or SAMPLE_NO_PRESSURE */
    uint64_t uptime_seconds;
    bool responsive;          /* its init answered within the last 5 s */
    uint32_t open_violations; /* bits: 1 << kind (memory, cpu, disk, pids), and 16 << kind where critical */
};

/* Agent to controller: this sandbox is so. */
struct sandbox_status {
    struct sandbox_id id;
    uint64_t
        generation;  /* of the desired state that was taken up; 0 for one that it knows no desired state of */
    uint64_t number; /* rises with each change about this sandbox; what is acknowledged is named by it */
    enum sandbox_state state; /* STARTING, RUNNING, PAUSED, STOPPING, STOPPED or FAILED */
    enum sandbox_reason reason;
    char detail[NODE_DETAIL_MAX + 1];
    bool node_fault; /* of one that FAILED: for reasons of its node; another may start it */
    bool has_exit_code;
    int32_t exit_code;
    uint32_t enforced; /* enum enforce_bit */
    bool ran;          /* it was running at some time */
    uint64_t started_ago_ms;
    uint64_t ended_ago_ms;
    bool has_last; /* an end brings the last figures, where it was ever looked at */
    struct sample last;
};

/* Controller to agent: statuses of this sandbox up to this number are committed. */
struct status_ack {
    struct sandbox_id id;
    uint64_t number;
};

/* One thing that happened to a sandbox and is not a change of its state. */
struct violation_report {
    struct sandbox_id id;
    uint64_t number; /* rises over the restarts of its agent; acknowledged by it */
    uint64_t ago_ms;
    uint8_t kind; /* memory, cpu, disk, pids: 0 to 3 */
    bool opened;  /* else closed */
    bool critical;
    uint32_t percent_centi;
    uint64_t limit;
    uint32_t swings; /* of one that closed: how often it was clear and came back while it was open */
};

/* Controller to agent: look for what should not be on this node. */
struct cleanup_order {
    uint64_t number; /* of each order another; 0: none */
    bool dry_run;    /* count only */
};

/* Agent to controller: the result of a cleanup of the node. Only the kinds that a node has are counted. */
struct cleanup_report {
    uint64_t number; /* rises over the agent's life; acknowledged by it */
    uint64_t asked;  /* the order's number; 0: by itself */
    bool dry_run;
    struct cleanup_counts counts;
};

struct node_resources {
    uint64_t memory_bytes, cpu_millis, storage_bytes, sandboxes;
};

/* What an agent says of its node when a session begins. Strings are owned by the holder. */
struct node_facts {
    char name[NODE_NAME_MAX + 1];
    char boot_id[37];
    char state_id[33]; /* of the folder with its records: another one knows nothing of what ran here */
    char agent_version[32];
    char docker_version[32];
    char docker_api_version[16];
    char region[64];
    struct string_list labels;   /* "key=value" */
    struct string_list runtimes; /* of Docker */
    struct node_resources capacity;
    uint32_t enforces;                   /* enum enforce_bit */
    char unhealthy[NODE_DETAIL_MAX + 1]; /* why it takes no sandboxes now, "" where it does */
    /* Not on the wire: what the controller's end of the connection knows of the other. */
    char fingerprint[65], address[46];
};

void node_facts_fini(struct node_facts *facts);

/* Whether it may be a node's name. */
bool node_name_valid(const char *name);

#endif
