/*
 * Ctrl-C and its like, for verbs that have something to undo before they end. Signals are noted, and wake who
 * polls interrupt_fd().
 */
#ifndef CORRAL_CLI_INTERRUPT_H
#define CORRAL_CLI_INTERRUPT_H

#include <stdbool.h>

/* From now on SIGINT, SIGTERM, SIGHUP and SIGQUIT are noted and do not end the program; SIGPIPE is ignored.
 */
void interrupt_hold(void);

/*
 * As interrupt_hold; SIGWINCH, SIGTSTP and SIGCONT are noted, too, and wake: the terminal's size changed,
 * this program is to stop, it goes on. For a program that has changed the modes of its terminal.
 */
void interrupt_hold_terminal(void);

/* Whether this signal, one of the three, came since it was last asked for. */
bool interrupt_came(int signo);

/* Takes what woke, so that interrupt_fd() is readable again only when the next signal comes. */
void interrupt_wake_taken(void);

/* Stops this program, as SIGTSTP does to programs that do not note it; returns when it goes on. */
void interrupt_stop(void);

/* Ends this program by a signal, as one that does not hold it. */
_Noreturn void interrupt_die(int signo);

/* The signal that came last and ends programs; 0: none. */
int interrupt_signal(void);

/* Becomes readable when a signal comes; -1 before interrupt_hold(). */
int interrupt_fd(void);

/* Forgets the signal, so that the next one can be told from it. */
void interrupt_forget(void);

#endif
