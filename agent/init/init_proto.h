/*
 * What the agent and corral-init, PID 1 of each sandbox, say to each other over a unix stream socket.
 *
 * Who listens: the agent does, in a folder of the sandbox's own that is mounted read-only into the container.
 * The init connects out, first before any tenant code runs, and again whenever the link is lost. Why so:
 *   - The agent takes exactly one connection, and only from the process id of the container's init
 *     (SO_PEERCRED, filled in by the kernel): a tenant has the same user id, but never that process id.
 *     Under gVisor the kernel sees the gofer connect, for any process: there a tenant could connect in the
 *     init's place once the link was lost, and send false reports about its own sandbox.
 *   - The agent removes the socket as soon as it is linked, so a tenant finds nothing to connect to, and the
 *     read-only mount lets it neither remove nor replace one. A listening init would need a folder that its
 * user may write, who is the tenant's user too.
 *   - Ownership does not matter: the socket is open to all (0666) and its folder enterable (0755), so it
 *     works the same with and without a remap of user ids.
 *   - The init is not dumpable, so a tenant can neither trace it nor take its descriptors; PID 1 cannot be
 *     killed or stopped from inside. Even so, the agent trusts none of its bytes.
 *
 * A frame is a head and at most INIT_PAYLOAD_MAX bytes, a START at most INIT_START_MAX. Numbers are in host
 * byte order: both ends run on one kernel. A frame that breaks a rule ends the link, nothing else. Delivery
 * is at least once: the init says how the command stands in each HELLO, repeats EXITED on a new link until it
 * is acknowledged, and answers a repeated COPY, ENVIRON or START without doing it again.
 *
 * What an init can do beyond the sandbox's command is in its HELLO's features: the agent sends no frame that
 * an init lacks, so an agent that was upgraded serves older inits. Version 1 had no features.
 *
 * This header and init_process.h are all that the two sides share; they include nothing else of ours.
 */
#ifndef CORRAL_AGENT_INIT_INIT_PROTO_H
#define CORRAL_AGENT_INIT_INIT_PROTO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define INIT_VERSION     2
#define INIT_VERSION_1   1 /* a HELLO of its first two words */
#define INIT_PAYLOAD_MAX 65536
#define INIT_START_MAX   131072 /* fits the image's words and the user's, of 65,000 bytes each */
#define INIT_STRINGS_MAX 2048   /* of arguments, and of environment entries */
#define INIT_MAIN        1      /* the stream of the sandbox's command, whose stdio is the container's log */

/* Where the two mounts are in a container. */
#define INIT_BINARY_PATH "/.corral/init"
#define INIT_LINK_FOLDER "/.corral/link"
#define INIT_SOCKET_NAME "agent"

/*
 * A runtime with a kernel of its own may keep the init from connecting to a socket of the node. There
 * Docker's own exec starts the init's program a second time, with INIT_ARG_RELAY: it connects to process 1
 * inside the sandbox, and copies between that connection and its own stdin and stdout, which are Docker's.
 * Process 1 then listens on an abstract socket, because it has INIT_ARG_LISTEN. A tenant may connect there
 * too, in the agent's place: that gives it only what it has already, and takes only from its own sandbox.
 */
#define INIT_ARG_LISTEN "--listen"
#define INIT_ARG_RELAY  "--relay"
#define INIT_RELAY_NAME "corral-init" /* behind a NUL: in the sandbox's network namespace, no file */

/* INIT_FRAME(NAME, number, least payload, most payload): never change a number. */
#define INIT_FRAMES(INIT_FRAME)                                                                              \
    INIT_FRAME(HELLO, 1, 8, 64)                 /* init: struct init_hello; version 1 its first 8 bytes */   \
    INIT_FRAME(PING, 2, 8, 8)                   /* agent: any 8 bytes */                                     \
    INIT_FRAME(PONG, 3, 8, 8)                   /* init: the same bytes */                                   \
    INIT_FRAME(START, 4, 16, INIT_START_MAX)    /* agent: init_start_pack */                                 \
    INIT_FRAME(STARTED, 5, 0, 0)                /* init: the program was invoked */                          \
    INIT_FRAME(EXITED, 6, 8, 8)                 /* init: struct init_exit */                                 \
    INIT_FRAME(EXITED_ACK, 7, 0, 0)             /* agent: the end is known; the init exits after MAIN's */   \
    INIT_FRAME(SIGNAL, 8, 8, 8)                 /* agent: struct init_signal */                              \
    INIT_FRAME(STDIN, 9, 0, INIT_PAYLOAD_MAX)   /* agent: bytes; none is the end */                          \
    INIT_FRAME(STDOUT, 10, 0, INIT_PAYLOAD_MAX) /* init: likewise */                                         \
    INIT_FRAME(STDERR, 11, 0, INIT_PAYLOAD_MAX) /* init: likewise */                                         \
    INIT_FRAME(CREDIT, 12, 4, 4)                /* both: uint32, bytes that may be sent further */           \
    INIT_FRAME(COPY, 32, 0,                                                                                  \
               20000) /* agent: paths, each with its NUL; with the image's root as a descriptor */           \
    INIT_FRAME(COPIED, 33, 8, 8)               /* init: struct init_copied */                                \
    INIT_FRAME(RESIZE, 13, 4, 4)               /* agent: struct init_size */                                 \
    INIT_FRAME(SPAWN, 34, 50, INIT_START_MAX)  /* agent: init_spawn_pack; the stream is the new number */    \
    INIT_FRAME(PROCESS, 35, 88, 1112)          /* init: init_process_pack; how one stands */                 \
    INIT_FRAME(LISTED, 36, 0, 0)               /* init: after a HELLO, all were told */                      \
    INIT_FRAME(KILL, 37, 0, 0)                 /* agent: the process and all that descends from it */        \
    INIT_FRAME(ATTACH, 38, 16, 16)             /* agent: struct init_attach; the stream is the attachment */ \
    INIT_FRAME(ATTACHED, 39, 24, 24)           /* init: struct init_attached */                              \
    INIT_FRAME(DETACH, 40, 0, 0)               /* agent: DETACHED follows, then the number is free */        \
    INIT_FRAME(DETACHED, 41, 16, 16)           /* init: struct init_detached; nothing follows it */          \
    INIT_FRAME(BOUNDS, 42, 8, 8)               /* agent: uint64, bytes that all rings may have */            \
    INIT_FRAME(ENVIRON, 48, 9, INIT_START_MAX) /* agent: init_environ_pack; for all that it starts after */  \
    INIT_FRAME(ENVIRON_SET, 49, 4, 4)          /* init: uint32, errno of the failure; 0: done */

/* Features of an init, bits in its HELLO. */
#define INIT_FEATURE_PROCESSES 1u  /* frames 9 to 13 on streams of their own, and 34 to 42 */
#define INIT_FEATURE_FILES     2u  /* helpers for files (init_file.h) */
#define INIT_FEATURE_HOLD      4u  /* processes that wait for a client (INIT_PROCESS_HOLD) */
#define INIT_FEATURE_ARCHIVES  8u  /* …with the verbs pack and unpack */
#define INIT_FEATURE_PORTS     16u /* helpers for ports (init_port.h) */
#define INIT_FEATURE_WATCH     32u /* helpers for files, with the verb watch */
#define INIT_FEATURE_ENVIRON   64u /* frames 48 and 49 */

enum init_type {
#define INIT_FRAME(name, number, least, most) INIT_##name = number,
    INIT_FRAMES(INIT_FRAME)
#undef INIT_FRAME
};

struct init_head {
    uint32_t len; /* of the payload */
    uint32_t stream;
    uint16_t type;
    uint16_t zero;
};

/* One frame inside a buffer; payload is borrowed from it. */
struct init_frame {
    enum init_type type;
    uint32_t stream;
    const uint8_t *payload;
    size_t len;
};

/* FRESH: the image's files were not copied yet, and nothing is started. */
enum init_main_state { INIT_MAIN_IDLE, INIT_MAIN_RUNNING, INIT_MAIN_ENDED, INIT_MAIN_FRESH };

struct init_hello {
    uint32_t version;
    uint32_t main_state;   /* enum init_main_state */
    uint32_t features;     /* from here on: version 2 */
    uint32_t next_process; /* the lowest number that no process has had */
};

enum init_exit_kind {
    INIT_EXIT_CODE,       /* value: the exit code */
    INIT_EXIT_SIGNAL,     /* value: the signal that ended it */
    INIT_EXIT_NOT_STARTED /* value: errno of what failed */
};

struct init_exit {
    uint32_t kind; /* enum init_exit_kind */
    int32_t value;
};

struct init_copied {
    uint32_t error;  /* errno of the failure; 0: everything is copied */
    uint32_t folder; /* how many folders were finished */
};

struct init_signal {
    int32_t signo;
    uint32_t everything; /* 0: the process group of the stream; 1: every process except the init */
};

/* What to run. Strings are borrowed. */
struct init_start {
    const char *cwd; /* "": the container's own */
    uint32_t argc, envc;
    uint32_t nofile;                        /* in an ENVIRON only: the limit of open files; 0: as it is */
    const char *argv[INIT_STRINGS_MAX + 1]; /* looked up in PATH; NULL after the last */
    const char *env[INIT_STRINGS_MAX + 1]; /* NAME=value, added to the container's own; NULL after the last */
};

/* Reads the first frame. Returns its size with head, 0 if more bytes are needed, -1 if it breaks a rule. */
long init_frame_get(const uint8_t *bytes, size_t len, struct init_frame *out);

/* The head of a frame whose payload is sent from elsewhere. Returns false if it breaks a rule. */
bool init_frame_head(struct init_head *out, enum init_type type, uint32_t stream, size_t len);

/* Writes a frame. Returns its size with head, 0 if it does not fit into cap or breaks a rule. */
size_t init_frame_put(uint8_t *out, size_t cap, enum init_type type, uint32_t stream, const void *payload,
                      size_t len);

/* Reads a HELLO of either version; one of version 1 has no features. False if it breaks a rule. */
bool init_hello_get(const uint8_t *payload, size_t len, struct init_hello *out);

/* Reads a START's payload, into which the strings point. False if it breaks a rule. */
bool init_start_get(const uint8_t *payload, size_t len, struct init_start *out);

/* Writes a START's payload. Returns its size, 0 if it does not fit or breaks a rule. */
size_t init_start_pack(uint8_t *out, size_t cap, const struct init_start *start);

/* The same for an ENVIRON: folder and environment only, without arguments. */
bool init_environ_get(const uint8_t *payload, size_t len, struct init_start *out);
size_t init_environ_pack(uint8_t *out, size_t cap, const struct init_start *start);

/* Reads the strings of a START or a SPAWN, with argc and envc set: cwd, arguments, environment, each with its
 * NUL. */
bool init_strings_get(const uint8_t *bytes, size_t len, struct init_start *start);

/* Writes them. Returns their size, 0 if they do not fit or break a rule. */
size_t init_strings_pack(uint8_t *out, size_t cap, const struct init_start *start);

/* Whether the kind is known, and the value is possible for it. */
bool init_exit_valid(const struct init_exit *end);

/* The exit code that a shell, and Docker, would give: the code, 128 + signal, 127 not found, 126 not
 * invokable. */
int init_exit_status(const struct init_exit *end);

#endif
