/* The controller and the database of the simulation, as their files share them. */
#ifndef CORRAL_TESTS_SIM_SIM_CONTROLLER_H
#define CORRAL_TESTS_SIM_SIM_CONTROLLER_H

#include "tests/sim/world.h"

/* The row as a statement returns it now. */
struct sandbox_row controller_row_of(const struct world *w, int sandbox);

/* The row's sandbox ends in from_now ms. */
void controller_set_deadline(struct world *w, struct row *r, uint64_t from_now);

/* An event: the answer to a commit. e->flag: of an admission; e->row: as it was then; e->asked_ms. */
void controller_told(struct world *w, struct sim_event *e);

/* Reads the rows in a moment, not only when that is due. */
void controller_refresh(struct world *w);

/* Whether the event is void: the controller that asked has died, or it stands still and the event is put off.
 */
bool controller_misses(struct world *w, struct sim_event *e);

#endif
