/* A stream of one operation on a file (file_told.h): a helper in the sandbox does it. Private to
 * agent/streams/. */
#ifndef CORRAL_AGENT_STREAMS_FILE_STREAM_H
#define CORRAL_AGENT_STREAMS_FILE_STREAM_H

#include "agent/streams/process_core.h"

/* Starts the helper. May end the stream. */
void file_stream_begin(struct process_stream *stream, const struct stream_file *file);

/* Takes what the helper printed. May end the stream. */
void file_stream_output(struct process_stream *stream, const struct initlink_update *update);

/* The helper has ended, and all its output was taken: ends the stream. */
void file_stream_end(struct process_stream *stream);

#endif
