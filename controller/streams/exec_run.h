/*
 * Runs one command in a sandbox, collects its output up to a bound, and reports the result when it has ended.
 * On the loop.
 */
#ifndef CORRAL_CONTROLLER_STREAMS_EXEC_RUN_H
#define CORRAL_CONTROLLER_STREAMS_EXEC_RUN_H

#include "controller/streams/stream_hub.h"

#define EXEC_OUTPUT_MAX (1u << 20) /* bytes kept of each of stdout and stderr; further output is dropped */

struct exec_run;

struct exec_output {
    uint8_t *bytes; /* NULL: none; else a NUL follows them */
    size_t len;
    bool truncated;
};

struct exec_result {
    struct stream_process process; /* as it ended */
    struct exec_output out, err;
    uint64_t duration_ms;
};

/* Called once, never inside exec_run_start: with code 0 and the result, or with an error. The arguments are
 * borrowed; the run is freed afterwards. */
typedef void exec_run_cb(void *arg, int code, const char *text, const struct exec_result *result);

/* Starts a command. Sets exec, attach and has_stdin of open->start. Takes input, also on failure. Errors as
 * of hub_stream_open. */
int exec_run_start(struct exec_run **out, struct loop *loop, struct stream_hub *hub, const char *node,
                   const struct caller *caller, struct stream_open *open, uint8_t *input, size_t input_len,
                   exec_run_cb *cb, void *arg, struct err *e) MUST_CHECK;

/* The caller is gone: kills the command with all its descendants. No callback. */
void exec_run_cancel(struct exec_run *run);

#endif
