/*
 * The history of the system (controller/core/system_sample.h): counts while this controller leads, and writes
 * a sample once a period. A sample of which it is not known whether it was written is sent again, with its
 * time, as long as it takes; each is stored once. So nothing is counted twice, and a leader that loses the
 * lead, or is stopped in order, loses nothing; one that is killed loses what it counted since its last
 * sample. What happens while nobody leads is in no sample. Private to controller/leader/.
 */
#ifndef CORRAL_CONTROLLER_LEADER_LEADER_HISTORY_H
#define CORRAL_CONTROLLER_LEADER_LEADER_HISTORY_H

#include "controller/leader/leader.h"

struct leader_history;

/* The result is the caller's. Borrows the leader. */
struct leader_history *leader_history_new(struct leader *leader);
void leader_history_free(struct leader_history *history); /* after the pool. NULL is allowed */

void leader_history_created(struct leader_history *history, const struct sandbox_id *id);
void leader_history_started(struct leader_history *history, const struct sandbox_id *id, uint64_t took_ms);

/* It leads from now on. */
void leader_history_begin(struct leader_history *history);
/* The lead is lost: takes what was counted since the last sample; it is written in the next lead. */
void leader_history_end(struct leader_history *history);

#endif
