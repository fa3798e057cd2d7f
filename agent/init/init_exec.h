/*
 * Executes a program in a child of the init: signals, environment, folder, and search in PATH.
 */
#ifndef CORRAL_AGENT_INIT_INIT_EXEC_H
#define CORRAL_AGENT_INIT_INIT_EXEC_H

#include "agent/init/init_proto.h"

/*
 * Call in a child that has its session and its stdio. Returns errno, and only if the program could not be
 * executed; then the reason is on its standard error. make_cwd: makes a missing working folder.
 */
int init_exec(const struct init_start *start, bool make_cwd);

#endif
