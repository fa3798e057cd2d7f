/*
 * Whether a node can start sandboxes, by how its starts went: after three in a row that failed for reasons of
 * its own (its disk, its state folder, its Docker) it takes no more, and after a while one is let try again,
 * as a circuit breaker does (M. Nygard, Release It!, 2007). What an image or a tenant is to blame for says
 * nothing of a node. Pure: now is CLOCK_BOOTTIME in milliseconds.
 */
#ifndef CORRAL_AGENT_CORE_START_HEALTH_H
#define CORRAL_AGENT_CORE_START_HEALTH_H

#include "common/model/node_wire.h"

#include <stdbool.h>
#include <stdint.h>

#define START_HEALTH_FAILURES   3     /* in a row */
#define START_HEALTH_PAUSE_MS   15000 /* before the first try; each that fails doubles it */
#define START_HEALTH_PAUSES_MAX 6     /* doublings: sixteen minutes at most */

#define START_SUSPECT_MAX 63

/* All zero at first. */
struct start_health {
    unsigned failed; /* in a row */
    unsigned pauses; /* since one went well */
    uint64_t until_ms;
    char why[NODE_DETAIL_MAX + 1]; /* of the latest failure */
    char suspect[START_SUSPECT_MAX + 1];
};

/*
 * A start ended: well, or for a reason of the node (why: a sentence). Others are not told here. suspect:
 * whose image may have been the reason as well; what fails for the same one again says nothing new, so that
 * nobody alone takes a node away from all. "": certainly none.
 */
void start_health_well(struct start_health *health);
void start_health_failed(struct start_health *health, uint64_t now, const char *why, const char *suspect);

/* Whether it takes no sandboxes now. */
bool start_health_unhealthy(const struct start_health *health, uint64_t now);

#endif
