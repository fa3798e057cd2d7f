/*
 * What an agent keeps on disk of one sandbox, so that a restart of the agent, or of the node, loses nothing:
 * its desired state, how far it came, and, when it has ended, the final report that the controller has not
 * yet acknowledged. Written before the container is made, removed after its end was acknowledged. Pure.
 */
#ifndef CORRAL_AGENT_CORE_SANDBOX_RECORD_H
#define CORRAL_AGENT_CORE_SANDBOX_RECORD_H

#include "common/model/node_wire.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum sandbox_phase {
    PHASE_NEW,      /* its record is being saved */
    PHASE_STARTING, /* image, volume, container, start */
    PHASE_RUNNING,  /* or paused */
    PHASE_KILLING,  /* its processes are to go */
    PHASE_REMOVING, /* its container and volume are to go */
    PHASE_ENDED     /* nothing is left but the final report */
};

struct sandbox_record {
    struct sandbox_id id;
    uint64_t generation; /* of the desired state that was taken up */
    uint64_t number;     /* of the latest status */
    enum sandbox_phase phase;
    enum desired desired;
    bool paused;
    bool idled; /* it is to be paused because it stood idle, whatever the controller's last desired state says
                 */
    bool unfit; /* its container may not yet be held to the limits below */
    bool failed;     /* it never ran: its end is FAILED, not STOPPED */
    bool node_fault; /* …for reasons of this node */
    enum sandbox_reason reason;
    char detail[NODE_DETAIL_MAX + 1];
    bool has_exit_code;
    int32_t exit_code;
    bool ran;
    uint32_t enforced; /* enum enforce_bit */

    /* On CLOCK_BOOTTIME of the boot below; the wall clock's word counts only after another boot. */
    uint64_t deadline_ms, started_ms, ended_ms;
    char boot_id[37];          /* filled when it is saved */
    uint64_t deadline_wall_ms; /* filled when it is saved */

    uint64_t last_ms; /* when it was last looked at; 0: never */
    struct sample last;

    struct sandbox_limits limits;
    char container_id[65]; /* "" before it is made */
    uint8_t *spec;         /* packed SandboxSpec, owned */
    size_t spec_len;
};

#define SANDBOX_NUMBER_MAX                                                                                   \
    ((uint64_t)1 << 52) /* of generations and statuses: half of what can be told                             \
                         */

/*
 * A record of another clock, or one that was written wrongly: what lies in the future has just been, and a
 * number that could never be told begins again. Returns what of it was mended, a sentence for people; NULL
 * where all was well. now: CLOCK_BOOTTIME.
 */
const char *sandbox_record_mend(struct sandbox_record *record, uint64_t now);

#endif
