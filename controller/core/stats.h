/*
 * The latest sample of each live sandbox, as its node sent it: what GET …/stats answers without asking
 * anybody. Bounded by the live sandboxes: the owner forgets one that ended. Pure: `now` is the loop's clock.
 */
#ifndef CORRAL_CONTROLLER_CORE_STATS_H
#define CORRAL_CONTROLLER_CORE_STATS_H

#include "common/model/node_wire.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define STATS_JSON_MAX 2048

struct stats;
struct stats *stats_new(void);
void stats_free(struct stats *stats);

/* Takes a sample, in whatever order they come. A kept one is never shown as now: it may be of long ago. */
void stats_take(struct stats *stats, uint64_t now, const struct sample *sample);

void stats_forget(struct stats *stats, const struct sandbox_id *id);

/* Forgets all but those that live: after a time in which nobody was told what ended. */
void stats_forget_others(struct stats *stats, bool (*lives)(void *arg, const struct sandbox_id *id),
                         void *arg);

/* The latest sample for the moment, with ago_ms as of now. False where there is none. */
bool stats_find(const struct stats *stats, uint64_t now, const struct sandbox_id *id, struct sample *out);

/* Likewise the latest of all, kept ones too: the last figures of one that ended. */
bool stats_last(const struct stats *stats, uint64_t now, const struct sandbox_id *id, struct sample *out);

/* The stats object of the API. wall_ms: Unix milliseconds now. Returns its length. */
size_t stats_json(const struct sample *sample, bool paused, uint64_t wall_ms,
                  char out[static STATS_JSON_MAX]);

/* The last figures, for the event of an end: a JSON object. Returns its length. */
size_t stats_figures_json(const struct sample *sample, char out[static STATS_JSON_MAX]);

/* Adds what a sandbox uses. The sums stop at STATS_SUM_MAX, whatever a node says: JSON's numbers are exact to
 * there. */
#define STATS_SUM_MAX ((uint64_t)1 << 53)
void stats_add_use(struct node_resources *used, const struct sample *sample);

/* Sums what the sandboxes of an owner's choice use, for its node or the system. */
void stats_each(const struct stats *stats, void (*cb)(void *arg, const struct sample *sample), void *arg);

#endif
