/* Input of a process: kept, up to the window of its stream, until the init takes it. Private to
 * agent/streams/. */
#ifndef CORRAL_AGENT_STREAMS_PROCESS_INPUT_H
#define CORRAL_AGENT_STREAMS_PROCESS_INPUT_H

#include "agent/streams/process_core.h"

/* Keeps what came, which it copies. */
void process_input_keep(struct process_stream *stream, const uint8_t *bytes, size_t len);

/* Sends what the init takes now. May end the stream: an act of input is over when the init has all of it. */
void process_input_go_on(struct process_stream *stream);

/* No more comes. Sends likewise, and may end the stream. */
void process_input_end(struct process_stream *stream);

#endif
