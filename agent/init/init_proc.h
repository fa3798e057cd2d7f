/*
 * The sandbox's command as the init's child: a session and process group of its own, started without ever
 * waiting for it (a tenant may stop the child before it has invoked its program, and that must not stop the
 * init). Fixed memory.
 */
#ifndef CORRAL_AGENT_INIT_PROC_H
#define CORRAL_AGENT_INIT_PROC_H

#include "agent/init/init_out.h"
#include "agent/init/init_proto.h"

#include <sys/types.h>

struct init_proc {
    enum init_main_state state;
    pid_t pid;
    int error_fd; /* closes when the program was invoked, else brings errno; -1 once known */
    int error;    /* errno that it brought */
    struct init_exit end;
};

void init_proc_init(struct init_proc *proc);

/* Starts it, printing through out. What fails at once is its end already: NOT_STARTED. */
void init_proc_start(struct init_proc *proc, const struct init_start *start, struct init_out *out);

/* After poll announced error_fd. True when the program was invoked just now. */
bool init_proc_read_error(struct init_proc *proc);

/* After the child was reaped with this wait status: fills in its end. */
void init_proc_reaped(struct init_proc *proc, int status);

/* To its whole process group, while it runs. */
void init_proc_signal(const struct init_proc *proc, int signo);

#endif
