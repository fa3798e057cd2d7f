/*
 * The processes of a sandbox beside its command, as the agent works with them: it starts them, attaches to
 * their output from a position on, sends input and signals (init_process.h). Fixed tables, bounded memory,
 * never waits: the loop of init_main.c drives it.
 *
 * Who waits for whom: a process whose output nobody is attached to never waits; the oldest of it goes. Where
 * somebody is, the one who is furthest sets the pace: the init reads on only as its ring has room for what
 * that one has not had, and it sends only what an attachment has credit for. So a reader that stops stops the
 * writer. One that another has left behind by more than the ring is detached. Without a link there is no
 * attachment.
 */
#ifndef CORRAL_AGENT_INIT_STREAMS_H
#define CORRAL_AGENT_INIT_STREAMS_H

#include "agent/init/init_link.h"
#include "agent/init/init_table.h"

#include <poll.h>

/* Two outs, input, and what tells of the program; of those that are over the outs. */
#define INIT_STREAMS_FDS (INIT_RUNNING_MAX * 4 + INIT_ENDED_MAX * 2)

struct init_attachment {
    uint32_t number; /* 0: free */
    uint32_t process;
    uint64_t position, credit;
};

struct init_streams {
    struct init_link *link;
    struct init_table table;
    struct init_attachment attachment[INIT_ATTACHMENTS_MAX];
    size_t first_served; /* the attachment whose turn comes first */
    uint32_t next_number;
    bool listing; /* LISTED is due once all were told */
    size_t polled;
    struct {
        uint32_t number;
        uint32_t what; /* 0, 1: an out; 2: input; 3: of the program */
    } polls[INIT_STREAMS_FDS];
};

void init_streams_init(struct init_streams *streams, struct init_link *link);
void init_streams_fini(struct init_streams *streams);

/* Whether the frame is of a process, and served here. */
bool init_streams_serves(const struct init_frame *frame);

/* False when it breaks a rule. refuse: errno that a SPAWN is refused with, as nothing may begin now; 0: it
 * may. */
bool init_streams_frame(struct init_streams *streams, const struct init_frame *frame, int refuse,
                        uint64_t now_ms);

/* The link is there, and HELLO was said; it is lost. */
void init_streams_linked(struct init_streams *streams);
void init_streams_unlinked(struct init_streams *streams);

/* Fills in what to poll for. Returns how many; wait_ms: for how long at most, -1: for ever. */
size_t init_streams_poll(struct init_streams *streams, struct pollfd *fds, uint64_t now_ms, int *wait_ms);

/* Moves what poll announced, in the same order. */
void init_streams_move(struct init_streams *streams, const struct pollfd *fds);

/* A child of the init was reaped, maybe one of these. */
void init_streams_reaped(struct init_streams *streams, pid_t pid, int status, uint64_t now_ms);

/* What time brings: timeouts, passes of kills, ends of output. */
void init_streams_tick(struct init_streams *streams, uint64_t now_ms);

/* Queues what there is to say, as far as the link has room. True: something was queued, and more may wait. */
bool init_streams_send(struct init_streams *streams);

#endif
