/*
 * The latest sample of each live sandbox, as its node sent it: GET …/stats answers from it without asking a
 * node. Bounded by the number of live sandboxes: the owner calls stats_forget when one ends. Pure: `now` is
 * the loop's clock.
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

/*
 * Takes a sample; they may arrive in any order. A sample with `kept` set is not shown by stats_find: it may
 * be old.
 */
void stats_take(struct stats *stats, uint64_t now, const struct sample *sample);

void stats_forget(struct stats *stats, const struct sandbox_id *id);

/*
 * Forgets all sandboxes but those for which `lives` is true: used after a time in which ends were not
 * announced.
 */
void stats_forget_others(struct stats *stats, bool (*lives)(void *arg, const struct sandbox_id *id),
                         void *arg);

/* The latest sample that is not `kept`, with ago_ms as of now. False where there is none. */
bool stats_find(const struct stats *stats, uint64_t now, const struct sandbox_id *id, struct sample *out);

/* As stats_find, but with kept samples too: the last figures of a sandbox that ended. */
bool stats_last(const struct stats *stats, uint64_t now, const struct sandbox_id *id, struct sample *out);

/* Writes the stats object of the API. wall_ms: now, in Unix milliseconds. Returns its length. */
size_t stats_json(const struct sample *sample, bool paused, uint64_t wall_ms,
                  char out[static STATS_JSON_MAX]);

/* Writes the last figures, for the event of an end, as a JSON object. Returns its length. */
size_t stats_figures_json(const struct sample *sample, char out[static STATS_JSON_MAX]);

/*
 * Adds what a sandbox uses. Each sum stops at STATS_SUM_MAX, whatever a node reports: JSON numbers are exact
 * up to there.
 */
#define STATS_SUM_MAX ((uint64_t)1 << 53)
void stats_add_use(struct node_resources *used, const struct sample *sample);

/* Calls cb with the latest sample of each sandbox that has one. */
void stats_each(const struct stats *stats, void (*cb)(void *arg, const struct sample *sample), void *arg);

/* What all of them use. */
struct node_resources stats_use(const struct stats *stats);

#endif
