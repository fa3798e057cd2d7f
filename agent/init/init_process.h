/*
 * The frames between agent and corral-init about processes beside the sandbox's command: execs, terminals,
 * and others that outlive requests. docs/streams.md describes them in full.
 *
 * The agent numbers processes, upwards from the HELLO's next_process, and attachments, freely; the two ranges
 * are separate. A process's frames (SPAWN, PROCESS, STDIN, the init's CREDIT, SIGNAL, RESIZE, KILL) carry its
 * number, an attachment's frames (ATTACH, ATTACHED, STDOUT, STDERR, the agent's CREDIT, DETACH, DETACHED) the
 * attachment's number. So a SPAWN and the frames after it can be sent without waiting for an answer.
 *
 * A position counts the bytes of stdout and stderr of one process in the order in which the init read them.
 */
#ifndef CORRAL_AGENT_INIT_INIT_PROCESS_H
#define CORRAL_AGENT_INIT_INIT_PROCESS_H

#include "agent/init/init_proto.h"

#define INIT_RUNNING_MAX      128        /* processes at once */
#define INIT_ENDED_MAX        100        /* ended ones that are remembered; the oldest is forgotten first */
#define INIT_HELPERS_MAX      16         /* of them ended helpers that nobody has attached to yet */
#define INIT_ATTACHMENTS_MAX  128        /* at once, for all processes */
#define INIT_NOTE_MAX         1024       /* bytes that the agent may store with a process, for itself */
#define INIT_TOKEN_BYTES      16         /* identifies a repeated SPAWN */
#define INIT_STDIN_WINDOW     16384      /* bytes that may be sent to a new process */
#define INIT_STDIN_WINDOW_MAX 65536      /* and later, with CREDIT: a helper for files gets so much */
#define INIT_CREDIT_MAX       (1u << 30) /* bytes of credit that an attachment may have */
#define INIT_DATA_MAX         16384      /* bytes of output in one frame */
#define INIT_DATA_SENT                                                                                       \
    16368 /* of them sent: with its heads it fits into a record of the agent's connection */
#define INIT_RING_MAX  (256u << 10) /* bytes of output kept of one process, at most */
#define INIT_RING_MIN  4096u        /* and at least, from its start on */
#define INIT_RING_HELD (128u << 10) /* to which at least the ring of one that is held is halved */
#define INIT_RINGS_MAX (2u << 20)   /* of all processes */
#define INIT_LINGER_MS 100          /* how long output is read after a process ended */

/* ATTACH's from: the oldest byte that is kept, or the next byte. */
#define INIT_FROM_OLDEST UINT64_MAX
#define INIT_FROM_END    (UINT64_MAX - 1)

/* Bits of a process's flags. The agent sends those of INIT_PROCESS_ASKED with SPAWN. */
enum init_process_flag {
    INIT_PROCESS_TTY = 1,   /* a terminal of rows and columns instead of pipes */
    INIT_PROCESS_STDIN = 2, /* input is kept open; else it is /dev/null */
    INIT_PROCESS_EXEC = 4,  /* it belongs to a request: stored for the agent, without effect in the init */
    INIT_PROCESS_TIMED_OUT = 8,
    INIT_PROCESS_KILLED = 16, /* by KILL or its timeout */
    INIT_PROCESS_FILE = 32,   /* a helper for files (init_file.h) or a port (init_port.h): the agent sends it
                                 to an init that has INIT_FEATURE_FILES, or INIT_FEATURE_PORTS */
    INIT_PROCESS_HOLD = 64,   /* it waits where output would be lost that no attachment has had, until it is
                                 killed: the agent sends it to an init that has INIT_FEATURE_HOLD */
};
#define INIT_PROCESS_ASKED                                                                                   \
    (INIT_PROCESS_TTY | INIT_PROCESS_STDIN | INIT_PROCESS_EXEC | INIT_PROCESS_FILE | INIT_PROCESS_HOLD)
#define INIT_PROCESS_FLAGS 127u

/* What to run. Strings and note are borrowed. */
struct init_spawn {
    uint8_t token[INIT_TOKEN_BYTES];
    uint64_t timeout_ms; /* 0: none */
    uint32_t flags;
    uint16_t rows, columns;
    uint32_t note_len;
    const uint8_t *note;
    struct init_start start;
};

/* REFUSED: it was not started, and is not remembered; exit has errno. */
enum init_process_state { INIT_STARTING, INIT_RUNNING, INIT_ENDED, INIT_REFUSED };

struct init_process {
    uint8_t token[INIT_TOKEN_BYTES];
    uint64_t started_at_ms, ended_at_ms; /* Unix time by the sandbox's clock, for display only */
    uint64_t oldest, end;                /* positions: oldest byte kept, and end so far; final once ENDED */
    uint64_t stdin_taken;                /* bytes of input received */
    uint32_t stdin_credit;               /* bytes that may still be sent now; counts only after a HELLO */
    int32_t pid;                         /* in the sandbox */
    uint32_t state;                      /* enum init_process_state */
    uint32_t flags;
    struct init_exit exit; /* if ENDED or REFUSED */
    uint16_t rows, columns;
    uint32_t note_len; /* the note follows */
};

struct init_size {
    uint16_t rows, columns;
};

struct init_attach {
    uint64_t from;
    uint32_t process;
    uint32_t credit;
};

enum init_attach_status {
    INIT_ATTACH_DONE,
    INIT_ATTACH_NO_PROCESS,
    INIT_ATTACH_GONE,
    INIT_ATTACH_AHEAD,
    INIT_ATTACH_FULL
};

/* If the status is not DONE, the number is free again. */
struct init_attached {
    uint32_t status; /* enum init_attach_status */
    uint32_t zero;
    uint64_t from;   /* where its output begins */
    uint64_t oldest; /* oldest position kept at that time */
};

/* ENDED: all output of the process was sent. BEHIND: the next bytes are not kept any more. */
enum init_detach_reason { INIT_DETACH_ASKED, INIT_DETACH_ENDED, INIT_DETACH_BEHIND };

struct init_detached {
    uint32_t reason; /* enum init_detach_reason */
    uint32_t zero;
    uint64_t position; /* after the last byte sent */
};

/* Writes a SPAWN's payload. Returns its size, 0 if it does not fit or breaks a rule. */
size_t init_spawn_pack(uint8_t *out, size_t cap, const struct init_spawn *spawn);

/* Reads a SPAWN's payload, into which strings and note point. False if it breaks a rule. */
bool init_spawn_get(const uint8_t *payload, size_t len, struct init_spawn *out);

/* Writes a PROCESS's payload, with process->note_len bytes of note. Returns as above. */
size_t init_process_pack(uint8_t *out, size_t cap, const struct init_process *process, const uint8_t *note);

/* Reads a PROCESS's payload, into which the note points. */
bool init_process_get(const uint8_t *payload, size_t len, struct init_process *out, const uint8_t **note);

#endif
