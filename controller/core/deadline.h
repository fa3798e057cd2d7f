/*
 * The deadline of a live sandbox. Its row has it by PostgreSQL's clock, which may be set at any time; the
 * controller counts it on the loop's clock, which does not jump. So the expiry of a row is converted to the
 * loop's clock once, when it is new, and never again: when PostgreSQL's clock is set, the row is corrected to
 * follow the count. Private to the cluster state. Pure.
 */
#ifndef CORRAL_CONTROLLER_CORE_DEADLINE_H
#define CORRAL_CONTROLLER_CORE_DEADLINE_H

#include "controller/core/cluster_state.h"
#include "controller/core/sandbox_table.h"

/*
 * A row that was written while nobody watched PostgreSQL's clock counts more than deadline_ms for this long
 * after the start of a lead.
 */
#define DEADLINE_UNWATCHED_MS (15 * 60000)

/*
 * Takes the deadline of a row. unsure: PostgreSQL's clock may have been set since the row was read, and the
 * row may still have to follow: deadline_ms holds, and the row's expiry is taken from the next reading. s
 * still has the generation from before.
 */
void deadline_take(struct sandbox_entry *s, uint64_t now, const struct sandbox_row *row, bool unsure);

/* Whether its row has to be read once more. */
bool deadline_is_unsure(const struct sandbox_entry *s);

/*
 * Corrects the deadline from a second reading of the row. The deadline may come nearer, by the uncertainty of
 * the answer before (late_ms); never by more, since that would be a clock that jumped. Where the row's expiry
 * was unsure, it is taken now; but if what remained was certain (s->given), the row has to follow instead.
 * offset_ms: PostgreSQL's clock minus the loop's. True where the node has to be told.
 */
bool deadline_correct(struct sandbox_entry *s, uint64_t now, const struct sandbox_row *row,
                      int64_t offset_ms);

/* Whether the expiry of its row is known and has to be corrected. */
bool deadline_is_owed(const struct sandbox_entry *s);

/*
 * Whether to leave the deadline to the node: the node has this generation and counts its time by itself,
 * while the row was written when nobody watched PostgreSQL's clock, and may be wrong about what remains.
 */
bool deadline_is_the_nodes(const struct sandbox_entry *s, uint64_t now);

/* PostgreSQL's clock was set by step_ms; offset_ms is its distance from the loop's clock now. */
void deadline_stepped(struct sandbox_entry *s, uint64_t now, int64_t step_ms, int64_t offset_ms);

#endif
