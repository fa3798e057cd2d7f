/* PUT /sandbox/{id}/files: a file of the body's bytes, or a folder. And …/archive: what is in the body's
 * archive. */
#include "controller/ops/file.h"

#include "common/base/mem.h"
#include "controller/api/api_stream.h"

#include <stdlib.h>
#include <string.h>

/* A piece of a body is at most as large as what the server reads at once; the rest of it that the node has no
 * room for waits here. */
#define PIECE_MAX (64u << 10)

struct file_write {
    struct api_call *call;
    struct file_run *run;
    uint8_t *piece; /* NULL: none waits */
    size_t piece_at, piece_len;
    bool complete; /* all of the body has come */
    struct stream_file_result result;
};

static void write_free(struct file_write *write)
{
    free(write->piece);
    free(write);
}

/* --- the body --- */

/* Writes what waits. True: nothing waits any more. */
static bool flush(struct file_write *write)
{
    size_t room = file_run_room(write->run), left = write->piece_len - write->piece_at;
    size_t some = left < room ? left : room;
    if (!write->piece)
        return true;
    file_run_write(write->run, write->piece + write->piece_at, some);
    write->piece_at += some;
    if (write->piece_at < write->piece_len)
        return false;
    mem_free_ptr(&write->piece);
    write->piece_at = write->piece_len = 0;
    return true;
}

static bool on_piece(void *arg, const void *bytes, size_t len)
{
    struct file_write *write = arg;
    size_t room = file_run_room(write->run), some = len < room ? len : room;
    if (write->piece) /* it asked for no more */
        abort();
    file_run_write(write->run, bytes, some);
    if (some == len)
        return true;
    write->piece = mem_dup((const uint8_t *)bytes + some, len - some);
    write->piece_len = len - some;
    return false;
}

static void on_complete(void *arg)
{
    struct file_write *write = arg;
    write->complete = true;
    if (!write->piece)
        file_run_end_input(write->run);
}

/* A part of a file is none: what has come is thrown away. Of an archive the files stay that are whole. */
static void on_gone(void *arg)
{
    struct file_write *write = arg;
    file_run_cancel(write->run);
    ops_fail(write->call, ERR_CANCELLED, "its client is gone"); /* into nothing */
    write_free(write);
}

/* --- the node --- */

static void on_room(void *arg)
{
    struct file_write *write = arg;
    if (!write->piece || !flush(write))
        return;
    if (write->complete)
        file_run_end_input(write->run);
    else
        http_stream_more(write->call->exchange);
}

static void on_result(void *arg, const struct stream_file_result *result)
{
    struct file_write *write = arg;
    write->result = *result;
}

static void on_bytes(void *arg, const uint8_t *bytes, size_t len)
{
    abort(); /* file_run.h: only a read has any */
}

static void on_end(void *arg, int code, const char *text)
{
    struct file_write *write = arg;
    if (code)
        file_fail(write->call, code, text);
    else
        api_answer_empty(write->call, write->result.created ? 201 : 204, NULL);
    write_free(write);
}

/* --- the request --- */

static bool take_mode(const struct api_call *call, struct stream_file *file)
{
    char mode[8];
    file_param(call, "mode", mode, sizeof mode);
    file->has_mode = mode[0];
    file->mode = (uint32_t)strtoul(mode, NULL, 8);
    return !mode[strspn(mode, "01234567")] && file->mode <= 07777;
}

static bool wait_for_body(struct file_write *write, bool has_body)
{
    static const struct http_stream_ops body = {
        .on_piece = on_piece, .on_end = on_complete, .on_gone = on_gone};
    static const struct http_stream_ops none = {.on_gone = on_gone};
    if (has_body)
        return api_stream_body(write->call, UINT64_MAX / 2, &body, write);
    return api_stream_await(write->call, &none, write);
}

static void start(struct controller *c, struct api_call *call, const char *node, struct stream_open *open,
                  bool has_body)
{
    static const struct file_run_ops ops = {
        .on_result = on_result, .on_bytes = on_bytes, .on_room = on_room, .on_end = on_end};
    struct file_write *write = mem_zalloc(sizeof *write);
    write->call = call;
    if (!file_start(c, call, node, open, &ops, write, &write->run)) {
        free(write);
        return;
    }
    bool held = !has_body || file_run_hold(write->run, PIECE_MAX);
    if (!held)
        ops_fail(call, ERR_TOO_MANY_STREAMS,
                 "the streams of this key hold as much memory as they may; ask again");
    if (!held || !wait_for_body(write, has_body)) {
        file_run_cancel(write->run);
        free(write);
    }
}

void ops_file_write(void *owner, struct api_call *call)
{
    struct controller *c = owner;
    char node[NODE_NAME_MAX + 1], type[16];
    struct stream_open open;
    file_param(call, "type", type, sizeof type);
    bool directory = !strcmp(type, "directory");
    if (!file_begin(c, call, directory ? STREAM_FILE_MKDIR : STREAM_FILE_WRITE,
                    directory ? FILE_SHORT_MS : FILE_TRANSFER_MS, &open, node))
        return;
    if (take_mode(call, &open.file))
        start(c, call, node, &open, !directory);
    else
        ops_fail(call, ERR_INVALID, "mode must be octal digits, at most 7777");
}

void ops_archive_write(void *owner, struct api_call *call)
{
    struct controller *c = owner;
    char node[NODE_NAME_MAX + 1];
    struct stream_open open;
    if (file_begin(c, call, STREAM_FILE_UNPACK, FILE_TRANSFER_MS, &open, node))
        start(c, call, node, &open, true);
}
