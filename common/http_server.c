#include "common/http_server.h"

#include "common/http_network.h"
#include "common/http_request.h"
#include "common/mem.h"
#include "common/tls_server.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/listener.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define OUT_WAITING_MAX 65536 /* bytes not yet taken: no further request is begun above this */
#define ROOM_LOOKS      64    /* connections that are looked at for one that idles */
#define REST_MS         100
#define LINGER_MS       2000 /* after a refusal: what still comes is thrown away, so that the answer arrives */

const struct http_limits http_default_limits = {.head_bytes = 32768,
                                                .body_bytes = 1u << 20,
                                                .connections = 12288,
                                                .connections_per_address = 1024,
                                                .head_ms = 10000,
                                                .body_ms = 30000,
                                                .idle_ms = 75000,
                                                .write_ms = 30000};

struct http_exchange {
    struct connection *connection; /* NULL once the client is gone */
    struct http_request request;
    bool tls;
    char address[INET6_ADDRSTRLEN], network[INET6_ADDRSTRLEN];
};

enum phase { HANDSHAKE, IDLE, HEAD, BODY, SERVED, CLOSING };

struct connection {
    struct http_server *server;
    struct connection *older, *newer;
    struct bufferevent *io;
    struct http_network *network;
    char address[INET6_ADDRSTRLEN];
    bool tls, ended; /* ended: the peer sends no more */
    enum phase phase;
    size_t searched; /* of the head: bytes in which its end is not */
    struct http_exchange *exchange;
    struct timer timer;
    struct later later;
};

struct http_server {
    struct loop *loop;
    struct http_limits limits;
    struct http_server_ops ops;
    void *owner;
    struct tls_server *tls;
    struct evconnlistener *listener;
    struct timer rest;
    struct connection *oldest, *newest; /* by when they were last answered, or came */
    struct http_network *networks;
    unsigned count, served;
    uint16_t port;
};

static void proceed(void *arg);

static void unlink_connection(struct connection *c)
{
    *(c->older ? &c->older->newer : &c->server->oldest) = c->newer;
    *(c->newer ? &c->newer->older : &c->server->newest) = c->older;
}

static void link_newest(struct connection *c)
{
    c->newer = NULL;
    c->older = c->server->newest;
    *(c->older ? &c->older->newer : &c->server->oldest) = c;
    c->server->newest = c;
}

static void exchange_free(struct http_exchange *x)
{
    http_request_fini(&x->request);
    free(x);
}

static void connection_close(struct connection *c)
{
    if (c->exchange && c->phase == SERVED)
        c->exchange->connection = NULL; /* its owner still owes the answer */
    else if (c->exchange)
        exchange_free(c->exchange);
    unlink_connection(c);
    c->server->count--;
    c->network->count--;
    http_network_drop(&c->server->networks, c->network);
    timer_stop(&c->timer);
    later_cancel(&c->later);
    bufferevent_free(c->io);
    free(c);
}

static void on_time_over(void *arg);

static void set_timer(struct connection *c, uint32_t ms)
{
    timer_start(&c->timer, c->server->loop, ms, on_time_over, c);
}

/* --- answers --- */

static const char *status_text(int status)
{
    for (int i = 1; i < ERR_INDEX_COUNT; i++) {
        if (err_status(-i) == status)
            return err_title(-i);
    }
    return status < 300 ? "OK" : "Error";
}

static void write_answer(struct connection *c, int status, const char *type, const char *headers,
                         const void *body, size_t len, bool head_only, bool keep)
{
    struct evbuffer *out = bufferevent_get_output(c->io);
    char date[64];
    time_t now = (time_t)(wall_now_ms() / 1000);
    struct tm tm;
    strftime(date, sizeof date, "%a, %d %b %Y %H:%M:%S GMT", gmtime_r(&now, &tm));
    evbuffer_add_printf(out, "HTTP/1.1 %d %s\r\nDate: %s\r\n", status, status_text(status), date);
    if (status != 204 && type)
        evbuffer_add_printf(out, "Content-Type: %s\r\n", type);
    if (status != 204)
        evbuffer_add_printf(out, "Content-Length: %zu\r\n", len);
    evbuffer_add_printf(out, "%s%s\r\n", headers ? headers : "", keep ? "" : "Connection: close\r\n");
    if (!head_only && status != 204)
        evbuffer_add(out, body, len);
}

/* Answers by itself, and ends the connection once that was taken. */
static void refuse(struct connection *c, const struct err *e)
{
    const char *headers = NULL,
               *body = c->server->ops.problem(c->server->owner, e->code, e->text, c->tls, &headers);
    write_answer(c, err_status(e->code), "application/problem+json", headers, body, strlen(body), false,
                 false);
    c->phase = CLOSING;
    bufferevent_enable(c->io, EV_READ | EV_WRITE);
    set_timer(c, LINGER_MS);
}

void http_answer(struct http_exchange *x, int status, const char *type, const char *headers, const void *body,
                 size_t len)
{
    struct connection *c = x->connection;
    if (c) {
        bool keep = x->request.keep_alive;
        write_answer(c, status, type, headers, body, len, !strcmp(x->request.method, "HEAD"), keep);
        c->exchange = NULL;
        c->phase = keep ? IDLE : CLOSING;
        unlink_connection(c);
        link_newest(c);
        set_timer(c, keep ? c->server->limits.idle_ms : LINGER_MS);
        if (keep)
            later_call(&c->later, c->server->loop, proceed, c);
    }
    exchange_free(x);
}

/* --- requests --- */

static struct http_exchange *exchange_of(struct connection *c)
{
    if (!c->exchange) {
        c->exchange = mem_zalloc(sizeof *c->exchange);
        c->exchange->connection = c;
        c->exchange->tls = c->tls;
        memcpy(c->exchange->address, c->address, sizeof c->exchange->address);
        memcpy(c->exchange->network, c->network->text, sizeof c->exchange->network);
        http_request_init(&c->exchange->request, c->server->limits.body_bytes);
    }
    return c->exchange;
}

static void refuse_request(struct connection *c, const struct err *e)
{
    if (c->exchange)
        exchange_free(c->exchange);
    c->exchange = NULL;
    refuse(c, e);
}

static void serve(struct connection *c)
{
    c->phase = SERVED;
    c->server->served++;
    timer_stop(&c->timer);
    /* Under TLS at once: there an end that is read ends writing too. Else only if more comes: it costs two
     * calls. */
    if (c->tls)
        bufferevent_disable(c->io, EV_READ);
    c->server->ops.on_request(c->server->owner, c->exchange);
}

/* The head, once its end is there. False where more bytes are needed, or the connection was refused. */
static bool take_head(struct connection *c, struct evbuffer *in)
{
    struct err e;
    size_t limit = c->server->limits.head_bytes, have = evbuffer_get_length(in);
    struct evbuffer_ptr from, end;
    evbuffer_ptr_set(in, &from, c->searched > 3 ? c->searched - 3 : 0, EVBUFFER_PTR_SET);
    end = evbuffer_search(in, "\r\n\r\n", 4, &from);
    if ((end.pos < 0 && have > limit) || (end.pos >= 0 && (size_t)end.pos + 4 > limit)) {
        (void)err_set(&e, ERR_HEADERS_TOO_LARGE, "the head is larger than %zu bytes", limit);
        refuse_request(c, &e);
        return false;
    }
    if (end.pos < 0) {
        c->searched = have;
        return false;
    }
    size_t len = (size_t)end.pos + 4;
    c->searched = 0;
    struct http_exchange *x = exchange_of(c);
    int rc = http_request_head(&x->request, (const char *)evbuffer_pullup(in, (ev_ssize_t)len), len, &e);
    evbuffer_drain(in, len);
    if (rc) {
        e.code = rc;
        refuse_request(c, &e);
        return false;
    }
    c->phase = BODY;
    set_timer(c, c->server->limits.body_ms);
    if (x->request.expects_continue && !x->request.done)
        evbuffer_add_printf(bufferevent_get_output(c->io), "HTTP/1.1 100 Continue\r\n\r\n");
    return true;
}

static bool take_body(struct connection *c, struct evbuffer *in)
{
    struct http_request *r = &c->exchange->request;
    struct err e;
    while (!r->done && evbuffer_get_length(in)) {
        struct evbuffer_iovec piece;
        size_t used;
        evbuffer_peek(in, -1, NULL, &piece, 1);
        int rc = http_request_body(r, piece.iov_base, piece.iov_len, &used, &e);
        if (rc) {
            e.code = rc;
            refuse_request(c, &e);
            return false;
        }
        evbuffer_drain(in, used);
    }
    return r->done;
}

/* Empty lines before a request are let pass, as RFC 9112 section 2.2 says. */
static void skip_empty_lines(struct evbuffer *in)
{
    char two[2];
    while (evbuffer_copyout(in, two, 2) == 2 && two[0] == '\r' && two[1] == '\n')
        evbuffer_drain(in, 2);
}

/* As far as the bytes that are there go. */
static void advance(struct connection *c, struct evbuffer *in)
{
    if (c->phase == IDLE) {
        skip_empty_lines(in);
        if (!evbuffer_get_length(in))
            return;
        c->phase = HEAD;
        set_timer(c, c->server->limits.head_ms);
    }
    if (c->phase == HEAD && !take_head(c, in))
        return;
    if (c->phase == BODY && (c->exchange->request.done || take_body(c, in)))
        serve(c);
}

/* Nothing more comes, and what came is answered: the connection ends once the answers are taken. */
static void finish(struct connection *c)
{
    if (!evbuffer_get_length(bufferevent_get_output(c->io))) {
        connection_close(c);
        return;
    }
    if (c->exchange)
        exchange_free(c->exchange);
    c->exchange = NULL;
    c->phase = CLOSING;
    set_timer(c, LINGER_MS);
}

static void proceed(void *arg)
{
    struct connection *c = arg;
    struct evbuffer *in = bufferevent_get_input(c->io);
    if (c->phase == SERVED) {
        bufferevent_disable(c->io, EV_READ);
        return;
    }
    if (!c->ended)
        bufferevent_enable(c->io, EV_READ);
    if (c->phase == CLOSING) {
        evbuffer_drain(in, evbuffer_get_length(in));
        return;
    }
    if (evbuffer_get_length(bufferevent_get_output(c->io)) > OUT_WAITING_MAX)
        return;
    unsigned before = c->server->served;
    advance(c, in);
    if (c->ended && c->server->served == before && c->phase != CLOSING)
        finish(c);
}

static void on_read(struct bufferevent *io, void *arg)
{
    proceed(arg);
}

static void on_written(struct bufferevent *io, void *arg)
{
    struct connection *c = arg;
    if (c->phase == CLOSING) {
        if (c->tls)
            tls_say_end(c->io);
        /* The rest is drained until the peer or the timer ends it. */
        shutdown(bufferevent_getfd(c->io), SHUT_WR);
    } else if (c->phase == IDLE)
        proceed(c);
}

static void on_io_event(struct bufferevent *io, short what, void *arg)
{
    struct connection *c = arg;
    if (what & BEV_EVENT_CONNECTED) {
        c->phase = IDLE;
        set_timer(c, c->server->limits.idle_ms);
        return;
    }
    /* Whoever says no more may still wait for the answers. (Under TLS the end of reading has ended writing.)
     */
    if (what == (BEV_EVENT_EOF | BEV_EVENT_READING) && c->phase != CLOSING && c->phase != HANDSHAKE) {
        c->ended = true;
        bufferevent_enable(c->io, EV_WRITE);
        proceed(c);
        return;
    }
    connection_close(c); /* end of file, an error, or the answer is not taken */
}

static void on_time_over(void *arg)
{
    struct connection *c = arg;
    struct err e;
    if (c->phase == HANDSHAKE || c->phase == IDLE || c->phase == CLOSING) {
        connection_close(c);
        return;
    }
    (void)err_set(&e, ERR_REQUEST_TIMEOUT, "the request did not arrive in time");
    refuse_request(c, &e);
}

/* --- connections --- */

/* Where all places are taken, one that idles is given up, of the longest idle ones; true where there was one.
 */
static bool make_room(struct http_server *server)
{
    unsigned looked = 0;
    for (struct connection *c = server->oldest; c && looked < ROOM_LOOKS; c = c->newer, looked++) {
        if (c->phase == IDLE && !evbuffer_get_length(bufferevent_get_output(c->io))) {
            connection_close(c);
            return true;
        }
    }
    return false;
}

static struct bufferevent *io_new(struct http_server *server, int fd)
{
    if (server->tls)
        return tls_server_accept(server->tls, server->loop, fd);
    struct bufferevent *io = bufferevent_socket_new(loop_base(server->loop), fd, BEV_OPT_CLOSE_ON_FREE);
    if (!io)
        close(fd);
    return io;
}

/* Takes io. */
static void connection_new(struct http_server *server, struct bufferevent *io, struct http_network *network,
                           const char *address)
{
    struct connection *c = mem_zalloc(sizeof *c);
    *c = (struct connection){.server = server,
                             .io = io,
                             .network = network,
                             .tls = server->tls,
                             .phase = server->tls ? HANDSHAKE : IDLE};
    strcpy(c->address, address);
    link_newest(c);
    server->count++;
    network->count++;
    bufferevent_setcb(io, on_read, on_written, on_io_event, c);
    struct timeval write_time = {.tv_sec = server->limits.write_ms / 1000,
                                 .tv_usec = server->limits.write_ms % 1000 * 1000};
    bufferevent_set_timeouts(io, NULL, &write_time);
    /* Never more in memory than a head or a piece of a body. */
    bufferevent_setwatermark(io, EV_READ, 0, server->limits.head_bytes + 4096);
    bufferevent_enable(io, EV_READ | EV_WRITE);
    set_timer(c, c->tls ? server->limits.head_ms : server->limits.idle_ms);
}

static void on_accept(struct evconnlistener *listener, evutil_socket_t fd, struct sockaddr *sa, int len,
                      void *arg)
{
    struct http_server *server = arg;
    char address[INET6_ADDRSTRLEN], text[INET6_ADDRSTRLEN];
    struct bufferevent *io = NULL;
    int on = 1;
    http_network_of(sa, address, text);
    bool room = server->count < server->limits.connections || make_room(server);
    struct http_network *network = http_network_get(&server->networks, text);
    if (!room || network->count >= server->limits.connections_per_address) {
        close(fd);
    } else {
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        io = io_new(server, fd);
    }
    if (io)
        connection_new(server, io, network, address);
    else
        http_network_drop(&server->networks, network);
}

static void on_rested(void *arg)
{
    struct http_server *server = arg;
    evconnlistener_enable(server->listener);
}

/* Out of descriptors: the listener rests for a moment, so that the loop does not spin. */
static void on_accept_error(struct evconnlistener *listener, void *arg)
{
    struct http_server *server = arg;
    evconnlistener_disable(listener);
    timer_start(&server->rest, server->loop, REST_MS, on_rested, server);
}

int http_server_new(struct http_server **out, struct loop *loop, const char *address, uint16_t port,
                    const struct http_limits *limits, const struct http_server_ops *ops, void *owner,
                    struct err *e)
{
    struct sockaddr_storage sa = {0};
    int len = sizeof sa;
    char text[300];
    snprintf(text, sizeof text, strchr(address, ':') ? "[%s]:%u" : "%s:%u", address, port);
    if (evutil_parse_sockaddr_port(text, (struct sockaddr *)&sa, &len))
        return err_set(e, ERR_CONFIG, "listen_address \"%s\" is no IP address", address);
    struct http_server *server = mem_zalloc(sizeof *server);
    *server = (struct http_server){.loop = loop, .limits = *limits, .ops = *ops, .owner = owner};
    server->listener = evconnlistener_new_bind(
        loop_base(loop), on_accept, server, LEV_OPT_CLOSE_ON_FREE | LEV_OPT_REUSEABLE | LEV_OPT_CLOSE_ON_EXEC,
        4096, (struct sockaddr *)&sa, len);
    if (!server->listener) {
        int rc = err_set(e, ERR_IO, "cannot listen on %s: %s", text, strerror(errno));
        free(server);
        return rc;
    }
    evconnlistener_set_error_cb(server->listener, on_accept_error);
    socklen_t size = sizeof sa;
    getsockname(evconnlistener_get_fd(server->listener), (struct sockaddr *)&sa, &size);
    server->port = ntohs(sa.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)(void *)&sa)->sin6_port
                                                  : ((struct sockaddr_in *)(void *)&sa)->sin_port);
    *out = server;
    return 0;
}

void http_server_free(struct http_server *server)
{
    if (!server)
        return;
    timer_stop(&server->rest);
    evconnlistener_free(server->listener);
    while (server->oldest)
        connection_close(server->oldest);
    tls_server_free(server->tls);
    free(server);
}

void http_server_set_limits(struct http_server *server, const struct http_limits *limits)
{
    server->limits = *limits;
}

void http_server_set_tls(struct http_server *server, struct tls_server *tls)
{
    tls_server_free(server->tls);
    server->tls = tls;
}

uint16_t http_server_port(const struct http_server *server)
{
    return server->port;
}

unsigned http_server_connections(const struct http_server *server)
{
    return server->count;
}

/* --- what a request says --- */

const char *http_method(const struct http_exchange *x)
{
    return x->request.method;
}

const char *http_path(const struct http_exchange *x)
{
    return x->request.target;
}

const char *http_query(const struct http_exchange *x)
{
    return x->request.query ? x->request.query : "";
}

const char *http_address(const struct http_exchange *x)
{
    return x->address;
}

const char *http_network(const struct http_exchange *x)
{
    return x->network;
}

bool http_is_tls(const struct http_exchange *x)
{
    return x->tls;
}

const char *http_header(const struct http_exchange *x, const char *name)
{
    return http_request_field(&x->request, name);
}

const char *http_body(const struct http_exchange *x, size_t *len)
{
    *len = x->request.body.len;
    return x->request.body.bytes ? x->request.body.bytes : "";
}

bool http_query_get(const struct http_exchange *x, const char *name, char *out, size_t size)
{
    return http_request_query(&x->request, name, out, size);
}
