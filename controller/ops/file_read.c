/* GET and HEAD /sandbox/{id}/files: the bytes of a file, or the entries of a folder. And of …/archive: either
 * as a tar archive. */
#include "controller/ops/file.h"

#include "common/base/mem.h"
#include "controller/api/api_stream.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define BYTES "application/octet-stream"
#define TAR   "application/x-tar"

struct file_read {
    struct api_call *call;
    struct file_run *run;
    bool archive;
    bool begun; /* the answer has */
    struct stream_file_result result;
    struct file_page *page; /* of a folder */
    size_t owed;            /* bytes that the client has not taken yet */
};

static void read_free(struct file_read *read)
{
    if (read->page)
        file_page_fini(read->page);
    free(read->page);
    free(read);
}

/* --- the client --- */

/* Nobody waits for it any more: neither does it go on. */
static void on_gone(void *arg)
{
    struct file_read *read = arg;
    file_run_cancel(read->run);
    if (read->begun)
        api_stream_end(read->call);
    else
        ops_fail(read->call, ERR_CANCELLED, "its client is gone"); /* into nothing */
    read_free(read);
}

static void on_room(void *arg)
{
    struct file_read *read = arg;
    size_t owed = read->owed;
    read->owed = 0;
    file_run_took(read->run, owed);
}

static const struct http_stream_ops stream_ops = {.on_room = on_room, .on_gone = on_gone};

/* --- the answer --- */

static void put_headers(const struct file_read *read, bool partial, char *out, size_t size)
{
    const struct stream_file_result *r = &read->result;
    bool ranges = r->type == FILE_TYPE_FILE && !read->archive;
    time_t at = (time_t)(r->modified_ms / 1000);
    char date[64] = "", range[96] = "";
    struct tm tm;
    if (gmtime_r(&at, &tm))
        strftime(date, sizeof date, "Last-Modified: %a, %d %b %Y %H:%M:%S GMT\r\n", &tm);
    if (partial)
        snprintf(range, sizeof range, "Content-Range: bytes %llu-%llu/%llu\r\n",
                 (unsigned long long)r->offset, (unsigned long long)(r->offset + r->length - 1),
                 (unsigned long long)r->size);
    snprintf(out, size, "%s%s%sX-File-Type: %s\r\nX-File-Mode: %04o\r\n", date, range,
             ranges ? "Accept-Ranges: bytes\r\n" : "", file_type_name(r->type), r->mode);
}

static bool is_partial(const struct file_read *read)
{
    return read->result.has_length && read->result.has_size && read->result.length < read->result.size;
}

static bool is_head(const struct file_read *read)
{
    return http_stream_is_head(read->call->exchange);
}

/* Begins the answer; the length of a file is stated where it is known. False: the client is gone, and so is
 * the call. */
static bool begin(struct file_read *read, bool partial)
{
    const struct stream_file_result *r = &read->result;
    char headers[512];
    const char *type = read->archive ? TAR : r->type == FILE_TYPE_FILE ? BYTES : "application/json";
    put_headers(read, partial, headers, sizeof headers);
    read->begun = true;
    if (r->type == FILE_TYPE_FILE && r->has_size && !read->archive)
        http_stream_size(read->call->exchange, is_head(read) ? r->size : r->length);
    return api_stream_begin(read->call, partial ? 206 : 200, type, headers, &stream_ops, read);
}

static void on_result(void *arg, const struct stream_file_result *result)
{
    struct file_read *read = arg;
    read->result = *result;
    if (result->out_of_range || is_head(read))
        return; /* the end is to come */
    if (result->type == FILE_TYPE_DIRECTORY && !read->archive) {
        read->page = mem_zalloc(sizeof *read->page);
    } else if (!begin(read, is_partial(read))) {
        file_run_cancel(read->run);
        read_free(read);
    }
}

static void fail_page(struct file_read *read, const struct err *e)
{
    file_run_cancel(read->run);
    file_fail(read->call, e->code, e->text);
    read_free(read);
}

static void on_bytes(void *arg, const uint8_t *bytes, size_t len)
{
    struct file_read *read = arg;
    struct err e;
    if (read->page) {
        if (file_page_take(read->page, read->run, bytes, len, &e))
            file_run_took(read->run, len);
        else
            fail_page(read, &e);
        return;
    }
    if (http_stream_write(read->call->exchange, bytes, len))
        file_run_took(read->run, len);
    else
        read->owed += len;
}

static void fail(struct file_read *read, int code, const char *text)
{
    struct err e;
    if (code == ERR_RANGE && read->result.out_of_range) {
        (void)err_set(&e, code, "%s", text);
        api_answer_problem(read->call, &e, json_pack("{s:I}", "size", (json_int_t)read->result.size));
    } else if (read->begun) {
        api_stream_break(read->call);
    } else {
        file_fail(read->call, code, text);
    }
}

static void on_end(void *arg, int code, const char *text)
{
    struct file_read *read = arg;
    if (!code && read->page && !read->page->list.ended) {
        code = ERR_IO;
        text = "the list of entries ended early";
    }
    if (code) {
        fail(read, code, text);
    } else if (read->page) {
        file_page_answer(read->page, read->call);
    } else {
        if (read->begun || begin(read, false)) /* HEAD begins here */
            api_stream_end(read->call);
    }
    read_free(read);
}

/* --- the request --- */

/* Without validators that a client could have, If-Range never holds (RFC 9110 section 13.1.5). */
static bool take_list(const struct api_call *call, struct stream_file *file)
{
    char depth[8];
    file_param(call, "depth", depth, sizeof depth);
    file->depth = depth[0] ? (uint32_t)strtoul(depth, NULL, 10) : 1;
    file->limit = call->limit;
    if (strlen(call->cursor) > FILE_LIST_CURSOR_MAX || !file_cursor_valid(call->cursor))
        return false;
    strcpy(file->cursor, call->cursor);
    if (!http_header(call->exchange, "if-range"))
        file_range_parse(http_header(call->exchange, "range"), file);
    return true;
}

static void start(struct controller *c, struct api_call *call, const char *node, struct stream_open *open,
                  bool archive)
{
    static const struct file_run_ops ops = {.on_result = on_result, .on_bytes = on_bytes, .on_end = on_end};
    struct file_read *read = mem_zalloc(sizeof *read);
    read->call = call;
    read->archive = archive;
    if (!file_start(c, call, node, open, &ops, read, &read->run)) {
        free(read);
        return;
    }
    if (!api_stream_await(call, &stream_ops, read)) {
        file_run_cancel(read->run);
        free(read);
    }
}

static bool begin_read(struct controller *c, struct api_call *call, enum stream_file_verb verb,
                       struct stream_open *open, char node[static NODE_NAME_MAX + 1])
{
    bool head = http_stream_is_head(call->exchange);
    return file_begin(c, call, head ? STREAM_FILE_STAT : verb, head ? FILE_SHORT_MS : FILE_TRANSFER_MS, open,
                      node);
}

void ops_file_read(void *owner, struct api_call *call)
{
    struct controller *c = owner;
    char node[NODE_NAME_MAX + 1];
    struct stream_open open;
    if (!begin_read(c, call, STREAM_FILE_READ, &open, node))
        return;
    if (take_list(call, &open.file))
        start(c, call, node, &open, false);
    else
        ops_fail(call, ERR_INVALID, "cursor must be the next_cursor of the previous page");
}

void ops_archive_read(void *owner, struct api_call *call)
{
    struct controller *c = owner;
    char node[NODE_NAME_MAX + 1];
    struct stream_open open;
    if (begin_read(c, call, STREAM_FILE_PACK, &open, node))
        start(c, call, node, &open, true);
}
