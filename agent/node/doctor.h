/* corral-agent doctor: what this host enforces, what it cannot, and how to mend it. */
#ifndef CORRAL_AGENT_NODE_DOCTOR_H
#define CORRAL_AGENT_NODE_DOCTOR_H

#include "common/io/verb.h"

/* Prints the checks of agent/node/host_probe.h, as a table or with --json. Exit code 0 where all is enforced,
 * 1 where not.
 */
int agent_doctor(const struct program *program, int argc, char **argv);

#endif
