/* A request as its owner sees it: what it says, and what the owner does with it. */
#include "common/http/http_server_int.h"

#include <stdlib.h>

bool http_has_body(const struct http_exchange *x)
{
    return !x->request.done;
}

static void exchange_end(struct http_exchange *x)
{
    http_request_fini(&x->request);
    free(x);
}

bool http_read_body(struct http_exchange *x, bool keep, http_body_cb *cb, void *arg)
{
    struct http_connection *c = x->connection;
    if (!c) {
        exchange_end(x);
        return false;
    }
    struct http_request *r = &x->request;
    x->on_body = cb;
    x->arg = arg;
    r->body.discard = !keep;
    c->phase = PHASE_BODY;
    http_connection_time(c, c->server->limits.body_ms);
    /* Whoever has begun to send needs no word to begin. */
    if (r->expects_continue && !evbuffer_get_length(bufferevent_get_input(c->io)))
        evbuffer_add_printf(bufferevent_get_output(c->io), "HTTP/1.1 100 Continue\r\n\r\n");
    if (!c->ended) /* under TLS reading stopped when the head was handed over */
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
    bool waits = c->turn.line; /* for what was sent behind this request */
    http_turn_cancel(&server->turns, &c->turn);
    http_holding_move(&c->holding, name ? &server->known_pool : &server->strangers_pool,
                      name ? name : c->network->text);
    if (waits)
        http_connection_go_on(c);
    http_connection_place(c, name ? &server->known : &server->strangers);
}

void http_answer(struct http_exchange *x, int status, const char *type, const char *headers, const void *body,
                 size_t len)
{
    if (x->connection)
        http_connection_answer(x->connection, status, type, headers, body, len);
    else
        exchange_end(x);
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

const char *http_body(const struct http_exchange *x, size_t *len)
{
    *len = x->request.body.len;
    return x->request.body.bytes ? x->request.body.bytes : "";
}

bool http_query_get(const struct http_exchange *x, const char *name, char *out, size_t size)
{
    return http_request_query(&x->request, name, out, size);
}
