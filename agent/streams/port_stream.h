/* The streams of connections to ports (agent/init/init_port.h): their helpers' arguments, and what these
 * print. */
#ifndef CORRAL_AGENT_STREAMS_PORT_STREAM_H
#define CORRAL_AGENT_STREAMS_PORT_STREAM_H

#include "agent/streams/process_core.h"

/* Starts the helper of a connection; may end the stream. */
void port_stream_begin(struct process_stream *stream, const struct stream_port *port);

/* Takes output of the helper: whether the port is connected, then its bytes. May end the stream. */
void port_stream_output(struct process_stream *stream, const struct initlink_update *update);

/* The helper has ended, and all of its output was taken: ends the stream. */
void port_stream_end(struct process_stream *stream);

#endif
