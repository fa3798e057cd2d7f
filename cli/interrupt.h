/*
 * Ctrl-C and its like, for verbs that have something to undo before they end. Signals are noted, and wake who
 * polls interrupt_fd().
 */
#ifndef CORRAL_CLI_INTERRUPT_H
#define CORRAL_CLI_INTERRUPT_H

/* From now on SIGINT, SIGTERM, SIGHUP and SIGQUIT are noted and do not end the program; SIGPIPE is ignored.
 */
void interrupt_hold(void);

/* The signal that came last; 0: none. */
int interrupt_signal(void);

/* Becomes readable when a signal comes; -1 before interrupt_hold(). */
int interrupt_fd(void);

/* Forgets the signal, so that the next one can be told from it. */
void interrupt_forget(void);

#endif
