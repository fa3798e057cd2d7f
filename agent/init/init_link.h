/*
 * The init's end of the link to the agent: reconnects without end, has one buffer per direction. Fixed
 * memory, no callbacks: the poll loop of init_main.c drives it. With init_link_listen it also accepts the
 * agent's relay (init_relay.h): the link is the connection that comes first.
 *
 * Room: before a frame is read, INIT_LINK_REPLY_ROOM bytes of the out buffer are free, so that an answer
 * always fits. An agent that does not read is not served until it does.
 */
#ifndef CORRAL_AGENT_INIT_INIT_LINK_H
#define CORRAL_AGENT_INIT_INIT_LINK_H

#include "agent/init/init_proto.h"

#include <sys/un.h>

#define INIT_LINK_IN_BYTES   (INIT_START_MAX + sizeof(struct init_head))
#define INIT_LINK_OUT_BYTES  (INIT_PAYLOAD_MAX + INIT_LINK_RESERVE)
#define INIT_LINK_RESERVE    8192 /* room that output leaves for other frames */
#define INIT_LINK_REPLY_ROOM 256

struct init_link {
    const char *path;
    int fd;              /* -1: not connected */
    int listen_fd;       /* -1: does not listen */
    int passed;          /* a descriptor that was received and not taken yet; -1: none */
    uint64_t lost_at_ms; /* since when it is not connected */
    size_t in_len, in_at, out_len;
    uint8_t in[INIT_LINK_IN_BYTES];
    uint8_t out[INIT_LINK_OUT_BYTES];
};

/* All zero before. Borrows path. */
void init_link_init(struct init_link *link, const char *path, uint64_t now_ms);

/* Listens for a relay, too. False with errno. */
bool init_link_listen(struct init_link *link);

/* Fills addr with the address of process 1's socket for relays; returns its length. */
unsigned init_link_relay_address(struct sockaddr_un *addr);

/* Tries once, without blocking. True if connected now. */
bool init_link_connect(struct init_link *link);

/* How long to wait before the next try: short at first, so that a start is fast. */
int init_link_retry_ms(const struct init_link *link, uint64_t now_ms);

void init_link_close(struct init_link *link, uint64_t now_ms);

/* What poll should watch, and for what. */
int init_link_polled(const struct init_link *link);
short init_link_events(const struct init_link *link);

/* The descriptor received last, now the caller's; -1: none. */
int init_link_take_passed(struct init_link *link);

/* Transfer bytes after poll announced them. False if the link is broken: close it. */
bool init_link_receive(struct init_link *link);
bool init_link_flush(struct init_link *link);

/* The next complete frame: 1; none yet: 0; bytes that break a rule: -1. Valid until the next call. */
int init_link_next(struct init_link *link, struct init_frame *out);

/* The largest payload that init_link_send accepts now, leaving `reserve` bytes free; 0: none. */
size_t init_link_room(const struct init_link *link, size_t reserve);

/* Queues a frame. False if there is no link or no room. */
bool init_link_send(struct init_link *link, enum init_type type, uint32_t stream, const void *payload,
                    size_t len);

#endif
