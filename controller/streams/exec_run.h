/*
 * One command in a sandbox, from its start to its end: its output is gathered up to a bound, and told as a
 * whole. On the loop.
 */
#ifndef CORRAL_CONTROLLER_STREAMS_EXEC_RUN_H
#define CORRAL_CONTROLLER_STREAMS_EXEC_RUN_H

#include "controller/streams/stream_hub.h"

#define EXEC_OUTPUT_MAX (1u << 20) /* bytes of each of stdout and stderr; what comes after is thrown away */

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

/* Once, never inside exec_run_start. code 0 and the result, or an error. All is borrowed; run is freed. */
typedef void exec_run_cb(void *arg, int code, const char *text, const struct exec_result *result);

/* Starts it. open->start: exec and attach are set here. input is copied. Errors as of hub_stream_open. */
int exec_run_start(struct exec_run **out, struct loop *loop, struct stream_hub *hub, const char *node,
                   const char *key_id, struct stream_open *open, const void *input, size_t input_len,
                   exec_run_cb *cb, void *arg, struct err *e) MUST_CHECK;

/* Its caller is gone: it is killed with all that descends from it. No callback. */
void exec_run_cancel(struct exec_run *run);

#endif
