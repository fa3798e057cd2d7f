/* DELETE /sandbox/{id}/files and POST /sandbox/{id}/files/move. */
#include "controller/ops/file.h"

#include "common/base/mem.h"
#include "controller/api/api_stream.h"

#include <stdlib.h>
#include <string.h>

static const char *absolute(const char *text)
{
    return text[0] != '/'                   ? "must be an absolute path"
           : strlen(text) > STREAM_PATH_MAX ? "must have at most 4095 bytes"
                                            : NULL;
}

static const struct field_rule path_rule = {"^/", absolute, 0};

static const struct field fields[] = {
    {"from", FIELD_TEXT, 1, STREAM_PATH_MAX, NULL, &path_rule, true, false, NULL},
    {"to", FIELD_TEXT, 1, STREAM_PATH_MAX, NULL, &path_rule, true, false, NULL},
};

const struct api_body file_move_body = {.fields = {fields, ARRAY_LEN(fields)}};

struct file_change {
    struct api_call *call;
    struct file_run *run;
};

/* Nobody waits for it any more: what is under way is ended where it is. */
static void on_gone(void *arg)
{
    struct file_change *change = arg;
    file_run_cancel(change->run);
    ops_fail(change->call, ERR_CANCELLED, "its client is gone"); /* into nothing */
    free(change);
}

static void on_result(void *arg, const struct stream_file_result *result)
{
}

static void on_bytes(void *arg, const uint8_t *bytes, size_t len)
{
    abort(); /* file_run.h: only a read has any */
}

static void on_end(void *arg, int code, const char *text)
{
    struct file_change *change = arg;
    if (code)
        file_fail(change->call, code, text);
    else
        api_answer_empty(change->call, 204, NULL);
    free(change);
}

static void change(struct controller *c, struct api_call *call, const char *node, struct stream_open *open)
{
    static const struct file_run_ops ops = {.on_result = on_result, .on_bytes = on_bytes, .on_end = on_end};
    static const struct http_stream_ops waits = {.on_gone = on_gone};
    struct file_change *change = mem_zalloc(sizeof *change);
    change->call = call;
    if (!file_start(c, call, node, open, &ops, change, &change->run)) {
        free(change);
        return;
    }
    if (!api_stream_await(call, &waits, change)) {
        file_run_cancel(change->run);
        free(change);
    }
}

void ops_file_delete(void *owner, struct api_call *call)
{
    struct stream_open open;
    char node[NODE_NAME_MAX + 1], recursive[8];
    if (!file_begin(owner, call, STREAM_FILE_REMOVE, FILE_TREE_MS, &open, node))
        return;
    file_param(call, "recursive", recursive, sizeof recursive);
    open.file.recursive = !strcmp(recursive, "true");
    change(owner, call, node, &open);
}

void ops_file_move(void *owner, struct api_call *call)
{
    struct stream_open open;
    char node[NODE_NAME_MAX + 1];
    if (!file_begin(owner, call, STREAM_FILE_MOVE, FILE_TREE_MS, &open, node))
        return;
    json_t *body = json_loadb(call->body, call->body_len, 0, NULL);
    strcpy(open.file.path, json_string_value(json_object_get(body, "from")));
    strcpy(open.file.to, json_string_value(json_object_get(body, "to")));
    json_decref(body);
    change(owner, call, node, &open);
}
