/*
 * Streams about an image of the node (agent/node/image_analysis.h): the report is sent as output, as the
 * stream's window allows, then the stream is closed. Where the stream is closed before, the work goes on. On
 * the loop.
 */
#ifndef CORRAL_AGENT_STREAMS_IMAGE_STREAM_H
#define CORRAL_AGENT_STREAMS_IMAGE_STREAM_H

#include "common/io/mux.h"
#include "common/model/stream_wire.h"

struct agent;
struct image_streams;

struct image_streams *image_streams_new(struct agent *agent);

/* After image_streams_cut. NULL is allowed. */
void image_streams_free(struct image_streams *streams);

/* Serves the stream, STREAM_IMAGE, or closes it with an error. Borrows open. */
void image_stream_begin(struct image_streams *streams, struct mux_stream *mux,
                        const struct stream_open *open);

/* Continues streams that waited because the connection was full. */
void image_streams_go_on(struct image_streams *streams);

/* The connection is gone with all its streams: forgets them. */
void image_streams_cut(struct image_streams *streams);

#endif
