/*
 * A program in the place of a child of the init: signals, environment, folder, and where it is found.
 */
#ifndef CORRAL_AGENT_INIT_EXEC_H
#define CORRAL_AGENT_INIT_EXEC_H

#include "agent/init/init_proto.h"

/*
 * In a child that has its session and its stdio. Returns errno only where the program could not be invoked.
 * make_cwd: its folder is made where it is absent.
 */
int init_exec(const struct init_start *start, bool make_cwd);

#endif
