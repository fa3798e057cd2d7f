#include "controller/ops/file.h"

#include <string.h>

void file_param(const struct api_call *call, const char *name, char *out, size_t size)
{
    if (!http_query_get(call->exchange, name, out, size))
        out[0] = 0;
}

bool file_begin(struct controller *c, struct api_call *call, enum stream_file_verb verb, uint64_t timeout_ms,
                struct stream_open *open, char node[static NODE_NAME_MAX + 1])
{
    memset(open, 0, sizeof *open);
    open->file.verb = verb;
    open->file.timeout_ms = timeout_ms;
    if (verb != STREAM_FILE_MOVE) {
        file_param(call, "path", open->file.path, sizeof open->file.path);
        if (!open->file.path[0]) {
            ops_fail(call, ERR_INVALID, "path must be given");
            return false;
        }
    }
    return ops_inside(c, call, &open->sandbox, node);
}

bool file_start(struct controller *c, struct api_call *call, const char *node, struct stream_open *open,
                const struct file_run_ops *ops, void *arg, struct file_run **run)
{
    struct err e;
    if (!file_run_start(run, c->loop, leader_streams(c->leader), node, &call->caller, open, ops, arg, &e)) {
        ops_note_act(c, call, &open->sandbox, NULL, open->file.path,
                     open->file.verb == STREAM_FILE_MOVE ? open->file.to : NULL);
        return true;
    }
    api_answer_err(call, &e);
    return false;
}

void file_fail(struct api_call *call, int code, const char *text)
{
    ops_fail(call, code == ERR_CANCELLED ? ERR_WRONG_STATE : code, text);
}
