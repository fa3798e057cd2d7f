/*
 * The state of the whole system at one moment, for its history: a row for the system, and one for each node,
 * region and tier. Gauges are as they are now; what is counted (creates, starts, refusals) is counted between
 * two samples, and begins at zero again when a sample takes it. So a count is in one sample only, also when
 * another controller leads next. Pure; bounded: SYSTEM_NAMES_MAX names of each kind, of further ones only the
 * system's row knows.
 */
#ifndef CORRAL_CONTROLLER_CORE_SYSTEM_SAMPLE_H
#define CORRAL_CONTROLLER_CORE_SYSTEM_SAMPLE_H

#include "common/base/err.h"
#include "common/base/json_text.h"
#include "controller/core/cluster_state.h"
#include "controller/core/starts.h"
#include "controller/core/stats.h"

#include <stdint.h>

#define SYSTEM_NAMES_MAX 4096

enum system_kind { SYSTEM_WHOLE, SYSTEM_NODE, SYSTEM_REGION, SYSTEM_TIER, SYSTEM_KIND_COUNT };

enum system_gauge {
#define GAUGE(KIND, part, path, name) GAUGE_##KIND,
#include "controller/core/system_gauge.def"
    SYSTEM_GAUGE_COUNT
};

#define SYSTEM_NO_FIGURE UINT64_MAX /* of a gauge that does not apply, such as the capacity of a tier */

struct system_sample;
struct system_sample *system_sample_new(void);
void system_sample_free(struct system_sample *sample); /* NULL is allowed */

/*
 * What is counted from now on, of a sandbox that is on this node and of this tier. region: of the node. Names
 * that are "" or NULL count in the system's row only.
 */
struct system_place {
    const char *node, *region, *tier;
};
void system_sample_created(struct system_sample *sample, const struct system_place *place);
void system_sample_started(struct system_sample *sample, const struct system_place *place, uint64_t took_ms);
/* A request was refused with this code (negative); tier: of its caller, NULL where nobody was known. */
void system_sample_refused(struct system_sample *sample, const char *tier, int code);

/* Reads the gauges again: what lives where, and what it uses. Queues are 0 until they are told. */
void system_sample_read(struct system_sample *sample, const struct cluster_state *cluster,
                        const struct stats *stats, uint64_t now);
/* Starts that wait on a node for a turn; the system's row has the sum, and the longest wait of all. */
void system_sample_starts_waiting(struct system_sample *sample, const char *node, uint64_t starts,
                                  uint64_t longest_ms);
/* Queues that only the system has. */
void system_sample_queues(struct system_sample *sample, uint64_t creates, uint64_t waiters,
                          uint64_t database);

/*
 * Writes the rows as a JSON array of {kind, name, gauges [], creates, starts [], start_ms, refusals {}}, and
 * begins to count at zero.
 */
void system_sample_take(struct system_sample *sample, struct json_text *json);

/* A gauge of the last reading; SYSTEM_NO_FIGURE where there is no such row. For tests. */
uint64_t system_sample_gauge(const struct system_sample *sample, enum system_kind kind, const char *name,
                             enum system_gauge gauge);

#endif
