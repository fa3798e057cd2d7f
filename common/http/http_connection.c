/* One connection of the HTTP server: reading, answering, timeouts, and accounting of its memory. */
#include "common/http/http_stream_int.h"

#include "common/http/http_status.h"
#include "common/base/mem.h"

#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define OUT_WAITING_MAX                                                                                      \
    65536 /* above this many bytes that the peer has not taken, no further request begins */
#define CLOSES      "Connection: close\r\n"
#define LINGER_MS   1000 /* after a refusal, input is dropped for so long, so that the answer arrives */
#define BUFFER_COST 512  /* of a buffer that is not empty, beside its bytes */
#define BODY_READ   65536

static void on_turn(void *arg);

/* Takes the exchange from the connection. An owner that waits for the body learns that none comes; an
 * owner that owes an answer keeps the exchange, and its answer is dropped. */
static void exchange_drop(struct http_connection *c)
{
    struct http_exchange *x = c->exchange;
    if (!x)
        return;
    c->exchange = NULL;
    if (x->stream.kind) {
        bufferevent_setwatermark(c->io, EV_WRITE, 0, 0);
        http_stream_gone(x);
        return;
    }
    x->connection = NULL;
    if (c->phase == PHASE_SERVED)
        return;
    if (x->on_body)
        x->on_body(x->arg, false);
    http_exchange_free(x);
}

/* --- what it holds --- */

static size_t buffered(struct evbuffer *buffer)
{
    size_t len = evbuffer_get_length(buffer);
    return len ? len + BUFFER_COST : 0;
}

bool http_connection_idles(struct http_connection *c)
{
    bool idles = c->io && c->places == &c->server->known &&
                 (c->phase == PHASE_IDLE || c->phase == PHASE_CLOSING) &&
                 !evbuffer_get_length(bufferevent_get_input(c->io)) && /* input may wait for its turn */
                 !evbuffer_get_length(bufferevent_get_output(c->io));
    if (idles && !c->idles)
        TAILQ_INSERT_TAIL(&c->server->idle, c, of_idle);
    else if (!idles && c->idles)
        TAILQ_REMOVE(&c->server->idle, c, of_idle);
    c->idles = idles;
    return idles;
}

static void count(struct http_connection *c)
{
    size_t bytes = buffered(bufferevent_get_input(c->io)) + buffered(bufferevent_get_output(c->io));
    /* Giving up a stream that waits for something to say would gain nothing. */
    bool rests =
        c->exchange && c->exchange->stream.kind >= STREAM_ANSWER && !c->exchange->stream.held && !bytes;
    if (c->exchange)
        bytes += sizeof *c->exchange + c->exchange->head_len + c->exchange->request.body.room +
                 c->exchange->stream.held;
    /* An answer that has begun is not owed any more, also after http_stream_await: it is given up as others.
     */
    bool owed =
        c->phase == PHASE_SERVED || (c->exchange && c->exchange->stream.awaits &&
                                     c->exchange->stream.kind == STREAM_BODY && !c->exchange->stream.over);
    http_holding_set(&c->holding, bytes, !owed && !rests);
    (void)http_connection_idles(c);
}

static struct http_connection *connection_of(struct http_holding *h)
{
    return (struct http_connection *)(void *)((char *)h - offsetof(struct http_connection, holding));
}

static void refuse_request(struct http_connection *c, const struct err *e);

/* A request is arriving, or has arrived and waits for its turn. */
static bool is_owed_an_answer(const struct http_connection *c)
{
    return c->phase == PHASE_HEAD || c->phase == PHASE_BODY ||
           (c->phase == PHASE_IDLE && evbuffer_get_length(bufferevent_get_input(c->io)));
}

/* Gives the connection up. If a request is unanswered, the client gets a 429 first; a second call, or one
 * without such a request, closes at once. */
static void give_up(struct http_connection *c)
{
    struct err e;
    if (!is_owed_an_answer(c)) {
        http_connection_close(c);
        return;
    }
    bool own = http_holding_is_over(&c->holding);
    (void)err_set(
        &e, ERR_RATE_LIMITED,
        own ? "the requests that are under way hold more memory than they may; send fewer at once"
            : "too many requests arrive at once, and this one has taken the longest; send it again");
    refuse_request(c, &e);
    count(c);
    http_holding_told(&c->holding);
}

/* Updates the accounting and enforces the budgets. Call last in a callback: c may be freed afterwards. */
static void settle(struct http_connection *c)
{
    struct http_holding *victim;
    bool here = true;
    count(c);
    while (here && (victim = http_holding_victim(&c->holding))) {
        here = victim != &c->holding || is_owed_an_answer(c);
        give_up(connection_of(victim));
    }
}

/* --- its life --- */

void http_connection_place(struct http_connection *c, struct http_places *places)
{
    network_leave(&c->of_network);
    if (c->places) {
        TAILQ_REMOVE(&c->places->list, c, link);
        c->places->count--;
    }
    c->places = places;
    if (places == &c->server->strangers)
        network_join(c->network, &c->of_network);
    if (places) {
        TAILQ_INSERT_TAIL(&places->list, c, link);
        places->count++;
    }
}

void http_connection_close(struct http_connection *c)
{
    exchange_drop(c);
    http_handshake_free(c->handshake);
    http_connection_place(c, NULL);
    (void)http_connection_idles(c);
    http_turn_cancel(&c->server->turns, &c->turn);
    http_holding_end(&c->holding);
    c->network->count--;
    network_drop(&c->server->networks, c->network);
    timer_stop(&c->timer);
    if (c->io)
        bufferevent_free(c->io);
    free(c);
}

static void on_time_over(void *arg);

void http_connection_time(struct http_connection *c, uint32_t ms)
{
    timer_start(&c->timer, c->server->loop, ms, on_time_over, c);
}

void http_connection_ask(struct http_connection *c)
{
    http_turn_ask(&c->server->turns, http_holding_line(&c->holding), &c->turn, on_turn, c);
}

void http_connection_go_on(struct http_connection *c)
{
    if (!c->advancing)
        http_connection_ask(c);
}

/* --- answers --- */

static void write_date(struct evbuffer *out)
{
    char date[64];
    time_t now = (time_t)(wall_now_ms() / 1000);
    struct tm tm;
    strftime(date, sizeof date, "%a, %d %b %Y %H:%M:%S GMT", gmtime_r(&now, &tm));
    evbuffer_add_printf(out, "Date: %s\r\n", date);
}

static void write_answer(struct http_connection *c, int status, const char *type, const char *headers,
                         const void *body, size_t len, bool head_only, const char *connection)
{
    struct evbuffer *out = bufferevent_get_output(c->io);
    bool bodiless = status == 204 || status == 304;
    evbuffer_add_printf(out, "HTTP/1.1 %d %s\r\n", status, http_status_text(status));
    write_date(out);
    if (!bodiless && type)
        evbuffer_add_printf(out, "Content-Type: %s\r\n", type);
    if (!bodiless)
        evbuffer_add_printf(out, "Content-Length: %zu\r\n", len);
    evbuffer_add_printf(out, "%s%s\r\n", headers ? headers : "", connection);
    if (!head_only && !bodiless)
        evbuffer_add(out, body, len);
}

/* Ends the output; input is drained until the peer or the timer ends the connection. */
static void say_end(struct http_connection *c)
{
    if (c->tls)
        tls_say_end(c->io);
    shutdown(bufferevent_getfd(c->io), SHUT_WR);
}

/* The current answer is the last; input is dropped until the connection ends. */
static void begin_end(struct http_connection *c)
{
    struct evbuffer *in = bufferevent_get_input(c->io);
    if (!evbuffer_get_length(bufferevent_get_output(c->io)))
        say_end(c);
    c->phase = PHASE_CLOSING;
    evbuffer_drain(in, evbuffer_get_length(in));
    bufferevent_enable(c->io, EV_READ | EV_WRITE);
    http_connection_time(c, LINGER_MS);
}

/* The server itself answers, and ends the connection once the answer was taken. */
static void refuse_request(struct http_connection *c, const struct err *e)
{
    const char *headers = NULL,
               *body = c->server->ops.problem(c->server->owner, e->code, e->text, c->tls, &headers);
    exchange_drop(c);
    write_answer(c, err_status(e->code), "application/problem+json", headers, body, strlen(body), false,
                 CLOSES);
    begin_end(c);
}

/* Takes the part of the body that has arrived. Returns false with *e if the body is refused; the caller
 * ends the connection then. */
static bool take_body(struct http_connection *c, struct err *e)
{
    struct http_request *r = &c->exchange->request;
    struct evbuffer *in = bufferevent_get_input(c->io);
    while (!r->done && evbuffer_get_length(in)) {
        struct evbuffer_iovec piece;
        size_t used;
        evbuffer_peek(in, -1, NULL, &piece, 1);
        int rc = http_request_body(r, piece.iov_base, piece.iov_len, &used, e);
        if (rc) {
            e->code = rc;
            return false;
        }
        evbuffer_drain(in, used);
    }
    return true;
}

/* Skips a body that the owner did not ask for, if all of it has arrived. */
static bool body_is_over(struct http_connection *c)
{
    struct err e;
    c->exchange->request.body.discard = true;
    return c->exchange->request.done || (take_body(c, &e) && c->exchange->request.done);
}

/* The exchange is over: the next request may come, or the connection ends. */
static void go_on_after(struct http_connection *c, bool keep)
{
    http_exchange_free(c->exchange);
    c->exchange = NULL;
    http_connection_place(c, c->places);
    if (keep) {
        c->phase = PHASE_IDLE;
        http_connection_time(c, c->server->limits.idle_ms);
        http_connection_ask(c);
    } else {
        begin_end(c);
    }
    count(c);
}

void http_connection_answer(struct http_connection *c, int status, const char *type, const char *headers,
                            const void *body, size_t len)
{
    const struct http_request *r = &c->exchange->request;
    struct http_stream *s = &c->exchange->stream;
    bool keep = r->keep_alive && (s->kind ? r->done : body_is_over(c));
    /* an HTTP/1.0 client expects the end of the connection unless told otherwise */
    const char *connection = !keep ? CLOSES : r->parser.http_minor ? "" : "Connection: keep-alive\r\n";
    write_answer(c, status, type, headers, body, len, !strcmp(r->method, "HEAD"), connection);
    if (!s->kind) {
        go_on_after(c, keep);
        return;
    }
    s->kind = STREAM_ANSWER; /* the owner may be inside one of the stream's callbacks */
    s->over = true;
    s->keep = keep;
    http_connection_ask(c);
}

/* --- streams --- */

void http_connection_stream_head(struct http_connection *c, int status, const char *type, const char *headers)
{
    struct http_exchange *x = c->exchange;
    struct http_stream *s = &x->stream;
    struct evbuffer *out = bufferevent_get_output(c->io);
    bool bodiless = status == 204 || status == 304;
    bool taken =
        s->kind == STREAM_BODY || body_is_over(c); /* otherwise the rest of the body ends the connection */
    s->chunked = x->request.parser.http_minor && !bodiless && !s->sized;
    s->keep = x->request.keep_alive && taken && x->request.parser.http_minor;
    s->head_only = bodiless || !strcmp(x->request.method, "HEAD");
    evbuffer_add_printf(out, "HTTP/1.1 %d %s\r\n", status, http_status_text(status));
    write_date(out);
    if (type)
        evbuffer_add_printf(out, "Content-Type: %s\r\n", type);
    if (s->sized && !bodiless)
        evbuffer_add_printf(out, "Content-Length: %llu\r\n", (unsigned long long)s->left);
    evbuffer_add_printf(out, "%s%s%s\r\n", s->chunked ? "Transfer-Encoding: chunked\r\n" : "",
                        headers ? headers : "", s->keep ? "" : CLOSES);
}

void http_connection_upgrade_head(struct http_connection *c, const char *protocol, const char *headers)
{
    struct evbuffer *out = bufferevent_get_output(c->io);
    evbuffer_add_printf(out, "HTTP/1.1 101 Switching Protocols\r\n");
    write_date(out);
    evbuffer_add_printf(out, "Connection: Upgrade\r\nUpgrade: %s\r\n%s\r\n", protocol,
                        headers ? headers : "");
    bufferevent_enable(c->io, EV_READ | EV_WRITE); /* libevent arms a timeout of what is enabled later */
    bufferevent_set_timeouts(c->io, NULL, NULL);
}

void http_connection_stream(struct http_connection *c)
{
    struct http_exchange *x = c->exchange;
    struct http_request *r = &x->request;
    c->phase = PHASE_STREAM;
    bufferevent_setwatermark(c->io, EV_WRITE, HTTP_STREAM_LOW, 0);
    bufferevent_set_max_single_write(c->io, HTTP_STREAM_HIGH);
    if (x->stream.kind == STREAM_BODY && r->expects_continue && !r->done &&
        !evbuffer_get_length(bufferevent_get_input(c->io)))
        evbuffer_add_printf(bufferevent_get_output(c->io), "HTTP/1.1 100 Continue\r\n\r\n");
    if (!c->ended)
        bufferevent_enable(c->io, EV_READ);
    http_connection_ask(c);
}

/* Resets the connection at once, so that the peer sees that the answer is incomplete. */
static void cut_off(struct http_connection *c)
{
    struct linger none = {.l_onoff = 1};
    exchange_drop(c);
    setsockopt(bufferevent_getfd(c->io), SOL_SOCKET, SO_LINGER, &none, sizeof none);
    c->phase = PHASE_CLOSING;
    c->cut = true;
    http_connection_time(c, 0);
}

/* The owner has ended the stream. */
static void end_stream(struct http_connection *c)
{
    struct http_stream *s = &c->exchange->stream;
    bufferevent_setwatermark(c->io, EV_WRITE, 0, 0);
    if (s->broken && !s->chunked)
        cut_off(c);
    else
        go_on_after(c, s->keep && !s->broken && c->exchange->request.done);
}

static void finish(struct http_connection *c);

/* A client that closes its side in the middle of a body, or while it receives a stream, counts as gone. */
static bool client_ended(const struct http_connection *c, const struct evbuffer *in)
{
    const struct http_exchange *x = c->exchange;
    if (x->stream.awaits) /* whatever it has sent behind its request */
        return c->ended;
    return c->ended && !evbuffer_get_length(in) && (x->stream.kind == STREAM_ANSWER || http_stream_takes(x));
}

/* Reads more of a body that is taken in pieces: libevent reads 4 KiB at once, and each time costs several
 * system calls and a turn. An end or an error comes again when libevent reads next. */
static void read_body(struct http_connection *c, struct evbuffer *in)
{
    struct evbuffer_iovec room;
    if (c->tls || c->ended || !http_stream_takes(c->exchange))
        return;
    evbuffer_unfreeze(in, 0);
    if (evbuffer_reserve_space(in, BODY_READ, &room, 1) == 1) {
        ssize_t n = recv(bufferevent_getfd(c->io), room.iov_base, BODY_READ, MSG_DONTWAIT);
        room.iov_len = n > 0 ? (size_t)n : 0;
        evbuffer_commit_space(in, &room, 1);
    }
    evbuffer_freeze(in, 0);
}

static void advance_stream(struct http_connection *c, struct evbuffer *in)
{
    struct http_exchange *x = c->exchange;
    struct http_stream *s = &x->stream;
    struct err e;
    read_body(c, in);
    size_t had = evbuffer_get_length(in);
    int rc = http_stream_take(x, in, c->ended, &e);
    if (!rc)
        http_stream_tell_room(x, bufferevent_get_output(c->io));
    e.code = rc;
    if (s->flooded) {
        cut_off(c);
    } else if (s->over) {
        end_stream(c);
    } else if (rc && s->kind == STREAM_BODY) {
        refuse_request(c, &e);
    } else if (rc || client_ended(c, in)) {
        finish(c);
    } else if (!http_stream_takes(x)) {
        timer_stop(&c->timer);
    } else if (evbuffer_get_length(in) < had || !timer_armed(&c->timer)) {
        http_connection_time(c, c->server->limits.body_ms);
    }
}

/* --- requests --- */

static struct http_exchange *exchange_of(struct http_connection *c)
{
    if (!c->exchange) {
        c->exchange = mem_zalloc(sizeof *c->exchange);
        c->exchange->connection = c;
        c->exchange->tls = c->tls;
        memcpy(c->exchange->address, c->address, sizeof c->exchange->address);
        memcpy(c->exchange->network, c->network->text, sizeof c->exchange->network);
        http_request_init(&c->exchange->request,
                          c->server->ops.body_max ? SIZE_MAX : c->server->limits.body_bytes);
    }
    return c->exchange;
}

static void serve(struct http_connection *c)
{
    c->phase = PHASE_SERVED;
    c->server->served++;
    timer_stop(&c->timer);
    /* Under TLS stop reading at once, since reading the peer's end would also end writing. Otherwise stop
     * only when more input comes, which saves two system calls. */
    if (c->tls)
        bufferevent_disable(c->io, EV_READ);
    count(c);
}

/* Whether the input begins like a TLS handshake although this port speaks plain HTTP. */
static bool is_tls_hello(const struct http_connection *c, struct evbuffer *in)
{
    unsigned char begin[3];
    return !c->tls && evbuffer_copyout(in, begin, 3) == 3 && begin[0] == 0x16 && begin[1] == 3 &&
           begin[2] <= 4;
}

/* Takes the head once all of it is there, and hands the request to its owner. No byte of the body was
 * taken yet. */
static void take_head(struct http_connection *c, struct evbuffer *in)
{
    struct err e;
    if (is_tls_hello(c, in)) {
        (void)err_set(&e, ERR_BAD_REQUEST, "this port speaks plain HTTP, and was asked for TLS: use http://");
        refuse_request(c, &e);
        return;
    }
    size_t limit = c->server->limits.head_bytes, have = evbuffer_get_length(in);
    struct evbuffer_ptr from, end;
    evbuffer_ptr_set(in, &from, c->searched > 3 ? c->searched - 3 : 0, EVBUFFER_PTR_SET);
    end = evbuffer_search(in, "\r\n\r\n", 4, &from);
    if ((end.pos < 0 && have > limit) || (end.pos >= 0 && (size_t)end.pos + 4 > limit)) {
        (void)err_set(&e, ERR_HEADERS_TOO_LARGE, "the head is larger than %zu bytes", limit);
        refuse_request(c, &e);
        return;
    }
    if (end.pos < 0) {
        c->searched = have;
        return;
    }
    size_t len = (size_t)end.pos + 4;
    c->searched = 0;
    struct http_exchange *x = exchange_of(c);
    x->head_len = len;
    int rc = http_request_head(&x->request, (const char *)evbuffer_pullup(in, (ev_ssize_t)len), len, &e);
    evbuffer_drain(in, len);
    if (!rc && c->server->ops.body_max)
        rc = http_request_bound(&x->request, c->server->ops.body_max(c->server->owner, x), &e);
    if (rc) {
        e.code = rc;
        refuse_request(c, &e);
        return;
    }
    serve(c);
    c->server->ops.on_head(c->server->owner, x);
}

static void go_on_with_body(struct http_connection *c)
{
    struct http_exchange *x = c->exchange;
    struct err e;
    if (!take_body(c, &e)) {
        refuse_request(c, &e);
    } else if (x->request.done) {
        serve(c);
        x->on_body(x->arg, true);
    }
}

/* Skips empty lines before a request, as RFC 9112 section 2.2 asks. */
static void skip_empty_lines(struct evbuffer *in)
{
    char two[2];
    while (evbuffer_copyout(in, two, 2) == 2 && two[0] == '\r' && two[1] == '\n')
        evbuffer_drain(in, 2);
}

/* Goes as far as the available bytes allow. */
static void advance(struct http_connection *c, struct evbuffer *in)
{
    if (c->phase == PHASE_IDLE) {
        skip_empty_lines(in);
        if (!evbuffer_get_length(in))
            return;
        c->phase = PHASE_HEAD;
        http_connection_time(c, c->server->limits.head_ms);
    }
    if (c->phase == PHASE_HEAD)
        take_head(c, in);
    if (c->phase == PHASE_BODY)
        go_on_with_body(c);
}

/* The peer sends no more: the connection ends once the answers are taken. */
static void finish(struct http_connection *c)
{
    exchange_drop(c);
    c->phase = PHASE_CLOSING;
    http_connection_time(c, evbuffer_get_length(bufferevent_get_output(c->io)) ? LINGER_MS : 0);
}

/*
 * Reads no further while much input waits: libevent calls on_read again and again, without a pause, for a
 * connection that may read and has as much input as it may have.
 */
static void pace_input(struct http_connection *c, struct evbuffer *in)
{
    size_t low, most;
    if (c->ended || c->phase == PHASE_SERVED || c->phase == PHASE_CLOSING)
        return;
    bufferevent_getwatermark(c->io, EV_READ, &low, &most);
    if (evbuffer_get_length(in) < most)
        bufferevent_enable(c->io, EV_READ);
    else
        bufferevent_disable(c->io, EV_READ);
}

static void proceed_request(struct http_connection *c, struct evbuffer *in)
{
    if (c->phase != PHASE_BODY && evbuffer_get_length(bufferevent_get_output(c->io)) > OUT_WAITING_MAX)
        return;
    unsigned before = c->server->served;
    c->advancing = true;
    advance(c, in);
    c->advancing = false;
    bool waits = c->phase == PHASE_HEAD || c->phase == PHASE_BODY ||
                 (c->phase == PHASE_IDLE && c->server->served == before);
    if (c->ended && waits)
        finish(c);
}

static void proceed(struct http_connection *c)
{
    struct evbuffer *in = bufferevent_get_input(c->io);
    if (c->phase == PHASE_SERVED) {
        bufferevent_disable(c->io, EV_READ);
        return;
    }
    if (c->phase == PHASE_CLOSING) {
        if (!c->ended)
            bufferevent_enable(c->io, EV_READ);
        evbuffer_drain(in, evbuffer_get_length(in));
        return;
    }
    if (c->phase == PHASE_STREAM) {
        c->advancing = true;
        advance_stream(c, in);
        c->advancing = false;
    } else {
        proceed_request(c, in);
    }
    pace_input(c, in);
}

static void on_turn(void *arg)
{
    struct http_connection *c = arg;
    proceed(c);
    settle(c);
}

/* Stopping to read and dropping input need no turn; all other work waits for its turn. */
static void on_read(struct bufferevent *io, void *arg)
{
    struct http_connection *c = arg;
    if (c->phase == PHASE_SERVED || c->phase == PHASE_CLOSING)
        proceed(c);
    else
        http_connection_go_on(c);
    settle(c);
}

static void on_written(struct bufferevent *io, void *arg)
{
    struct http_connection *c = arg;
    if (c->phase == PHASE_CLOSING) {
        if (!c->cut)
            say_end(c);
    } else if (c->phase == PHASE_IDLE || c->phase == PHASE_STREAM) {
        http_connection_go_on(c);
    }
    settle(c);
}

static void on_io_event(struct bufferevent *io, short what, void *arg)
{
    struct http_connection *c = arg;
    /* A client that has closed its side may still wait for answers. (Under TLS, reading the end has also
     * ended writing.) */
    if (what == (BEV_EVENT_EOF | BEV_EVENT_READING) && c->phase != PHASE_CLOSING) {
        c->ended = true;
        bufferevent_enable(c->io, EV_WRITE);
        http_connection_go_on(c);
        settle(c);
        return;
    }
    http_connection_close(c); /* an end, an error, or the peer did not take the answer in time */
}

static void on_time_over(void *arg)
{
    struct http_connection *c = arg;
    struct err e;
    if (c->phase == PHASE_HANDSHAKE || c->phase == PHASE_IDLE || c->phase == PHASE_CLOSING) {
        http_connection_close(c);
        return;
    }
    if (c->phase == PHASE_STREAM && c->exchange->stream.kind != STREAM_BODY) {
        http_connection_close(c);
        return;
    }
    (void)err_set(&e, ERR_REQUEST_TIMEOUT, "the request did not arrive in time");
    refuse_request(c, &e);
    settle(c);
}

/* The connection is ready for requests. Takes io. */
static void begin(struct http_connection *c, struct bufferevent *io)
{
    const struct http_limits *limits = &c->server->limits;
    c->io = io;
    c->phase = PHASE_IDLE;
    bufferevent_setcb(io, on_read, on_written, on_io_event, c);
    struct timeval write_time = {.tv_sec = limits->write_ms / 1000,
                                 .tv_usec = limits->write_ms % 1000 * 1000};
    bufferevent_set_timeouts(io, NULL, &write_time);
    /* Buffers at most a head, or a piece of a body. */
    bufferevent_setwatermark(io, EV_READ, 0, limits->head_bytes + 4096);
    bufferevent_enable(io, EV_READ | EV_WRITE);
    http_connection_time(c, limits->idle_ms);
}

static void on_handshake(void *arg, struct bufferevent *io)
{
    struct http_connection *c = arg;
    http_handshake_free(c->handshake);
    c->handshake = NULL;
    if (io)
        begin(c, io);
    else
        http_connection_close(c);
}

void http_connection_new(struct http_server *server, struct bufferevent *io, struct tls_session *session,
                         struct network *network, const char *address)
{
    struct http_connection *c = mem_zalloc(sizeof *c);
    *c = (struct http_connection){.server = server, .network = network, .tls = session != NULL};
    strcpy(c->address, address);
    http_connection_place(c, &server->strangers);
    http_holding_begin(&c->holding, &server->strangers_pool, network->text);
    network->count++;
    if (io) {
        begin(c, io);
        return;
    }
    http_connection_time(c, server->limits.head_ms);
    c->handshake = http_handshake_new(server->loop, &server->turns, http_holding_line(&c->holding), session,
                                      on_handshake, c);
}
