/* The nodes of the simulation, as their files share them. */
#ifndef CORRAL_TESTS_SIM_SIM_AGENT_H
#define CORRAL_TESTS_SIM_SIM_AGENT_H

#include "tests/sim/world.h"

/* Adds an event of a node after delay. It is void if the agent dies meanwhile: agent_still_up is then NULL.
 */
struct sim_event *agent_answer_after(struct world *w, int node, int sandbox, uint64_t delay,
                                     void (*run)(struct world *, struct sim_event *));
struct reconciler *agent_still_up(struct world *w, const struct sim_event *e);

/* An event: tells the reconciler that the sandbox's processes are gone, if they are. */
void agent_dead(struct world *w, struct sim_event *e);

/* sim_hand_out.c: the effects of the reconciler; cut: the agent dies. usable: a sandbox can take it over. */
void sim_hand_out_prepare(struct world *w, int node, int sandbox);
void sim_hand_out_begin(struct world *w, int node, int sandbox);
void sim_hand_out_abort(struct world *w, int node, int sandbox);
void sim_hand_out_cut(struct world *w, struct sandbox_model *s);
bool sim_hand_out_usable(const struct sandbox_model *s);

#endif
