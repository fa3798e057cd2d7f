/*
 * A person, or a program, connected with a process in a sandbox: its output goes to standard output and
 * error, standard input to it, until it ends or the user leaves. A connection that is lost comes back. One
 * poll loop; nothing in it blocks.
 *
 * Bounds: of output, OUTFLOW_ROOM and one message wait for the terminal, then the connection is not read; of
 * input, SESSION_INPUT_ROOM wait for the connection, then standard input is not read.
 */
#ifndef CORRAL_CLI_SESSION_H
#define CORRAL_CLI_SESSION_H

#include "cli/cli.h"

#include <stdint.h>

#define SESSION_INPUT_ROOM 65536

typedef void session_output_fn(void *arg, bool is_stderr, const uint8_t *bytes, size_t len);

struct session_spec {
    const char *sandbox;     /* its id */
    const char *path;        /* the WebSocket to open first */
    bool is_old;             /* the process ran before: it gets our size at first, and printed before us */
    bool of_terminal;        /* comes back by the terminal's route, else by that of its process */
    bool has_tty;            /* the process has a terminal, whose size follows ours */
    bool interactive;        /* standard input, a terminal, is sent; in raw mode */
    bool is_exact;           /* a program goes by the bytes: those that are lost are a failure */
    bool sends;              /* standard input is sent as it is, and its end */
    int escape;              /* the escape key (escape.h); negative: none */
    session_output_fn *take; /* takes the output; NULL: the standard files do */
    void *take_arg;
};

enum session_end {
    SESSION_LIVE,      /* (not yet) */
    SESSION_ENDED,     /* the process: code is its exit code, or 128 and the signal */
    SESSION_FAILED,    /* code as enum cli_exit; why was printed */
    SESSION_LEFT,      /* by the escape key */
    SESSION_SIGNALLED, /* code: 128 and the signal that came to this program; SIGPIPE: of an exact one nobody
                          reads standard output */
    SESSION_GONE       /* the sandbox has ended; why was printed */
};

struct session_result {
    enum session_end end;
    int code;
    uint32_t pid; /* 0: it never began */
};

/* Signals are held from here on (interrupt.h). The terminal is as before when it returns. */
struct session_result session_run(struct cli *cli, const struct session_spec *spec);

#endif
