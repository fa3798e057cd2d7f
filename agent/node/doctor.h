/* corral-agent doctor: what this node enforces, what it cannot, and how to mend it. */
#ifndef CORRAL_AGENT_NODE_DOCTOR_H
#define CORRAL_AGENT_NODE_DOCTOR_H

#include "common/io/verb.h"

/* Prints the checks of agent/node/host_probe.h, as a table or with --json. Exit code 0 if everything is
 * enforced, else 1. */
int agent_doctor(const struct program *program, int argc, char **argv);

#endif
