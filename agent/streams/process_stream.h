/*
 * Connects the streams that the controller opens with the processes of one sandbox, through its init. Each
 * stream carries one operation: a start, an attachment, a list, a signal. On the loop.
 *
 * Output: the init gets credit for as many bytes as the stream's window has room for. So a client that does
 * not read stops the process, and the agent stores no output. Input waits here, up to the window, until the
 * init takes it. After the link to the init was lost, attachments continue at their last position.
 */
#ifndef CORRAL_AGENT_STREAMS_PROCESS_STREAM_H
#define CORRAL_AGENT_STREAMS_PROCESS_STREAM_H

#include "agent/sandbox/runtime.h"
#include "common/io/mux.h"
#include "common/model/stream_wire.h"

extern const struct init_follower process_stream_follower;

/* Serves the stream, or closes it with an error. Borrows open. runtime->init must not be NULL. */
void process_stream_begin(struct runtime *runtime, struct mux_stream *mux, const struct stream_open *open);

/* Continues streams that waited: the connection was full, or they yielded to a removal. */
void process_streams_go_on(struct runtime *runtime);

/* The connection is gone with all its streams: forgets them, and kills the commands that belonged to them. */
void process_streams_cut(struct runtime *runtime);

#endif
