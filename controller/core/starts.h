/*
 * The starts that are under way, from their admission until they run, and how long the steps of those that
 * ran took. Adds to the times that a node tells those that only the controller can measure, all on the
 * controller's own clock: a node's clock is never compared with it, only its durations are taken away from
 * the whole. Bounded: at most STARTS_MAX under way (more are not measured), and a fixed number of counts.
 * Pure: `now` is the loop's clock in milliseconds.
 */
#ifndef CORRAL_CONTROLLER_CORE_STARTS_H
#define CORRAL_CONTROLLER_CORE_STARTS_H

#include "common/base/histogram.h"
#include "common/base/id.h"
#include "common/model/start_times.h"

#include <stddef.h>

#define STARTS_MAX 16384

/* Of every step. */
extern const struct histogram_bounds starts_bounds;

struct starts;
struct starts *starts_new(void);
void starts_free(struct starts *starts);

/* Admitted now, admission_ms after it was asked for. */
void starts_admitted(struct starts *starts, uint64_t now, const struct sandbox_id *id, uint64_t admission_ms);

/*
 * Its node tells that it has run, with the times of its steps (empty: it does not know them). Adds the
 * controller's steps, as of the first call for this sandbox; what was admitted before this controller led, or
 * by another one, stays as it is. False where the node's times are longer than the whole start took: then
 * they are removed.
 */
bool starts_told(struct starts *starts, uint64_t now, const struct sandbox_id *id, struct start_times *times);

/*
 * It runs, or ended after it had run: counts its steps if they are known, once. True where it ran, and this
 * controller admitted it; then *whole_ms is the time from the request until its node told so.
 */
bool starts_over(struct starts *starts, const struct sandbox_id *id, uint64_t *whole_ms);

/* Forgets all that are under way, not the counts. */
void starts_clear(struct starts *starts);

/* Of a step, since the start of the controller. Borrowed. */
const struct histogram *starts_times(const struct starts *starts, enum start_time step);

#endif
