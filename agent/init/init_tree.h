/*
 * All that descends from one process of the sandbox, to kill it: also what called setsid, or forked twice and
 * is process 1's child now. Who belongs to it:
 *   - Each process that the init starts gets a number of its own as its limit of real-time processor time
 *     (RLIMIT_RTTIME), which has no effect without a real-time scheduler that no sandbox may use. Children
 * inherit it, no program sets it, and nobody may raise it, so it tells a descendant however it was made.
 *   - Where that limit cannot be set (gVisor), and for who lowers it: the process's session, and children of
 * members.
 *
 * No race loses one: a process that has SIGKILL makes no more children (the kernel's fork sees the signal),
 * so a child that one pass over /proc did not see is there in the next, and passes follow until one finds
 * nobody. What forks and ends faster than it can be met is stopped first: kill(-1, SIGSTOP) reaches every
 * process in one moment, also between a fork's two halves. That stops others
 * for the time of a pass, and lets go on what a user had stopped, so it comes after INIT_TREE_CALM_PASSES
 * without success only.
 */
#ifndef CORRAL_AGENT_INIT_TREE_H
#define CORRAL_AGENT_INIT_TREE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define INIT_TREE_CALM_PASSES 20
#define INIT_TREE_GIVE_UP_MS  30000 /* what has SIGKILL and does not end waits in the kernel */

/* All zero: nothing is being killed. */
struct init_tree_kill {
    bool active;
    unsigned passes;
    uint64_t began_at_ms, next_at_ms;
};

/* In the child, before it runs a program. */
void init_tree_mark(uint32_t number);

/* Begins, where nothing is under way: the first pass is due at once. */
void init_tree_kill_start(struct init_tree_kill *kill, uint64_t now_ms);

/* When due, one pass. root: the process itself, 0 once it was reaped. Sets active to false when all are gone.
 */
void init_tree_kill_pass(struct init_tree_kill *kill, uint32_t number, pid_t root, uint64_t now_ms);

#endif
