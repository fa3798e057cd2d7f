/* The loops of the simulation's processes. */
#ifndef CORRAL_TESTS_SIM_SIM_LOOP_H
#define CORRAL_TESTS_SIM_SIM_LOOP_H

#include "common/base/awake.h"
#include "tests/sim/world.h"

struct loop {
    struct world *world;
    int process; /* a node, or SIM_CONTROLLER */
    struct awake awake;
};

struct loop *sim_loop_new(struct world *w, int process);

#endif
