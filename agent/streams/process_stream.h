/*
 * The streams of one sandbox's processes: what the controller opened, joined to what its init says. Each
 * carries one act: a start, an attachment, a list, a signal. On the loop.
 *
 * Output: the init is given credit for as much as the stream's window has room, so a client that reads
 * nothing stops its process, and nothing is kept here. Input waits here within its window until the init
 * takes it. Where the link to the init is lost and comes back, attachments are taken up again where they
 * were.
 */
#ifndef CORRAL_AGENT_STREAMS_PROCESS_STREAM_H
#define CORRAL_AGENT_STREAMS_PROCESS_STREAM_H

#include "agent/sandbox/runtime.h"
#include "common/io/mux.h"
#include "common/model/stream_wire.h"

extern const struct init_follower process_stream_follower;

/* Serves the stream, or closes it with an error. Borrows open. runtime->init must not be NULL. */
void process_stream_begin(struct runtime *runtime, struct mux_stream *mux, const struct stream_open *open);

/* Continues streams that waited because the connection was full. */
void process_streams_go_on(struct runtime *runtime);

/* The connection is gone with all its streams: forgets them, and kills the commands that belonged to them. */
void process_streams_cut(struct runtime *runtime);

#endif
