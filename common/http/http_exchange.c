/* A request as its owner sees it: what it says, and what the owner does with it. */
#include "common/http/http_stream_int.h"

#include <linux/sockios.h>
#include <string.h>
#include <sys/ioctl.h>

bool http_has_body(const struct http_exchange *x)
{
    return !x->request.done;
}

bool http_read_body(struct http_exchange *x, bool keep, http_body_cb *cb, void *arg)
{
    struct http_connection *c = x->connection;
    if (!c) {
        http_exchange_free(x);
        return false;
    }
    struct http_request *r = &x->request;
    x->on_body = cb;
    x->arg = arg;
    r->body.discard = !keep;
    c->phase = PHASE_BODY;
    http_connection_time(c, c->server->limits.body_ms);
    /* A client that has begun to send the body needs no "100 Continue". */
    if (r->expects_continue && !evbuffer_get_length(bufferevent_get_input(c->io)))
        evbuffer_add_printf(bufferevent_get_output(c->io), "HTTP/1.1 100 Continue\r\n\r\n");
    if (!c->ended) /* under TLS, reading stopped when the head was handed over */
        bufferevent_enable(c->io, EV_READ);
    http_connection_go_on(c);
    return true;
}

void http_is_last(struct http_exchange *x)
{
    x->request.keep_alive = false;
}

void http_charge(struct http_exchange *x, const char *name)
{
    struct http_connection *c = x->connection;
    if (!c)
        return;
    struct http_server *server = c->server;
    bool waits = c->turn.line; /* more input, behind this request, is waiting */
    http_turn_cancel(&server->turns, &c->turn);
    http_holding_move(&c->holding, name ? &server->known_pool : &server->strangers_pool,
                      name ? name : c->network->text);
    if (waits)
        http_connection_go_on(c);
    http_connection_place(c, name ? &server->known : &server->strangers);
}

/* Ends an exchange whose client is gone. While its on_gone runs, http_stream_gone frees it afterwards. */
static void end_nowhere(struct http_exchange *x)
{
    x->stream.over = true;
    if (!x->stream.telling_gone)
        http_exchange_free(x);
}

void http_answer(struct http_exchange *x, int status, const char *type, const char *headers, const void *body,
                 size_t len)
{
    if (x->connection)
        http_connection_answer(x->connection, status, type, headers, body, len);
    else
        end_nowhere(x);
}

/* --- streams --- */

bool http_stream_body(struct http_exchange *x, uint64_t max, const struct http_stream_ops *ops, void *arg)
{
    if (!x->connection) {
        http_exchange_free(x);
        return false;
    }
    x->request.body.max = max;
    http_stream_set(x, STREAM_BODY, ops, arg);
    http_connection_stream(x->connection);
    return true;
}

bool http_stream_await(struct http_exchange *x, const struct http_stream_ops *ops, void *arg)
{
    x->stream.awaits = true;
    http_body_drop(&x->request.body);
    return http_stream_body(x, 0, ops, arg);
}

void http_stream_size(struct http_exchange *x, uint64_t length)
{
    x->stream.sized = true;
    x->stream.left = length;
}

bool http_stream_begin(struct http_exchange *x, int status, const char *type, const char *headers,
                       const struct http_stream_ops *ops, void *arg)
{
    if (!x->connection) {
        end_nowhere(x);
        return false;
    }
    http_connection_stream_head(x->connection, status, type, headers);
    http_stream_set(x, STREAM_ANSWER, ops, arg);
    http_connection_stream(x->connection);
    return true;
}

/* Whether a list, separated by commas, has this word. */
static bool has_word(const char *list, const char *word)
{
    for (const char *at = list; at && *at; at += strcspn(at, ","), at += *at == ',') {
        at += strspn(at, " \t");
        size_t len = strcspn(at, ", \t");
        if (len == strlen(word) && !strncasecmp(at, word, len))
            return true;
    }
    return false;
}

bool http_stream_may_upgrade(const struct http_exchange *x, const char *protocol)
{
    return !strcmp(x->request.method, "GET") && x->request.parser.http_minor && x->request.done &&
           has_word(http_header(x, "connection"), "upgrade") && has_word(http_header(x, "upgrade"), protocol);
}

bool http_stream_upgrade(struct http_exchange *x, const char *protocol, const char *headers,
                         const struct http_stream_ops *ops, void *arg)
{
    if (!x->connection) {
        end_nowhere(x);
        return false;
    }
    http_connection_upgrade_head(x->connection, protocol, headers);
    http_stream_set(x, STREAM_RAW, ops, arg);
    x->stream.awaits = false;   /* from here on, a client that ends its side may have sent something before */
    x->stream.told_end = false; /* that of the request's body */
    x->stream.wants_more = ops->on_piece != NULL;
    http_connection_stream(x->connection);
    return true;
}

void http_stream_more(struct http_exchange *x)
{
    x->stream.wants_more = true;
    if (x->connection)
        http_connection_ask(x->connection);
}

bool http_stream_write(struct http_exchange *x, const void *bytes, size_t len)
{
    struct http_connection *c = x->connection;
    if (!c || x->stream.over)
        return false;
    http_stream_put(x, bufferevent_get_output(c->io), bytes, len);
    if (x->stream.full)
        http_connection_ask(c); /* counts what is held */
    return !x->stream.full;
}

bool http_stream_is_head(const struct http_exchange *x)
{
    return !strcmp(x->request.method, "HEAD");
}

size_t http_stream_waiting(const struct http_exchange *x)
{
    return x->connection ? evbuffer_get_length(bufferevent_get_output(x->connection->io)) : 0;
}

size_t http_stream_unsent(const struct http_exchange *x)
{
    int queued = 0;
    if (x->connection && ioctl(bufferevent_getfd(x->connection->io), SIOCOUTQ, &queued))
        queued = 0;
    return http_stream_waiting(x) + (size_t)queued;
}

void http_stream_hold(struct http_exchange *x, size_t bytes)
{
    if (x->stream.held == bytes)
        return;
    x->stream.held = bytes;
    if (x->connection)
        http_connection_ask(x->connection); /* counts what is held */
}

static void end(struct http_exchange *x, bool broken)
{
    struct http_stream *s = &x->stream;
    if (!x->connection) {
        end_nowhere(x);
        return;
    }
    if (!broken && s->chunked && !s->head_only)
        evbuffer_add(bufferevent_get_output(x->connection->io), "0\r\n\r\n", 5);
    s->broken = broken || s->kind == STREAM_BODY || (s->sized && s->left && !s->head_only);
    s->over = true;
    http_connection_ask(x->connection);
}

void http_stream_end(struct http_exchange *x)
{
    end(x, false);
}

void http_stream_break(struct http_exchange *x)
{
    end(x, true);
}

/* --- what it says --- */

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

bool http_header_nth(const struct http_exchange *x, unsigned nth, const char **name, const char **value)
{
    if (nth >= x->request.fields)
        return false;
    *name = x->request.field[nth].name;
    *value = x->request.field[nth].value;
    return true;
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

bool http_query_nth(const struct http_exchange *x, const char *name, unsigned nth, char *out, size_t size)
{
    return http_request_query_nth(&x->request, name, nth, out, size);
}
