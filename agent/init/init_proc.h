/*
 * The sandbox's command as a child of the init, with its own session and process group. The init never waits
 * for the start: a tenant may stop the child before it executes its program, and that must not stop the init.
 * Fixed memory.
 */
#ifndef CORRAL_AGENT_INIT_INIT_PROC_H
#define CORRAL_AGENT_INIT_INIT_PROC_H

#include "agent/init/init_out.h"
#include "agent/init/init_proto.h"

#include <sys/types.h>

struct init_proc {
    enum init_main_state state;
    pid_t pid;
    int error_fd; /* closed when the program was executed, else delivers errno; -1 once known */
    int error;    /* the errno delivered */
    struct init_exit end;
};

void init_proc_init(struct init_proc *proc);

/* Starts it with its output going through out. If that fails at once, its end is NOT_STARTED. */
void init_proc_start(struct init_proc *proc, const struct init_start *start, struct init_out *out);

/* Call after poll announced error_fd. True if the program was executed just now. */
bool init_proc_read_error(struct init_proc *proc);

/* Call after the child was reaped with this wait status: sets its end. */
void init_proc_reaped(struct init_proc *proc, int status);

/* Signals its whole process group, while it runs. */
void init_proc_signal(const struct init_proc *proc, int signo);

#endif
