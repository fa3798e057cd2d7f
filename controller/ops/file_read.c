/* GET and HEAD /sandbox/{id}/files: the bytes of a file, or the entries of a folder. */
#include "controller/ops/file.h"

#include "common/base/mem.h"
#include "controller/api/api_stream.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define BYTES "application/octet-stream"

struct file_read {
    struct api_call *call;
    struct file_run *run;
    bool begun; /* the answer has */
    struct stream_file_result result;
    struct file_page *page; /* of a folder */
    size_t owed;            /* bytes that the client has not taken yet */
};

static void read_free(struct file_read *p)
{
    if (p->page)
        file_page_fini(p->page);
    free(p->page);
    free(p);
}

/* --- the client --- */

/* Nobody waits for it any more: neither does it go on. */
static void on_gone(void *arg)
{
    struct file_read *p = arg;
    file_run_cancel(p->run);
    if (p->begun)
        api_stream_end(p->call);
    else
        ops_fail(p->call, ERR_CANCELLED, "its client is gone"); /* into nothing */
    read_free(p);
}

static void on_room(void *arg)
{
    struct file_read *p = arg;
    size_t owed = p->owed;
    p->owed = 0;
    file_run_took(p->run, owed);
}

static const struct http_stream_ops stream_ops = {.on_room = on_room, .on_gone = on_gone};

/* --- the answer --- */

static void put_headers(const struct stream_file_result *r, bool partial, char *out, size_t size)
{
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
             r->type == FILE_TYPE_FILE ? "Accept-Ranges: bytes\r\n" : "", file_type_name(r->type), r->mode);
}

static bool is_partial(const struct file_read *p)
{
    return p->result.has_length && p->result.has_size && p->result.length < p->result.size;
}

static bool is_head(const struct file_read *p)
{
    return http_stream_is_head(p->call->exchange);
}

/* Begins the answer; the length of a file is stated where it is known. */
static void begin(struct file_read *p, bool partial)
{
    const struct stream_file_result *r = &p->result;
    char headers[512];
    put_headers(r, partial, headers, sizeof headers);
    p->begun = true;
    if (r->type == FILE_TYPE_FILE && r->has_size)
        http_stream_size(p->call->exchange, is_head(p) ? r->size : r->length);
    api_stream_begin(p->call, partial ? 206 : 200, r->type == FILE_TYPE_FILE ? BYTES : "application/json",
                     headers, &stream_ops, p);
}

static void on_result(void *arg, const struct stream_file_result *result)
{
    struct file_read *p = arg;
    p->result = *result;
    if (result->out_of_range || is_head(p))
        return; /* the end is to come */
    if (result->type == FILE_TYPE_DIRECTORY)
        p->page = mem_zalloc(sizeof *p->page);
    else
        begin(p, is_partial(p));
}

static void fail_page(struct file_read *p, const struct err *e)
{
    file_run_cancel(p->run);
    file_fail(p->call, e->code, e->text);
    read_free(p);
}

static void on_bytes(void *arg, const uint8_t *bytes, size_t len)
{
    struct file_read *p = arg;
    struct err e;
    if (p->page) {
        if (file_page_take(p->page, p->run, bytes, len, &e))
            file_run_took(p->run, len);
        else
            fail_page(p, &e);
        return;
    }
    if (http_stream_write(p->call->exchange, bytes, len))
        file_run_took(p->run, len);
    else
        p->owed += len;
}

static void fail(struct file_read *p, int code, const char *text)
{
    struct err e;
    if (code == ERR_RANGE && p->result.out_of_range) {
        (void)err_set(&e, code, "%s", text);
        api_answer_problem(p->call, &e, json_pack("{s:I}", "size", (json_int_t)p->result.size));
    } else if (p->begun) {
        api_stream_break(p->call);
    } else {
        file_fail(p->call, code, text);
    }
}

static void on_end(void *arg, int code, const char *text)
{
    struct file_read *p = arg;
    if (!code && p->page && !p->page->list.ended) {
        code = ERR_IO;
        text = "the list of entries ended early";
    }
    if (code) {
        fail(p, code, text);
    } else if (p->page) {
        file_page_answer(p->page, p->call);
    } else {
        if (!p->begun) /* HEAD */
            begin(p, false);
        api_stream_end(p->call);
    }
    read_free(p);
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

void ops_file_read(void *owner, struct api_call *call)
{
    static const struct file_run_ops ops = {.on_result = on_result, .on_bytes = on_bytes, .on_end = on_end};
    struct controller *c = owner;
    char node[NODE_NAME_MAX + 1];
    struct stream_open open;
    bool head = http_stream_is_head(call->exchange);
    if (!file_begin(c, call, head ? STREAM_FILE_STAT : STREAM_FILE_READ,
                    head ? FILE_SHORT_MS : FILE_TRANSFER_MS, &open, node))
        return;
    if (!take_list(call, &open.file)) {
        ops_fail(call, ERR_INVALID, "cursor must be the next_cursor of the previous page");
        return;
    }
    struct file_read *p = mem_zalloc(sizeof *p);
    p->call = call;
    if (!file_start(c, call, node, &open, &ops, p, &p->run)) {
        free(p);
        return;
    }
    if (!api_stream_await(call, &stream_ops, p)) {
        file_run_cancel(p->run);
        free(p);
    }
}
