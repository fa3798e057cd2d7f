/*
 * Serves the output of sandboxes' commands on streams: of a sandbox that lives from Docker, of one that has
 * ended from node/logs.h. On the loop.
 *
 * A stream reads in passes. A pass reads what there is into a tape (core/log_tape.h), which is then sent as
 * the stream's window allows. One that follows then gets records from Docker as they come, and is paused
 * where its reader does not take them: Docker waits, its tenant does not. When that ends, for whatever
 * reason, another pass reads what it missed; a pass that began when the sandbox had ended is the last one.
 * Where a stream stands is told by the times of its records (struct log_place), so nothing comes twice.
 *
 * Bounds: READS_AT_ONCE passes read, from Docker or the disk, in turn by user (core/turns.h); tapes of a user
 * take TAPES_OF_USER bytes, all of them TAPES_MOST: past these, ERR_TOO_MANY_STREAMS.
 */
#ifndef CORRAL_AGENT_STREAMS_LOG_STREAM_H
#define CORRAL_AGENT_STREAMS_LOG_STREAM_H

#include "common/io/mux.h"
#include "common/model/stream_wire.h"

#define READS_AT_ONCE 2
#define READ_MS       10000
#define TAPES_OF_USER (16u << 20)
#define TAPES_MOST    (96u << 20)

struct agent;
struct log_streams;

struct log_streams *log_streams_new(struct agent *agent);

/* After stream_link_free, which cut them, and after the disk's threads, which may still be asked. NULL is
 * allowed. */
void log_streams_free(struct log_streams *streams);

/* Serves the stream, STREAM_LOGS or STREAM_LOGS_DROP, or closes it with an error. Borrows open. */
void log_stream_begin(struct log_streams *streams, struct mux_stream *mux, const struct stream_open *open);

/* Continues streams that waited because the connection was full. */
void log_streams_go_on(struct log_streams *streams);

/* The connection is gone with all its streams: forgets them. */
void log_streams_cut(struct log_streams *streams);

#endif
