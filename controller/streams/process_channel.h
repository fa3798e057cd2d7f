/*
 * Carries a process's output, input and end between its node's stream and a WebSocket, as messages of
 * controller/streams/channel_frames.h. On the loop.
 *
 * Back-pressure goes both ways: a client that takes nothing stops the node's stream, and with it the process;
 * a process that reads nothing stops the client. Input that waits is at most one message (the WebSockets'
 * message_bytes), charged to the client's connection.
 *
 * How it closes a WebSocket: 1000 after the message of channel 3; 1008 where the API key has ended or lost
 * its scope; 1012 where the node or its connection is lost (the process may live: attach again); 1013 for a
 * client that fell behind the output that is kept; 1002 for what a client may not say; 1011 for the rest.
 */
#ifndef CORRAL_CONTROLLER_STREAMS_PROCESS_CHANNEL_H
#define CORRAL_CONTROLLER_STREAMS_PROCESS_CHANNEL_H

#include "common/http/websocket.h"
#include "controller/streams/stream_hub.h"

#define PROCESS_CHANNEL_MS 30000 /* without a word of the process: ERR_NODE_TIMEOUT */

struct process_channel;

/* Never called inside process_channel_open. */
struct process_channel_ops {
    /* The process is there, and its output is about to come; borrowed. The owner calls process_channel_carry
     * or process_channel_cancel at once. */
    void (*on_begun)(void *arg, const struct stream_process *process);
    /* It cannot be begun; the channel is freed afterwards. */
    void (*on_failed)(void *arg, int code, const char *text);
    /* The sandbox has ended: the owner finds out why, and calls process_channel_end. */
    void (*on_sandbox_end)(void *arg);
    /* The last callback after process_channel_carry; the channel is freed afterwards. */
    void (*on_over)(void *arg);
};

/* open->op: STREAM_ATTACH, or STREAM_START of what is attached. Errors as of hub_stream_open. */
int process_channel_open(struct process_channel **out, struct loop *loop, struct stream_hub *hub,
                         const char *node, const struct caller *caller, const struct stream_open *open,
                         const struct process_channel_ops *ops, void *arg, struct err *e) MUST_CHECK;

/* Before it is carried: nobody waits for it any more. No callback. */
void process_channel_cancel(struct process_channel *channel);

/* ws was made with process_channel_websocket_ops and this channel, and its exchange was handed over.
 * protocol: one of channel_protocols. */
void process_channel_carry(struct process_channel *channel, struct websocket *ws, const char *protocol);
extern const struct websocket_ops process_channel_websocket_ops;

/* Tells the client that the sandbox ended, for this reason (NULL: not known), and frees the channel after
 * on_over. */
void process_channel_end(struct process_channel *channel, const char *reason);

#endif
