/*
 * What controller and agent say to each other on streams (common/io/mux.h): what opens one, and the messages
 * beside its bytes. proto/stream_codec.h packs them. Pure.
 */
#ifndef CORRAL_COMMON_MODEL_STREAM_WIRE_H
#define CORRAL_COMMON_MODEL_STREAM_WIRE_H

#include "common/base/id.h"
#include "common/model/sandbox_spec.h"

#define STREAM_TOKEN_LEN 16
#define STREAM_TAG_MAX   63

/* The channels of a stream: bytes of a process, or messages. */
enum stream_channel { STREAM_STDIN, STREAM_STDOUT, STREAM_STDERR, STREAM_MESSAGE };

enum stream_op {
    STREAM_START,  /* starts a process, and carries its output where attach says so */
    STREAM_ATTACH, /* carries the output of a process from a position on, and its input */
    STREAM_LIST,   /* tells of processes, one message each, then closes */
    STREAM_SIGNAL, /* these four act on a process, then close */
    STREAM_RESIZE,
    STREAM_INPUT,
    STREAM_KILL,
    STREAM_LOGS,      /* carries the output of the sandbox's command as records on the channel of stdout
                         (common/model/log_record.h), after a message STREAM_LOG */
    STREAM_LOGS_DROP, /* removes what is kept of it, or will be */
    STREAM_OPS
};

/* Words may hold any bytes but NUL. */
struct stream_start {
    uint8_t token[STREAM_TOKEN_LEN]; /* of this start alone, random */
    struct string_list command, env; /* env: "NAME=value" */
    char *cwd;                       /* NULL: /workspace, or what the image says */
    uint64_t timeout_ms;             /* 0: none */
    bool has_stdin;                  /* kept open; else it has no input */
    bool tty;
    uint16_t rows, columns; /* of a terminal */
    char tag[STREAM_TAG_MAX + 1];
    bool exec; /* it belongs to the stream: where that is lost, it is killed with all that descends from it */
    bool attach; /* its output comes on the stream */
};

/* STREAM_LOGS. */
struct stream_logs {
    bool has_tail;
    uint64_t tail;     /* only so many lines, the last ones */
    uint64_t since_ms; /* Unix time; 0: from the beginning */
    bool follow;       /* until the sandbox ends */
    bool no_stdout, no_stderr;
};

struct stream_open {
    struct sandbox_id sandbox;
    enum stream_op op;
    struct stream_start start; /* STREAM_START */
    int32_t pid;               /* all others; 0 of a list: all processes */
    uint64_t from;             /* STREAM_ATTACH: a position; */
    bool from_oldest;          /* …or the oldest that is kept */
    int32_t signo;
    uint16_t rows, columns;
    bool eof; /* STREAM_INPUT: after what comes on the channel of stdin */
    struct stream_logs logs;
};

/* How a process stands. */
struct stream_process {
    int32_t pid;
    char tag[STREAM_TAG_MAX + 1];
    struct string_list command; /* as much as is kept of it */
    bool tty;
    uint16_t rows, columns;
    bool running;
    bool has_exit_code;
    int32_t exit_code;
    int32_t signo; /* that ended it; 0: none */
    bool timed_out, exec;
    uint64_t started_at_ms, ended_at_ms; /* Unix time of the sandbox's clock */
    uint64_t output_oldest, output_bytes;
};

enum stream_message_kind { STREAM_PROCESS, STREAM_INPUT_END, STREAM_TO_SIZE, STREAM_TO_SIGNAL, STREAM_LOG };

struct stream_message {
    enum stream_message_kind kind;
    struct stream_process process;
    int32_t signo;
    uint16_t rows, columns;
    bool truncated; /* STREAM_LOG: the oldest output is not kept any more */
};

void stream_start_fini(struct stream_start *start);
void stream_process_fini(struct stream_process *process);

#endif
