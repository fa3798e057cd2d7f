/*
 * What controller and agent say to each other on streams (common/io/mux.h): what opens one, and the messages
 * beside its bytes. proto/stream_codec.h packs them. Pure.
 */
#ifndef CORRAL_COMMON_MODEL_STREAM_WIRE_H
#define CORRAL_COMMON_MODEL_STREAM_WIRE_H

#include "common/base/id.h"
#include "common/base/trace.h"
#include "common/model/file_list.h"
#include "common/model/image_ref.h"
#include "common/model/sandbox_spec.h"

#define STREAM_TOKEN_LEN 16
#define STREAM_TAG_MAX   63
#define STREAM_GRACE_MAX 86400000 /* ms */
#define STREAM_PATH_MAX  4095
#define STREAM_DEPTH_MAX 16

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
    STREAM_FILE,      /* one operation on a file: its result, its bytes, then closes */
    STREAM_LOGS,      /* carries the output of the sandbox's command as records on the channel of stdout
                         (common/model/log_record.h), after a message STREAM_LOG */
    STREAM_LOGS_DROP, /* removes what is kept of it, or will be */
    STREAM_PORT,      /* a connection to a port inside: STREAM_PORT_STANDS, then its bytes on the channels of
                         stdin and stdout; closed with 0 where the port has sent all */
    STREAM_IMAGE,     /* of an image of the node, not of a sandbox: what makes it large, or its variant of one
                         layer, as bytes of proto/image_codec.h on the channel of stdout, then closes */
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
    bool attach;       /* its output comes on the stream */
    uint64_t grace_ms; /* once nobody is attached for so long, it is killed; 0: it lives on */
    bool hold;         /* it waits where its output would be lost, also while nobody is attached */
};

enum stream_file_verb {
    STREAM_FILE_READ,  /* a file's bytes, or a folder's entries (common/model/file_list.h), as output */
    STREAM_FILE_STAT,  /* what READ would say, without bytes */
    STREAM_FILE_WRITE, /* a file of what comes on the channel of stdin; the result comes after its end */
    STREAM_FILE_MKDIR,
    STREAM_FILE_REMOVE,
    STREAM_FILE_MOVE,
    STREAM_FILE_PACK,   /* a tar archive of what is at the path, as output */
    STREAM_FILE_UNPACK, /* the archive that comes on the channel of stdin, into the folder at the path */
    STREAM_FILE_WATCH,  /* changes of a file, or in a folder (common/model/file_changes.h), as output */
    STREAM_FILE_VERBS
};

enum stream_file_range {
    STREAM_RANGE_ALL,
    STREAM_RANGE_FROM, /* length bytes from offset on, as far as there are some */
    STREAM_RANGE_LAST, /* the last length bytes */
    STREAM_RANGES
};

/* Paths are absolute, and may hold any bytes but NUL. */
struct stream_file {
    enum stream_file_verb verb;
    char path[STREAM_PATH_MAX + 1];
    char to[STREAM_PATH_MAX + 1]; /* MOVE */
    enum stream_file_range range; /* READ of a file */
    uint64_t offset, length;
    uint32_t depth, limit; /* READ of a folder */
    char cursor[FILE_LIST_CURSOR_MAX + 1];
    bool has_mode; /* WRITE, MKDIR: else that of what is replaced, or the usual one */
    uint32_t mode;
    bool recursive;      /* REMOVE, WATCH */
    uint64_t timeout_ms; /* of the whole operation */
};

/* STREAM_LOGS. */
struct stream_logs {
    bool has_tail;
    uint64_t tail;     /* only so many lines, the last ones */
    uint64_t since_ms; /* Unix time; 0: from the beginning */
    bool follow;       /* until the sandbox ends */
    bool no_stdout, no_stderr;
};

/* STREAM_PORT. */
struct stream_port {
    uint16_t port;
    uint32_t wait_ms; /* for something to listen there */
    bool probe;       /* whether something does is all that is asked: closed with 0, or ERR_PORT_REFUSED */
};

#define STREAM_PORT_WAIT_MAX 60000 /* ms */

/* STREAM_IMAGE. */
struct stream_image {
    char ref[IMAGE_REF_FULL_MAX]; /* its name, or its id */
    bool flattens;
};

struct stream_open {
    struct sandbox_id sandbox; /* STREAM_IMAGE: none */
    struct trace trace;        /* of the request that opens it */
    enum stream_op op;
    struct stream_start start; /* STREAM_START */
    int32_t pid;               /* the others but STREAM_FILE; 0 of a list: all processes */
    uint64_t from;             /* STREAM_ATTACH: a position; */
    bool from_oldest;          /* …or the oldest that is kept */
    int32_t signo;
    uint16_t rows, columns;
    bool eof;                /* STREAM_INPUT: after what comes on the channel of stdin */
    struct stream_file file; /* STREAM_FILE */
    struct stream_logs logs;
    struct stream_port port;
    struct stream_image image;
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
    bool has_input_from; /* of an attachment: no other one gives input, so that it is known where this begins
                          */
    uint64_t input_from; /* bytes of input that its init has had */
    uint64_t grace_ms;   /* as it was started with; known to the agent alone */
};

/* What came of an operation on a file, before its bytes. */
struct stream_file_result {
    enum file_type type; /* NONE: it has no more to say */
    uint32_t mode;       /* permission bits */
    bool has_size;       /* not of what the kernel makes as it is read */
    uint64_t size;
    int64_t modified_ms; /* Unix time, at most FILE_TIME_MAX_MS */
    uint64_t offset;     /* READ: of the first byte that follows */
    bool
        has_length; /* READ, not PACK or WATCH: so many bytes follow; else some, until the stream is closed */
    uint64_t length;
    bool created;      /* WRITE, MKDIR, UNPACK: it was not there before */
    bool out_of_range; /* the range begins behind the end: the stream is closed with ERR_RANGE */
};

enum stream_message_kind {
    STREAM_PROCESS,
    STREAM_INPUT_END,
    STREAM_TO_SIZE,
    STREAM_TO_SIGNAL,
    STREAM_FILE_TOLD,
    STREAM_LOG,
    STREAM_PORT_STANDS
};

struct stream_message {
    enum stream_message_kind kind;
    struct stream_process process;
    int32_t signo;
    uint16_t rows, columns;
    struct stream_file_result file;
    bool truncated; /* STREAM_LOG: the oldest output is not kept any more */
};

void stream_start_fini(struct stream_start *start);
void stream_process_fini(struct stream_process *process);

#endif
