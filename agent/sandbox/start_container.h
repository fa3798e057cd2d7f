/*
 * The steps of a start after the disk: create and start the container, wait for its init, begin its command.
 */
#ifndef CORRAL_AGENT_SANDBOX_START_CONTAINER_H
#define CORRAL_AGENT_SANDBOX_START_CONTAINER_H

#include "agent/sandbox/start_step.h"

/* How many folders its disk has: the fixed ones, and one per volume of its image. */
unsigned start_folders(const struct start *start);

/* Mount points inside these folders ("2/a/b": in folder 2). Owned by the caller. */
struct string_list start_places(const struct start *start);

/* What its init is to run, in which folder; without arguments: nothing. The strings are borrowed; the caller
 * frees it. */
struct init_start *start_command(const struct start *start);

/* The environment that the sandbox has beside its image's. Owned by the caller. */
struct string_list start_environment(const struct start *start);

/* The folder in which everything starts that names none, where that is not its image's own; "" else. */
const char *start_folder(const struct start *start);

/* Begins the steps after the disk. */
void start_contain(struct start *start);

void start_container_died(struct start *start, int exit_code);

/* Handles its init's reports. */
extern const struct init_waiter start_waiter;

#endif
