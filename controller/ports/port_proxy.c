#include "controller/ports/port_proxy.h"

#include "common/base/mem.h"
#include "common/http/http_body.h"
#include "controller/ports/port_head.h"
#include "controller/ports/port_problem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* AWAITS: the head of the answer. BODY: it has begun. RAW: after a 101. */
enum phase { AWAITS, BODY, RAW };

struct port_proxy {
    LIST_ENTRY(port_proxy) link;
    struct loop *loop;
    struct http_exchange *x;
    struct hub_stream *stream; /* NULL: it is over */
    char prefix[PORT_PREFIX_MAX + 1];
    uint16_t port;
    enum phase phase;
    bool is_head;
    char upgrade[PORT_UPGRADE_MAX + 1]; /* what the client asks to switch to; "": nothing */
    /* The request: its framed bytes that the stream has not taken. */
    bool chunked, request_ended, input_ended;
    uint8_t *out;
    size_t out_at, out_len;
    /* The answer. */
    struct text head;
    unsigned interims;
    enum port_body framing;
    struct http_body body;
    bool full;      /* the client takes nothing more now */
    size_t untaken; /* bytes that wait for it, of the stream's window */
    struct timer timer;
    uint64_t moved_ms; /* when a byte last went either way */
};

static void proxy_free(struct port_proxy *p)
{
    LIST_REMOVE(p, link);
    timer_stop(&p->timer);
    http_body_fini(&p->body);
    text_fini(&p->head);
    free(p->out);
    free(p);
}

/* Ends both sides: with a problem where no answer has begun, else the client sees that something is missing.
 */
static void fail(struct port_proxy *p, int code, const char *text)
{
    if (p->stream)
        hub_stream_end(p->stream);
    if (p->phase == AWAITS)
        port_problem_answer(p->x, code, text);
    else
        http_stream_break(p->x);
    proxy_free(p);
}

static void finish(struct port_proxy *p)
{
    if (p->stream)
        hub_stream_end(p->stream);
    http_stream_end(p->x);
    proxy_free(p);
}

/* --- the request --- */

static void count_held(struct port_proxy *p)
{
    http_stream_hold(p->x, p->out_len - p->out_at + p->head.len);
}

static void on_no_answer(void *arg)
{
    fail(arg, ERR_NODE_TIMEOUT, "the port has not answered in time");
}

static void await_answer(struct port_proxy *p)
{
    if (p->phase == AWAITS)
        timer_start(&p->timer, p->loop, PORT_ANSWER_MS, on_no_answer, p);
}

/* After a 101, the end of the client's bytes is told; of a request the framing tells it. */
static void say_end(struct port_proxy *p)
{
    const struct stream_message end = {.kind = STREAM_INPUT_END};
    if (p->phase == RAW && p->request_ended && !p->input_ended)
        p->input_ended = hub_say(p->stream, &end);
}

static void send_out(struct port_proxy *p)
{
    size_t left = p->out_len - p->out_at, room = hub_room(p->stream);
    size_t some = left < room ? left : room;
    if (some) {
        hub_write(p->stream, p->out + p->out_at, some);
        p->out_at += some;
        p->moved_ms = loop_now_ms();
        await_answer(p);
    }
    if (p->out_at == p->out_len) {
        mem_free_ptr(&p->out);
        p->out_at = p->out_len = 0;
        say_end(p);
    }
    count_held(p);
}

static void add_out(struct port_proxy *p, const void *bytes, size_t len)
{
    p->out = mem_grow(p->out, p->out_len + len, 1);
    memcpy(p->out + p->out_len, bytes, len);
    p->out_len += len;
}

static bool on_piece(void *arg, const void *bytes, size_t len)
{
    struct port_proxy *p = arg;
    char size[24];
    if (p->chunked && p->phase != RAW)
        add_out(p, size, (size_t)snprintf(size, sizeof size, "%zx\r\n", len));
    add_out(p, bytes, len);
    if (p->chunked && p->phase != RAW)
        add_out(p, "\r\n", 2);
    send_out(p);
    return !p->out_len;
}

static void on_end(void *arg)
{
    struct port_proxy *p = arg;
    p->request_ended = true;
    if (p->chunked && p->phase != RAW)
        add_out(p, "0\r\n\r\n", 5);
    send_out(p);
}

/* The stream takes more of the request. */
static void on_stream_room(void *arg)
{
    struct port_proxy *p = arg;
    bool waited = p->out_len;
    send_out(p);
    if (waited && !p->out_len && !p->request_ended)
        http_stream_more(p->x);
}

static void on_gone(void *arg)
{
    struct port_proxy *p = arg;
    fail(p, ERR_CANCELLED, "its client is gone"); /* into nothing */
}

/* --- the answer --- */

static void write_client(struct port_proxy *p, const void *bytes, size_t len)
{
    if (len && !http_stream_write(p->x, bytes, len))
        p->full = true;
}

static bool on_body_piece(void *arg, const char *bytes, size_t len)
{
    write_client(arg, bytes, len);
    return true;
}

/* The client takes more of the answer. */
static void on_client_room(void *arg)
{
    struct port_proxy *p = arg;
    size_t len = p->untaken;
    p->full = false;
    p->untaken = 0;
    p->moved_ms = loop_now_ms();
    hub_took(p->stream, len);
}

static const struct http_stream_ops client_ops = {
    .on_piece = on_piece, .on_end = on_end, .on_room = on_client_room, .on_gone = on_gone};

/* Looks whether an answer that has begun, or a connection that was handed over, still moves. */
static void on_look(void *arg)
{
    struct port_proxy *p = arg;
    uint64_t still_ms = loop_now_ms() - p->moved_ms;
    bool waits = p->out_len || http_stream_waiting(p->x);
    if (still_ms >= PORT_IDLE_MS || (still_ms >= PORT_STALL_MS && waits))
        fail(p, ERR_CANCELLED, "it moves no more");
    else
        timer_start(&p->timer, p->loop, PORT_STALL_MS, on_look, p);
}

/* Bytes of the answer's body. False: p is freed. */
static bool take_body(struct port_proxy *p, const char *bytes, size_t len)
{
    struct err e;
    size_t used;
    if (p->phase == RAW || p->framing == PORT_BODY_CLOSE) {
        write_client(p, bytes, len);
        return true;
    }
    if (http_body_take(&p->body, bytes, len, &used, &e)) {
        fail(p, ERR_BAD_GATEWAY, e.text);
        return false;
    }
    if (!p->body.done)
        return true;
    finish(p);
    return false;
}

static bool begin_raw(struct port_proxy *p, const struct port_head *head)
{
    p->phase = RAW;
    p->request_ended = false; /* that was the request's */
    timer_start(&p->timer, p->loop, PORT_STALL_MS, on_look, p);
    return http_stream_upgrade(p->x, head->upgrade, head->lines.data, &client_ops, p);
}

static bool begin_body(struct port_proxy *p, const struct port_head *head)
{
    p->phase = BODY;
    p->framing = head->body;
    timer_start(&p->timer, p->loop, PORT_STALL_MS, on_look, p);
    if (head->body == PORT_BODY_CHUNKS)
        http_body_begin_chunks(&p->body, SIZE_MAX);
    else
        http_body_begin_length(&p->body, head->body == PORT_BODY_LENGTH ? head->length : 0, SIZE_MAX);
    p->body.lenient = true;
    p->body.sink = on_body_piece;
    p->body.arg = p;
    if (head->has_length && (p->is_head || head->body != PORT_BODY_NONE))
        http_stream_size(p->x, head->length);
    return http_stream_begin(p->x, head->status, NULL, head->lines.data, &client_ops, p);
}

/* Begins the answer to the client. False: p is freed. */
static bool begin_answer(struct port_proxy *p, const struct port_head *head)
{
    if (head->status == 101 && (!p->upgrade[0] || strcasecmp(p->upgrade, head->upgrade) != 0)) {
        fail(p, ERR_BAD_GATEWAY, "the port switches to a protocol that nobody asked for");
        return false;
    }
    if (head->status == 101 ? begin_raw(p, head) : begin_body(p, head))
        return true;
    hub_stream_end(p->stream); /* the client is gone, and so is the exchange */
    proxy_free(p);
    return false;
}

/* An interim answer is over with its head; the real one follows. */
static bool is_interim(const struct port_head *head)
{
    return head->status < 200 && head->status != 101;
}

/* Reads heads from what has come so far. False: p is freed. */
static bool take_head(struct port_proxy *p)
{
    struct port_head head;
    struct err e;
    const struct port_outside outside = {p->prefix, http_header(p->x, "host"), p->port};
    long used = 0;
    while (p->phase == AWAITS && p->head.len &&
           (used = port_head_read(p->head.data, p->head.len, &outside, p->is_head, &head, &e)) > 0) {
        bool goes_on = is_interim(&head) ? p->interims++ < PORT_INTERIMS_MAX : begin_answer(p, &head);
        if (is_interim(&head) && !goes_on)
            fail(p, ERR_BAD_GATEWAY, "the port sends nothing but interim answers");
        port_head_fini(&head);
        if (!goes_on)
            return false;
        p->head.len -= (size_t)used;
        memmove(p->head.data, p->head.data + used, p->head.len);
    }
    if (used >= 0)
        return true;
    fail(p, ERR_BAD_GATEWAY, e.text);
    return false;
}

static bool take_output(struct port_proxy *p, const char *bytes, size_t len)
{
    if (p->phase != AWAITS)
        return take_body(p, bytes, len);
    text_add_bytes(&p->head, bytes, len);
    if (!take_head(p))
        return false;
    if (p->phase == AWAITS) {
        count_held(p);
        return true;
    }
    struct text rest = p->head; /* what came behind the head */
    p->head = (struct text){0};
    count_held(p);
    bool good = take_body(p, rest.data, rest.len);
    text_fini(&rest);
    return good;
}

static void on_output(void *arg, enum stream_channel channel, const uint8_t *bytes, size_t len)
{
    struct port_proxy *p = arg;
    p->moved_ms = loop_now_ms();
    if (channel != STREAM_STDOUT) {
        fail(p, ERR_PROTOCOL, "its node said what does not belong there");
        return;
    }
    p->untaken += len;
    if (!take_output(p, (const char *)bytes, len) || p->full)
        return;
    len = p->untaken;
    p->untaken = 0;
    hub_took(p->stream, len);
}

static void on_closed(void *arg, int code, const char *text)
{
    struct port_proxy *p = arg;
    p->stream = NULL;
    if (p->phase == RAW || (p->phase == BODY && p->framing == PORT_BODY_CLOSE && !code))
        finish(p);
    else if (code)
        fail(p, code, text);
    else
        fail(p, ERR_BAD_GATEWAY, "the port closed the connection before its answer was complete");
}

static const struct hub_stream_ops stream_ops = {
    .on_output = on_output, .on_room = on_stream_room, .on_closed = on_closed};

/* --- the beginning --- */

static size_t fields_of(const struct http_exchange *x, struct port_field out[static HTTP_HEADERS_MAX])
{
    size_t count = 0;
    while (count < HTTP_HEADERS_MAX &&
           http_header_nth(x, (unsigned)count, &out[count].name, &out[count].value))
        count++;
    return count;
}

/* The protocol that a client asks to switch to; NULL: none. Who offers HTTP/2 can do without. */
static const char *upgrade_of(const struct http_exchange *x)
{
    const char *upgrade = http_header(x, "upgrade");
    return upgrade && strlen(upgrade) <= PORT_UPGRADE_MAX && strcasecmp(upgrade, "h2c") &&
                   http_stream_may_upgrade(x, upgrade)
               ? upgrade
               : NULL;
}

static void write_head(struct port_proxy *p, const struct port_place *place)
{
    struct port_field field[HTTP_HEADERS_MAX];
    struct http_exchange *x = p->x;
    const char *length = http_header(x, "content-length");
    struct port_request request = {.method = http_method(x),
                                   .query = http_query(x),
                                   .address = http_address(x),
                                   .host = http_header(x, "host"),
                                   .tls = http_is_tls(x),
                                   .upgrade = upgrade_of(x),
                                   .has_body = length || http_header(x, "transfer-encoding"),
                                   .has_length = length,
                                   .length = length ? strtoull(length, NULL, 10) : 0};
    struct text head = {0};
    p->chunked = request.has_body && !request.has_length;
    snprintf(p->upgrade, sizeof p->upgrade, "%s", request.upgrade ? request.upgrade : "");
    port_request_write(&request, place, field, fields_of(x, field), &head);
    add_out(p, head.data, head.len);
    text_fini(&head);
}

/* Whether the client still waits; else the exchange is gone. */
static bool begin_request(struct port_proxy *p)
{
    if (http_has_body(p->x))
        return http_stream_body(p->x, PORT_REQUEST_MAX, &client_ops, p);
    p->request_ended = true;
    return http_stream_await(p->x, &client_ops, p);
}

void port_proxy_start(struct port_proxies *all, const struct port_target *target,
                      const struct port_place *place, struct http_exchange *x)
{
    struct port_proxy *p = mem_zalloc(sizeof *p);
    struct stream_open open = {
        .sandbox = *target->sandbox, .op = STREAM_PORT, .port = {.port = target->port}};
    struct err e;
    *p = (struct port_proxy){.loop = target->loop, .x = x, .port = target->port, .moved_ms = loop_now_ms()};
    LIST_INSERT_HEAD(&all->list, p, link);
    p->is_head = http_stream_is_head(x);
    port_place_prefix(place, p->prefix);
    if (hub_stream_open(target->hub, target->node, target->caller, &open, &stream_ops, p, &p->stream, &e)) {
        fail(p, e.code, e.text);
        return;
    }
    write_head(p, place);
    if (!begin_request(p)) {
        hub_stream_end(p->stream);
        proxy_free(p);
        return;
    }
    send_out(p);
}

void port_proxies_cut(struct port_proxies *all, int code, const char *text)
{
    while (!LIST_EMPTY(&all->list))
        fail(LIST_FIRST(&all->list), code, text);
}
