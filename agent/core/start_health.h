/*
 * Whether a node can start sandboxes, judged by its latest starts. After three failures in a row for reasons
 * of its own (its disk, its state folder, its Docker) it takes no sandboxes for a while, then tries one, as a
 * circuit breaker does (M. Nygard, Release It!, 2007). Failures caused by an image or a tenant do not count.
 * Pure: now is CLOCK_BOOTTIME in milliseconds.
 */
#ifndef CORRAL_AGENT_CORE_START_HEALTH_H
#define CORRAL_AGENT_CORE_START_HEALTH_H

#include "common/model/node_wire.h"

#include <stdbool.h>
#include <stdint.h>

#define START_HEALTH_FAILURES   3     /* in a row */
#define START_HEALTH_PAUSE_MS   15000 /* before the first new try; each failed try doubles it */
#define START_HEALTH_PAUSES_MAX 6     /* doublings: sixteen minutes at most */

#define START_SUSPECT_MAX 63

/* All zero at first. */
struct start_health {
    unsigned failed; /* in a row */
    unsigned pauses; /* since the last success */
    uint64_t until_ms;
    char why[NODE_DETAIL_MAX + 1]; /* of the latest failure */
    char suspect[START_SUSPECT_MAX + 1];
};

/*
 * A start succeeded, or failed for a reason of the node (why: a sentence). Other failures are not passed
 * here. suspect: the user whose image may have been the reason as well ("": certainly none). A second failure
 * in a row with the same suspect is not counted, so that no single user can make a node unhealthy.
 */
void start_health_well(struct start_health *health);
void start_health_failed(struct start_health *health, uint64_t now, const char *why, const char *suspect);

/* Whether the node takes no sandboxes now. */
bool start_health_unhealthy(const struct start_health *health, uint64_t now);

#endif
