/*
 * The warm pool's events, as cluster_state.h has those of sandboxes: each takes one event and appends
 * effects. What a node says of a member comes by cluster_state_status and cluster_state_session. Pure.
 */
#ifndef CORRAL_CONTROLLER_CORE_CLUSTER_STATE_WARM_H
#define CORRAL_CONTROLLER_CORE_CLUSTER_STATE_WARM_H

#include "controller/core/warm_pool.h"

/* The policy in force; copied. Before the first call there is no pool. */
void cluster_state_warm_policy(struct cluster_state *cluster, const struct warm_policy *policy);

/* The floors in force (warm_demand.h); copied. */
void cluster_state_warm_floors(struct cluster_state *cluster, uint64_t now, const struct warm_floor *floors,
                               size_t count);

/* A row as it is read when a controller begins to lead. spec: what its node makes it from; copied. */
void cluster_state_warm_load(struct cluster_state *cluster, uint64_t now, const struct warm_row *row,
                             const uint8_t *spec, size_t spec_len);

/*
 * Call several times a second: removes members that are not needed, and repeats what was not answered. Then
 * cluster_state_warm_next says, one after another, which are to be made: false where none is. node is
 * borrowed. For each the caller makes an id and a spec, calls cluster_state_warm_begin (which copies), writes
 * the row, and calls cluster_state_warm_added. ok false: the answer was lost, and the row is deleted.
 */
void cluster_state_warm_tick(struct cluster_state *cluster, uint64_t now,
                             struct cluster_state_effects *effects);
bool cluster_state_warm_next(struct cluster_state *cluster, uint64_t now, struct warm_row *out);
void cluster_state_warm_begin(struct cluster_state *cluster, uint64_t now, const struct warm_row *row,
                              const uint8_t *spec, size_t spec_len);
void cluster_state_warm_added(struct cluster_state *cluster, uint64_t now, const struct sandbox_id *id,
                              bool ok, struct cluster_state_effects *effects);

/* The database answered a CLUSTER_WARM_DROP. Not ok: it is asked again. */
void cluster_state_warm_dropped(struct cluster_state *cluster, const struct sandbox_id *id, bool ok);

/*
 * A create of this class: takes the member of it whose node would be least full. True: *id is the member's,
 * which is held for cluster_state_place and until cluster_state_admitted, cluster_state_refused or
 * cluster_state_warm_unsure. allowed: the tier of the user has warm starts.
 */
bool cluster_state_warm_take(struct cluster_state *cluster, uint64_t now, const struct place_request *request,
                             const struct warm_class *class, bool allowed, struct sandbox_id *id);

/* A create of this class by this user was admitted, with a member or without: the pool follows. */
void cluster_state_warm_asked(struct cluster_state *cluster, uint64_t now, const struct warm_class *class,
                              const char *user);

/* Instead of cluster_state_refused: the answer to the admission was lost. */
void cluster_state_warm_unsure(struct cluster_state *cluster, const struct sandbox_id *id);

/* All rows, as of a reading (cluster_state_stamp): what others deleted is forgotten, and what was unsure is
 * decided. */
void cluster_state_warm_read(struct cluster_state *cluster, uint64_t now, uint64_t stamp,
                             const struct warm_row *rows, size_t count,
                             struct cluster_state_effects *effects);

struct warm_stats cluster_state_warm_stats(const struct cluster_state *cluster);

#endif
