/*
 * One process beside the sandbox's command, from its SPAWN until it is forgotten: its program with pipes or a
 * terminal, pending input, its latest output, and how it ended. Never blocks. init_streams.c decides when to
 * read and how much memory all rings may take.
 */
#ifndef CORRAL_AGENT_INIT_INIT_CHILD_H
#define CORRAL_AGENT_INIT_INIT_CHILD_H

#include "agent/init/init_process.h"
#include "agent/init/init_ring.h"
#include "agent/init/init_tree.h"

#include <sys/types.h>

#define INIT_CHILD_OUTS 2    /* stdout, or everything of a terminal; stderr */
#define INIT_REPORT_MS  1000 /* between two reports of how much a process has printed */

struct init_child {
    uint32_t number;
    struct init_process told; /* sent in PROCESS frames; ring, input and note are set then */
    uint8_t *note;
    pid_t pid;    /* 0 once it was reaped */
    int error_fd; /* closed when the program was executed, else delivers errno; -1 once known */
    int error;
    int in_fd, out_fd[INIT_CHILD_OUTS]; /* -1: closed */
    struct init_ring ring;
    uint8_t *in; /* NULL: no input waits */
    size_t in_len, in_at;
    bool in_ends;                /* close the input after what waits */
    uint32_t in_given;           /* unused part of the window that the agent has for input */
    uint64_t deadline_ms;        /* 0: none */
    uint64_t linger_ms;          /* until then its output is read, after it was reaped */
    size_t due[INIT_CHILD_OUTS]; /* bytes in the pipe when it was reaped, not read yet */
    bool is_over;        /* all of its output was read; later output of other processes is discarded */
    uint64_t over_order; /* order among all that are over, from 1 */
    struct init_tree_kill kill;
    bool dirty;         /* its state is to be sent */
    uint64_t report_ms; /* not before, how much it has printed is sent again */
    /* As of the last pass over the attachments: how many, and the position of the fastest; without any, of
     * the last one that there was. */
    unsigned attached;
    uint64_t pace;
    bool awaits_reader; /* a helper or a command that nobody has attached to yet: its output is kept, and it
                           waits */
    bool holds;         /* waits also without attachments (INIT_PROCESS_HOLD) */
};

/* Makes one without a process or descriptors; NULL with errno: no memory. */
struct init_child *init_child_new(uint32_t number, const struct init_spawn *spawn, uint64_t now_ms);

/*
 * Starts it as a child of this process; NULL with errno if the kernel gives no pipe, terminal, memory or
 * process. If its program cannot be executed, that is reported later, as its end.
 */
struct init_child *init_child_start(uint32_t number, const struct init_spawn *spawn, uint64_t now_ms);

/* Closes everything, even if other processes still print to it. */
void init_child_free(struct init_child *child);

/* After poll announced error_fd. */
void init_child_read_error(struct init_child *child);

/* After the child was reaped with this wait status. */
void init_child_reaped(struct init_child *child, int status, uint64_t now_ms);

/* All of its output was read, and it has no more input: its end may be reported. */
void init_child_over(struct init_child *child);

/* Queues input, which must fit into the window. It is discarded if the process has no open input. */
void init_child_put_in(struct init_child *child, const uint8_t *bytes, size_t len);
void init_child_end_in(struct init_child *child);

/* Call after poll announced in_fd: writes what fits. */
void init_child_move_in(struct init_child *child);

/* How many bytes of input may be on their way to it, or wait for it. */
uint32_t init_child_window(const struct init_child *child);

/* How many more bytes the agent may send; 0: too few to report. */
uint32_t init_child_credit(struct init_child *child);

/* Reads from one of its outputs into the ring, at most cap bytes; discards them once it is over. */
void init_child_read_out(struct init_child *child, int out, size_t cap);

/* Bytes waiting in one of its outputs; 0 also if that is not known. */
size_t init_child_pending(const struct init_child *child, int out);

/* Signals its whole process group, while it runs. */
void init_child_signal(const struct init_child *child, int signo);

void init_child_resize(struct init_child *child, const struct init_size *size);

#endif
