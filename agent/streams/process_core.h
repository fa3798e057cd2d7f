/*
 * What each stream of a process has, and what all that serve one do with it: its end, what is said on it, its
 * attachment in the init. Private to agent/streams/; process_stream.h is what others use.
 *
 * A function that may end the stream says so: the stream is freed then.
 */
#ifndef CORRAL_AGENT_STREAMS_PROCESS_CORE_H
#define CORRAL_AGENT_STREAMS_PROCESS_CORE_H

#include "agent/initlink/initlink_process.h"
#include "agent/sandbox/runtime.h"
#include "agent/init/init_port.h"
#include "agent/streams/file_told.h"
#include "common/io/mux.h"
#include "common/model/stream_wire.h"

struct process_stream {
    struct process_stream *next;
    struct runtime *runtime;
    struct mux_stream *mux;
    enum stream_op op;
    uint32_t number;     /* of its process in the init; 0: a list of all */
    uint32_t attachment; /* 0: there is none now */
    bool attaches, exec;
    bool returns;        /* it said from where on it reads: a client that comes back does */
    bool displaced;      /* another one was told where input begins, which this one gave none of until then */
    bool begun;          /* the controller knows how it stands */
    bool closes;         /* of an act of input: it closes the process's */
    bool ended, drained; /* the process has; all its output was sent */
    struct stream_process end;
    uint64_t position; /* after the last byte of output that came */
    size_t credit;     /* bytes that the init may send */
    uint8_t *input;    /* that the init has not taken */
    size_t input_at, input_len, input_room;
    struct deferred send; /* of a helper's input, at the end of a turn: in as few frames as possible */
    uint64_t input_from;  /* bytes that the init had before this stream's */
    uint64_t input_sent;  /* bytes that went to the init */
    bool input_ends, input_ended;
    uint32_t listed;                                    /* the highest number of a list that was told */
    struct file_told file;                              /* STREAM_FILE */
    uint8_t port_head[sizeof(struct init_port_result)]; /* STREAM_PORT: what its helper says first */
    size_t port_head_len;
    bool probes; /* of a port: whether something listens is all that is asked */
};

/* Whether its process is a helper of the init, which belongs to it alone. */
bool process_core_has_helper(const struct process_stream *stream);

/* Whether a stream is attached to this process. */
bool process_core_is_attended(const struct runtime *runtime, uint32_t number);

/* Begins or ends the grace of a process (process_grace.h), if that is known. */
void process_core_check_grace(struct runtime *runtime, uint32_t number);

/* Frees the stream, whose end in the mux is gone. */
void process_core_forget(struct process_stream *stream);

/* Detaches it, and kills a command that belongs to it. */
void process_core_leave_init(struct process_stream *stream);

/* Closes the stream towards the controller; ends it. fail: leaves the init first. */
void process_core_finish(struct process_stream *stream, int code, const char *text);
void process_core_fail(struct process_stream *stream, const struct err *e);

/* Says this if there is room in the window, which the caller sees to. */
void process_core_say(struct process_stream *stream, const struct stream_message *message);
void process_core_say_process(struct process_stream *stream, const struct stream_process *process);

/* Says that it runs, or how it ended, before anything else of it. A file's helper tells its result instead.
 * process NULL: not known, and nothing is said. */
void process_core_say_begun(struct process_stream *stream, const struct initlink_process *process);

/* Allows the init as much output as the window has room for. */
void process_core_give_credit(struct process_stream *stream);

/* Attaches to the output from a position on. May end the stream. */
void process_core_attach(struct process_stream *stream, uint64_t from);

/* Starts a process, and attaches to it if stream->attaches. May end the stream. */
void process_core_spawn(struct process_stream *stream, const struct init_spawn *spawn);

#endif
