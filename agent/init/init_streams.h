/*
 * The processes of a sandbox beside its command: the agent starts them, attaches to their output from a
 * position on, and sends input and signals (init_process.h). Fixed tables, bounded memory, never blocks: the
 * loop of init_main.c drives it.
 *
 * Flow control: a process without attachments never waits; its oldest output is dropped. With attachments,
 * the fastest one sets the pace: the init reads output only as far as the ring has room for what that
 * attachment has not had, and sends only as much as an attachment has credit for. So a reader that stops also
 * stops the writer. An attachment that falls behind by more than the ring is detached. Without a link there
 * are no attachments. A process that holds (INIT_PROCESS_HOLD) waits also without attachments: the last one
 * that it had, or position 0, sets the pace, and at most half of its ring is ahead of that.
 */
#ifndef CORRAL_AGENT_INIT_INIT_STREAMS_H
#define CORRAL_AGENT_INIT_INIT_STREAMS_H

#include "agent/init/init_link.h"
#include "agent/init/init_table.h"

#include <poll.h>

/*
 * Per running process: two outputs, input, and the pipe that reports its program; per ended one the outputs.
 */
#define INIT_STREAMS_FDS (INIT_RUNNING_MAX * 4 + (INIT_ENDED_MAX + INIT_HELPERS_MAX) * 2)

struct init_attachment {
    uint32_t number; /* 0: free */
    uint32_t process;
    uint64_t position, credit;
};

struct init_streams {
    struct init_link *link;
    struct init_table table;
    struct init_attachment attachment[INIT_ATTACHMENTS_MAX];
    size_t first_served; /* the attachment that is served first */
    uint32_t next_number;
    bool listing; /* LISTED is to be sent once all processes were */
    size_t polled;
    struct {
        uint32_t number;
        uint32_t what; /* 0, 1: an output; 2: input; 3: the pipe that reports its program */
    } polls[INIT_STREAMS_FDS];
};

void init_streams_init(struct init_streams *streams, struct init_link *link);
void init_streams_fini(struct init_streams *streams);

/* Whether this module handles the frame. */
bool init_streams_serves(const struct init_frame *frame);

/* Handles a frame; false if it breaks a rule. refuse: errno with which a SPAWN is refused now; 0: it is
 * allowed. */
bool init_streams_frame(struct init_streams *streams, const struct init_frame *frame, int refuse,
                        uint64_t now_ms);

/* The link is connected, and HELLO was sent; the link is lost. */
void init_streams_linked(struct init_streams *streams);
void init_streams_unlinked(struct init_streams *streams);

/* Fills fds for poll. Returns how many; wait_ms: the longest wait, -1: without end. */
size_t init_streams_poll(struct init_streams *streams, struct pollfd *fds, uint64_t now_ms, int *wait_ms);

/* Transfers data after poll, in the same order. */
void init_streams_move(struct init_streams *streams, const struct pollfd *fds);

/* A child of the init was reaped, maybe one of these processes. */
void init_streams_reaped(struct init_streams *streams, pid_t pid, int status, uint64_t now_ms);

/* Work that time brings: timeouts, passes of kills, ends of output. */
void init_streams_tick(struct init_streams *streams, uint64_t now_ms);

/* Queues frames as far as the link has room. True: something was queued, and more may wait. */
bool init_streams_send(struct init_streams *streams);

#endif
