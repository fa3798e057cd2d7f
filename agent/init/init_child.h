/*
 * One process beside the sandbox's command, from its SPAWN until it is forgotten: its program with pipes or a
 * terminal, the input that waits for it, its latest output, and how it ended. Never waits. What decides when
 * to read, and what the rings of all may take, is in init_streams.c.
 */
#ifndef CORRAL_AGENT_INIT_CHILD_H
#define CORRAL_AGENT_INIT_CHILD_H

#include "agent/init/init_process.h"
#include "agent/init/init_ring.h"
#include "agent/init/init_tree.h"

#include <sys/types.h>

#define INIT_CHILD_OUTS 2 /* stdout, or a terminal's all; stderr */

struct init_child {
    uint32_t number;
    struct init_process
        told; /* what a PROCESS says of it; ring, input and note are filled in when it is told */
    uint8_t *note;
    pid_t pid;    /* 0 once it was reaped */
    int error_fd; /* closes when the program was invoked, else brings errno; -1 once known */
    int error;
    int in_fd, out_fd[INIT_CHILD_OUTS]; /* -1: closed */
    struct init_ring ring;
    uint8_t *in; /* NULL while no input waits */
    size_t in_len, in_at;
    bool in_ends;                /* after what waits */
    uint32_t in_given;           /* of its window, what the agent may send and has not */
    uint64_t deadline_ms;        /* 0: none */
    uint64_t linger_ms;          /* until then its output is taken, once it was reaped */
    size_t due[INIT_CHILD_OUTS]; /* of its output that lay there when it was reaped, what was not taken yet */
    bool is_over;                /* all of its output was taken; what others print there goes nowhere */
    uint64_t over_order;         /* among all that are over, counted from 1 */
    struct init_tree_kill kill;
    bool dirty; /* how it stands is to be told */
    /* As of the attachments when they were last gone through: how many there are, and where the fastest is.
     */
    unsigned attached;
    uint64_t pace;
};

/* One that has no process and no descriptors yet; NULL with errno: there is no memory. */
struct init_child *init_child_new(uint32_t number, const struct init_spawn *spawn, uint64_t now_ms);

/*
 * Starts it as a child of this process. Returns it, NULL with errno where the kernel gives no pipe, terminal,
 * memory or process. That its program cannot be invoked is seen later, as its end.
 */
struct init_child *init_child_start(uint32_t number, const struct init_spawn *spawn, uint64_t now_ms);

/* Closes all, also what others may still print to. */
void init_child_free(struct init_child *child);

/* After poll announced error_fd. */
void init_child_read_error(struct init_child *child);

/* After the child was reaped with this wait status. */
void init_child_reaped(struct init_child *child, int status, uint64_t now_ms);

/* Its end may be told: all of its output was taken, and it has no input any more. */
void init_child_over(struct init_child *child);

/* Input; it fits into the window. Without input that is open it goes nowhere. */
void init_child_put_in(struct init_child *child, const uint8_t *bytes, size_t len);
void init_child_end_in(struct init_child *child);

/* After poll announced in_fd: moves what fits. */
void init_child_move_in(struct init_child *child);

/* What the agent may be told that it may send further; 0: nothing worth it. */
uint32_t init_child_credit(struct init_child *child);

/* Reads of one of its outs into the ring, cap at most; after its end nowhere. */
void init_child_read_out(struct init_child *child, int out, size_t cap);

/* What lies in one of its outs; 0 also where that is not known. */
size_t init_child_pending(const struct init_child *child, int out);

/* To its whole process group, while it runs. */
void init_child_signal(const struct init_child *child, int signo);

void init_child_resize(struct init_child *child, const struct init_size *size);

#endif
