/*
 * What an agent keeps on disk of one sandbox, so that a restart of the agent or of the node loses nothing:
 * its desired state, how far it came and, after its end, the final report until the controller has
 * acknowledged it. The record is written before the container is made and removed after the end was
 * acknowledged. Pure.
 */
#ifndef CORRAL_AGENT_CORE_SANDBOX_RECORD_H
#define CORRAL_AGENT_CORE_SANDBOX_RECORD_H

#include "common/model/node_wire.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum sandbox_phase {
    PHASE_NEW,      /* its record is being saved */
    PHASE_STARTING, /* image, volume, container, command */
    PHASE_RUNNING,  /* or paused */
    PHASE_KILLING,  /* its processes are being killed */
    PHASE_REMOVING, /* its container and volume are being removed */
    PHASE_ENDED     /* nothing is left but the final report */
};

struct sandbox_record {
    struct sandbox_id id;
    uint64_t generation; /* of the latest desired state */
    uint64_t number;     /* of the latest status */
    enum sandbox_phase phase;
    enum desired desired;
    bool paused;
    bool idled;      /* paused for idleness, until a newer desired state */
    bool unfit;      /* its container may not be held to the limits below yet */
    bool pooled;     /* a member of the warm pool: no sandbox of this id was heard of */
    bool warm;       /* it has the container of a member, or is being given it */
    bool renewed;    /* what is there is of a member that was not ready: removed before its own start */
    bool failed;     /* it never ran: its state is then FAILED, not STOPPED */
    bool node_fault; /* …for reasons of this node */
    enum sandbox_reason reason;
    char detail[NODE_DETAIL_MAX + 1];
    bool has_exit_code;
    int32_t exit_code;
    bool ran;
    bool unready;      /* its command has begun, and its ready check goes on: it runs once that succeeds */
    uint32_t enforced; /* enum enforce_bit */
    bool by_docker;    /* its init is linked by Docker's exec */

    /* On CLOCK_BOOTTIME of the boot below; after another boot only the wall clock counts. */
    uint64_t deadline_ms, started_ms, ended_ms;
    char boot_id[37];          /* filled when it is saved */
    uint64_t deadline_wall_ms; /* filled when it is saved */

    uint64_t last_ms; /* when the last sample was taken; 0: never */
    struct sample last;

    struct sandbox_limits limits;
    char container_id[65]; /* "" before it is made */
    uint8_t *spec;         /* packed SandboxSpec, owned */
    size_t spec_len;
};

/* Of generations and statuses: half of what the protocol can carry. */
#define SANDBOX_NUMBER_MAX ((uint64_t)1 << 52)

/*
 * Mends a record that was written under another clock, or wrongly: a time in the future becomes now, and a
 * number past SANDBOX_NUMBER_MAX becomes 0. Returns a sentence about the first thing mended, NULL if nothing
 * was. now: CLOCK_BOOTTIME in ms.
 */
const char *sandbox_record_mend(struct sandbox_record *record, uint64_t now);

#endif
