#include "agent/docker/docker_http.h"

#include "common/base/mem.h"

#include <ctype.h>
#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <http_parser.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/*
 * Each request has its own connection: on a unix socket that costs some 20 µs, and requests share nothing.
 * libcurl is not used because it brings 30 libraries and 4 MB of resident memory into each agent.
 */
struct docker_request {
    struct docker_http *http;
    struct docker_request *next, **slot;
    struct bufferevent *io;
    http_parser parser;
    struct timer deadline, silence;
    uint64_t silence_ms;
    struct later failing; /* an error inside docker_http_ask is reported in the next turn */
    struct err error;
    char *body;
    size_t len, room;
    bool complete, too_large;
    const char *header; /* the header whose value is the body; NULL: an ordinary answer */
    char field[64];     /* the name of the header that is being parsed, as far as it fits */
    bool in_value;
    docker_http_line_cb *on_line;   /* NULL: no streaming of lines */
    docker_http_bytes_cb *on_bytes; /* NULL: no streaming of bytes */
    bool odd;                       /* on_bytes found that the answer is none of Docker's */
    bool paused, hung_up;           /* hung_up: the end came while it was paused */
    docker_http_cb *cb;
    void *arg;
};

struct docker_http {
    struct loop *loop;
    struct sockaddr_un address;
    struct docker_request *requests;
};

/* --- the end of a request --- */

static void finish(struct docker_request *r, int code, const struct err *e)
{
    long status = code ? 0 : r->parser.status_code;
    *r->slot = r->next;
    if (r->next)
        r->next->slot = r->slot;
    timer_stop(&r->deadline);
    timer_stop(&r->silence);
    later_cancel(&r->failing);
    if (r->io)
        bufferevent_free(r->io);
    r->cb(r->arg, code, e, status, r->body ? r->body : "", r->len);
    free(r->body);
    free(r);
}

static void fail(struct docker_request *r, int code, const char *why)
{
    struct err e;
    code = err_set(&e, code, "Docker: %s", why);
    finish(r, code, &e);
}

static void on_deadline(void *arg)
{
    fail(arg, ERR_NODE_TIMEOUT, "no answer in time");
}

static void on_silence(void *arg)
{
    fail(arg, ERR_NODE_TIMEOUT, "nothing more came");
}

static void on_failing(void *arg)
{
    struct docker_request *r = arg;
    struct err e = r->error;
    finish(r, e.code, &e);
}

/* --- the answer --- */

static int on_body(http_parser *parser, const char *bytes, size_t count)
{
    struct docker_request *r = parser->data;
    if (r->on_bytes && parser->status_code == 200) {
        r->odd = r->io && !r->on_bytes(r->arg, bytes, count); /* not any more after a cancel */
        return r->odd;
    }
    if (count > DOCKER_ANSWER_MAX || r->len > DOCKER_ANSWER_MAX - count) {
        r->too_large = true;
        return 1;
    }
    if (r->len + count + 1 > r->room) {
        r->room = 2 * r->room > r->len + count + 1 ? 2 * r->room : r->len + count + 1;
        r->body = mem_grow(r->body, r->room, 1);
    }
    memcpy(r->body + r->len, bytes, count);
    r->len += count;
    r->body[r->len] = 0;
    return 0;
}

static int on_field(http_parser *parser, const char *bytes, size_t count)
{
    struct docker_request *r = parser->data;
    size_t len = r->in_value ? 0 : strlen(r->field), room = sizeof r->field - 1 - len;
    r->in_value = false;
    if (count > room)
        count = room;
    memcpy(r->field + len, bytes, count);
    r->field[len + count] = 0;
    return 0;
}

static int on_value(http_parser *parser, const char *bytes, size_t count)
{
    struct docker_request *r = parser->data;
    r->in_value = true;
    return r->header && !strcasecmp(r->field, r->header) ? on_body(parser, bytes, count) : 0;
}

/* 1: the answer has no body, whatever its Content-Length says. */
static int on_head(http_parser *parser)
{
    struct docker_request *r = parser->data;
    return r->header != NULL;
}

static int on_complete(http_parser *parser)
{
    struct docker_request *r = parser->data;
    r->complete = true;
    http_parser_pause(parser, 1); /* further bytes are ignored */
    return 0;
}

/* Passes the complete lines of a stream on; an incomplete one waits for its rest. */
static void take_lines(struct docker_request *r)
{
    size_t from = 0;
    if (!r->on_line || !r->len)
        return;
    for (char *end; (end = memchr(r->body + from, '\n', r->len - from)); from = (size_t)(end - r->body) + 1) {
        *end = 0;
        r->on_line(r->arg, r->body + from, (size_t)(end - r->body) - from);
    }
    memmove(r->body, r->body + from, r->len - from);
    r->len -= from;
}

/* len 0 means the end of the connection. False: the request is over and freed. */
static bool take_bytes(struct docker_request *r, const char *bytes, size_t len)
{
    static const http_parser_settings settings = {.on_header_field = on_field,
                                                  .on_header_value = on_value,
                                                  .on_headers_complete = on_head,
                                                  .on_body = on_body,
                                                  .on_message_complete = on_complete};
    size_t used = http_parser_execute(&r->parser, &settings, bytes, len);
    take_lines(r);
    if (r->complete)
        finish(r, 0, NULL);
    else if (r->odd)
        fail(r, ERR_PROTOCOL, "its answer is not what it should be");
    else if (r->too_large)
        fail(r, ERR_TOO_LARGE, "its answer is too large");
    else if (used != len || HTTP_PARSER_ERRNO(&r->parser) != HPE_OK)
        fail(r, ERR_PROTOCOL, "its answer is not HTTP");
    else if (!len)
        fail(r, ERR_IO, "it hung up in the middle of its answer");
    else
        return true;
    return false;
}

static void on_read(struct bufferevent *io, void *arg)
{
    struct evbuffer *in = bufferevent_get_input(io);
    struct evbuffer_iovec piece;
    struct docker_request *r = arg;
    if (r->silence_ms)
        timer_start(&r->silence, r->http->loop, r->silence_ms, on_silence, r);
    while (!r->paused && evbuffer_peek(in, -1, NULL, &piece, 1) > 0 && piece.iov_len) {
        size_t some = piece.iov_len < DOCKER_PIECE_MAX ? piece.iov_len : DOCKER_PIECE_MAX;
        if (!take_bytes(r, piece.iov_base, some))
            return;
        if (!r->io)
            return; /* it was cancelled */
        evbuffer_drain(in, some);
    }
    if (r->hung_up && !r->paused)
        (void)take_bytes(r, "", 0);
}

static void on_event(struct bufferevent *io, short what, void *arg)
{
    struct docker_request *r = arg;
    if (r->paused && what & (BEV_EVENT_ERROR | BEV_EVENT_EOF))
        r->hung_up = true; /* what came before is taken first */
    else if (what & BEV_EVENT_ERROR)
        fail(arg, ERR_IO, strerror(EVUTIL_SOCKET_ERROR()));
    else if (what & BEV_EVENT_EOF)
        (void)take_bytes(arg, "", 0);
}

/* --- the beginning --- */

static struct docker_request *request_new(struct docker_http *http, const struct docker_ask *ask)
{
    struct docker_request *r = mem_zalloc(sizeof *r);
    *r = (struct docker_request){.http = http,
                                 .next = http->requests,
                                 .slot = &http->requests,
                                 .silence_ms = ask->silence_ms,
                                 .on_line = ask->on_line,
                                 .on_bytes = ask->on_bytes,
                                 .header = ask->header,
                                 .cb = ask->cb,
                                 .arg = ask->arg};
    if (r->next)
        r->next->slot = &r->next;
    http->requests = r;
    http_parser_init(&r->parser, HTTP_RESPONSE);
    r->parser.data = r;
    r->io =
        bufferevent_socket_new(loop_base(http->loop), -1, BEV_OPT_CLOSE_ON_FREE | BEV_OPT_DEFER_CALLBACKS);
    if (!r->io)
        abort();
    bufferevent_setcb(r->io, on_read, NULL, on_event, r);
    if (ask->on_bytes)
        bufferevent_setwatermark(r->io, EV_READ, 0, DOCKER_PIECE_MAX);
    if (ask->timeout_ms)
        timer_start(&r->deadline, http->loop, ask->timeout_ms, on_deadline, r);
    if (ask->silence_ms)
        timer_start(&r->silence, http->loop, ask->silence_ms, on_silence, r);
    return r;
}

static void begin(struct docker_request *r, const struct docker_ask *ask)
{
    struct evbuffer *out = bufferevent_get_output(r->io);
    evbuffer_add_printf(out, "%s %s HTTP/1.1\r\nHost: docker\r\nConnection: close\r\n", ask->method,
                        ask->path);
    if (!strcmp(ask->method, "POST")) /* also without a body: Content-Length is then 0 */
        evbuffer_add_printf(out, "Content-Type: application/json\r\nContent-Length: %zu\r\n",
                            ask->body ? strlen(ask->body) : 0);
    if (ask->auth && ask->auth[0])
        evbuffer_add_printf(out, "X-Registry-Auth: %s\r\n", ask->auth);
    evbuffer_add_printf(out, "\r\n%s", ask->body ? ask->body : "");
    bufferevent_enable(r->io, EV_READ | EV_WRITE);
    if (!bufferevent_socket_connect(r->io, (struct sockaddr *)&r->http->address, sizeof r->http->address))
        return;
    r->error.code = err_set(&r->error, ERR_IO, "Docker: %s: %s", r->http->address.sun_path, strerror(errno));
    later_call(&r->failing, r->http->loop, on_failing, r);
}

struct docker_request *docker_http_ask(struct docker_http *http, const struct docker_ask *ask)
{
    struct docker_request *r = request_new(http, ask);
    begin(r, ask);
    return r;
}

void docker_http_cancel(struct docker_request *r)
{
    if (r->io)
        bufferevent_free(r->io);
    r->io = NULL;
    timer_stop(&r->deadline);
    timer_stop(&r->silence);
    r->error.code = err_set(&r->error, ERR_CANCELLED, "it was given up");
    later_call(&r->failing, r->http->loop, on_failing, r);
}

void docker_http_pause(struct docker_request *r, bool paused)
{
    bool resumes = r->paused && !paused;
    r->paused = paused;
    if (!r->io)
        return;
    if (paused)
        bufferevent_disable(r->io, EV_READ);
    else
        bufferevent_enable(r->io, EV_READ);
    if (resumes)
        bufferevent_trigger(r->io, EV_READ, BEV_TRIG_IGNORE_WATERMARKS | BEV_TRIG_DEFER_CALLBACKS);
}

/* --- life --- */

struct docker_http *docker_http_new(struct loop *loop, const char *socket_path)
{
    struct docker_http *http = mem_zalloc(sizeof *http);
    http->loop = loop;
    http->address.sun_family = AF_UNIX;
    strncpy(http->address.sun_path, socket_path, sizeof http->address.sun_path - 1);
    return http;
}

void docker_http_free(struct docker_http *http)
{
    struct err e;
    if (!http)
        return;
    (void)err_set(&e, ERR_CANCELLED, "the agent is stopping");
    while (http->requests)
        finish(http->requests, ERR_CANCELLED, &e);
    free(http);
}

const char *docker_http_socket(const struct docker_http *http)
{
    return http->address.sun_path;
}

int docker_http_dial(const struct docker_http *http)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd >= 0 && connect(fd, (const struct sockaddr *)&http->address, sizeof http->address) != 0) {
        int error = errno;
        close(fd);
        errno = error;
        return -1;
    }
    return fd;
}

void docker_escape(const char *text, char *out, size_t size)
{
    static const char hex[] = "0123456789ABCDEF";
    size_t n = 0;
    for (; *text && n + 4 < size; text++) {
        unsigned char c = (unsigned char)*text;
        if (isalnum(c) || strchr("-._~", c)) {
            out[n++] = (char)c;
            continue;
        }
        out[n++] = '%';
        out[n++] = hex[c >> 4];
        out[n++] = hex[c & 15];
    }
    out[n] = 0;
}
