/*
 * Kills all descendants of one process of the sandbox, including those that called setsid, or forked twice
 * and are now children of process 1. A process belongs to it in two cases:
 *
 *   - Each process that the init starts gets its own number as its limit of real-time processor time
 *     (RLIMIT_RTTIME), which has no effect without a real-time scheduler, and no sandbox may use one.
 *     Children inherit the limit, no program sets it, and nobody may raise it, so it identifies every
 *     descendant. Where it cannot be set (gVisor), RLIMIT_RSS, which no kernel enforces, takes its place.
 *   - Where that limit was lowered: processes of the same session, and children of members.
 *
 * No race loses a process: one that has SIGKILL creates no more children (the kernel's fork checks for the
 * signal), so a child that one pass over /proc missed is found by the next, and passes are repeated until one
 * finds nothing. Processes that fork and end faster than that are stopped first: kill(-1, SIGSTOP) reaches
 * every process at one moment, also between the two halves of a fork. That stops other processes for the time
 * of a pass, and continues those that a user had stopped, so it is used only after INIT_TREE_CALM_PASSES
 * passes without success.
 */
#ifndef CORRAL_AGENT_INIT_INIT_TREE_H
#define CORRAL_AGENT_INIT_INIT_TREE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define INIT_TREE_CALM_PASSES 20
#define INIT_TREE_GIVE_UP_MS  30000 /* a process that has SIGKILL and does not end is stuck in the kernel */

/* All zero: nothing is being killed. */
struct init_tree_kill {
    bool active;
    unsigned passes;
    uint64_t began_at_ms, next_at_ms;
};

/* In the child, before it executes a program. */
void init_tree_mark(uint32_t number);

/* Begins a kill, unless one is under way: the first pass is due at once. */
void init_tree_kill_start(struct init_tree_kill *kill, uint64_t now_ms);

/* Does one pass if it is due. root: the process itself, 0 once it was reaped. Sets active to false when all
 * are gone. */
void init_tree_kill_pass(struct init_tree_kill *kill, uint32_t number, pid_t root, uint64_t now_ms);

#endif
