/*
 * When a live sandbox is due. Its row says so by PostgreSQL's clock, which may be set at any time; here it is
 * counted on the loop's, which does not jump. So what the row says is turned into a count once, when it is
 * new, and never again: where PostgreSQL's clock was set, the row follows the count. Private to the cluster
 * state. Pure.
 */
#ifndef CORRAL_CONTROLLER_CORE_DEADLINE_H
#define CORRAL_CONTROLLER_CORE_DEADLINE_H

#include "controller/core/cluster_state.h"
#include "controller/core/sandbox_table.h"

/* So long after a lead began a row that was written under a clock nobody watched is believed rather than the
 * count. */
#define DEADLINE_UNWATCHED_MS (15 * 60000)

/*
 * Takes what a row says. unsure: PostgreSQL's clock may have been set since it said so, and the row may be
 * yet to follow: the count holds, the row's own time is taken from the next reading. s has the generation
 * from before.
 */
void deadline_take(struct sandbox_entry *s, uint64_t now, const struct cluster_state_row *row, bool unsure);

/* Its row is to be read once more. */
bool deadline_is_unsure(const struct sandbox_entry *s);

/*
 * Nearer, by what the answer before may have been late; never by more: that would be a clock that jumped. Or
 * what the row says, where its time was not sure; unless what remained was sure, for then the row is to
 * follow. offset_ms: of PostgreSQL's clock from the loop's.
 * True where the node is to be told.
 */
bool deadline_correct(struct sandbox_entry *s, uint64_t now, const struct cluster_state_row *row,
                      int64_t offset_ms);

/* Its row is known, and is to follow. */
bool deadline_is_owed(const struct sandbox_entry *s);

/*
 * Its node has taken up the desired state, and counts by itself; and the row was written under a clock that
 * nobody watched, so it may only be wrong about what remains.
 */
bool deadline_is_its_hosts(const struct sandbox_entry *s, uint64_t now);

/* PostgreSQL's clock was set by step_ms: it is so far from the loop's now. */
void deadline_stepped(struct sandbox_entry *s, uint64_t now, int64_t step_ms, int64_t offset_ms);

#endif
