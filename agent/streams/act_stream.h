/* A stream of one act on a process: a signal, a size, input, a kill. Private to agent/streams/. */
#ifndef CORRAL_AGENT_STREAMS_ACT_STREAM_H
#define CORRAL_AGENT_STREAMS_ACT_STREAM_H

#include "agent/streams/process_core.h"

bool act_stream_is(const struct process_stream *stream);

/* Whether a process can be asked for this; ERR_WRONG_STATE. */
int act_stream_check(const struct init_process *told, enum stream_op op, struct err *e) MUST_CHECK;

/* Does it. Ends the stream, but for input that the init has not taken yet, and a kill until the process has
 * ended. */
void act_stream_begin(struct process_stream *stream, const struct stream_open *open, bool has_ended);

/* The process of an act that waits has ended: a kill is done, and input goes nowhere. Ends the stream. */
void act_stream_ended(struct process_stream *stream);

/* The link to the init is there again: it may not have heard what was asked of it before. process NULL: it is
 * gone. May end the stream. */
void act_stream_relinked(struct process_stream *stream, const struct initlink_process *process);

#endif
