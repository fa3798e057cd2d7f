#include "controller/ports/port_server.h"

#include "common/base/mem.h"
#include "common/io/pki.h"
#include "common/io/tls_server.h"
#include "controller/api/rate_table.h"
#include "controller/ports/port_problem.h"

#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REDIRECT_MAX (HTTP_TARGET_MAX + 64)
#define HOST_MAX     255

struct port_server {
    struct loop *loop;
    struct http_server *http;
    struct port_table *table;
    struct port_server_ops ops;
    void *owner;
    struct stream_hub *hub;
    char *address, *domain; /* domain NULL: none */
    struct rate_rule rule;
    struct rate_table misses;
};

/* A request whose port is looked up. */
struct finding {
    struct port_server *server;
    struct http_exchange *x;
    struct port_place place;
    bool counted; /* it took from its network's rate */
};

/* --- tokens --- */

void port_token_make(char token[static PORT_TOKEN_LEN + 1], uint8_t hash[static PORT_HASH_LEN])
{
    static const char digits[] = "abcdefghijklmnopqrstuvwxyz234567";
    uint8_t random[PORT_TOKEN_LEN];
    pki_random(random, sizeof random);
    for (size_t i = 0; i < PORT_TOKEN_LEN; i++)
        token[i] = digits[random[i] & 31];
    token[PORT_TOKEN_LEN] = 0;
    SHA256((const unsigned char *)token, PORT_TOKEN_LEN, hash);
}

/* Whether this is a name or an address that may stand in a URL; *len gets its length without a port. */
static bool is_plain_host(const char *host, size_t *len)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-.";
    if (host[0] == '[') {
        size_t n = strspn(host + 1, "0123456789abcdefABCDEF:.");
        *len = n + 2;
        return n && host[n + 1] == ']' && (!host[n + 2] || host[n + 2] == ':');
    }
    *len = strspn(host, plain);
    return *len && (!host[*len] || host[*len] == ':');
}

bool port_server_url(const struct port_server *server, const struct http_exchange *x, const char *token,
                     char *out, size_t size)
{
    const char *scheme = http_is_tls(x) ? "https" : "http", *host = http_header(x, "host");
    unsigned port = http_server_port(server->http);
    size_t len = 0;
    int n;
    if (server->domain) {
        n = snprintf(out, size, "%s://%s.%s/", scheme, token, server->domain);
    } else if (host && is_plain_host(host, &len) && len <= HOST_MAX) {
        n = snprintf(out, size, "%s://%.*s:%u/p/%s/", scheme, (int)len, host, port, token);
    } else {
        bool v6 = strchr(server->address, ':');
        n = snprintf(out, size, "%s://%s%s%s:%u/p/%s/", scheme, v6 ? "[" : "", server->address, v6 ? "]" : "",
                     port, token);
    }
    return n > 0 && (size_t)n < size;
}

/* --- requests --- */

/* "/p/<token>" without a slash: relative links of the page would lead out of it. */
static void redirect(struct http_exchange *x)
{
    char headers[REDIRECT_MAX];
    const char *query = http_query(x);
    snprintf(headers, sizeof headers, "Location: %s/%s%s\r\nReferrer-Policy: no-referrer\r\n", http_path(x),
             query[0] ? "?" : "", query);
    http_answer(x, 308, NULL, headers, "", 0);
}

static void serve(struct finding *f, const struct port_known *port, struct port_proxies *proxies)
{
    struct port_server *server = f->server;
    char node[NODE_NAME_MAX + 1];
    struct err e;
    http_charge(f->x, port->caller.user_id);
    if (server->ops.place(server->owner, port, node, &e)) {
        port_problem_answer(f->x, e.code, e.text);
        return;
    }
    const struct port_target target = {.loop = server->loop,
                                       .hub = server->hub,
                                       .node = node,
                                       .caller = &port->caller,
                                       .sandbox = &port->sandbox,
                                       .port = port->port};
    port_proxy_start(proxies, &target, &f->place, f->x);
}

static void on_found(void *arg, int code, const char *text, const struct port_known *port,
                     struct port_proxies *proxies)
{
    struct finding f = *(struct finding *)arg;
    free(arg);
    if (f.counted && code != ERR_NOT_FOUND)
        rate_table_return(&f.server->misses, http_network(f.x));
    if (code)
        port_problem_answer(f.x, code, text);
    else if (!f.place.path[0])
        redirect(f.x);
    else
        serve(&f, port, proxies);
}

/* A token that is not known counts as one of no port until it is found. */
static bool within_rate(struct port_server *server, struct finding *f, const uint8_t hash[PORT_HASH_LEN])
{
    if (port_table_knows(server->table, hash))
        return true;
    f->counted = true;
    return rate_table_take(&server->misses, http_network(f->x), &server->rule, loop_now_ms()).allowed;
}

static void on_head(void *owner, struct http_exchange *x)
{
    struct port_server *server = owner;
    struct finding *f = mem_zalloc(sizeof *f);
    uint8_t hash[PORT_HASH_LEN];
    *f = (struct finding){.server = server, .x = x};
    if (!strcmp(http_method(x), "TRACE")) {
        free(f);
        port_problem_answer(x, ERR_METHOD_NOT_ALLOWED, "this method is not carried to ports");
        return;
    }
    if (!port_place_find(http_header(x, "host"), server->domain, http_path(x), &f->place)) {
        free(f);
        port_problem_answer(x, ERR_NOT_FOUND, "");
        return;
    }
    SHA256((const unsigned char *)f->place.token, PORT_TOKEN_LEN, hash);
    if (!within_rate(server, f, hash)) {
        free(f);
        http_is_last(x);
        port_problem_answer(x, ERR_RATE_LIMITED,
                            "too many requests of this network name no port; try again later");
        return;
    }
    port_table_find(server->table, hash, on_found, f);
}

static uint64_t body_max(void *owner, const struct http_exchange *x)
{
    return PORT_REQUEST_MAX;
}

/* --- life --- */

static char *domain_of(const struct port_server_conf *conf)
{
    return conf->domain && conf->domain[0] ? mem_strdup(conf->domain) : NULL;
}

int port_server_new(struct port_server **out, struct loop *loop, const struct port_server_conf *conf,
                    const struct port_server_ops *ops, void *owner, struct err *e)
{
    static const struct http_server_ops http_ops = {
        .on_head = on_head, .body_max = body_max, .problem = port_problem_of_server};
    struct port_server *server = mem_zalloc(sizeof *server);
    *server = (struct port_server){.loop = loop,
                                   .ops = *ops,
                                   .owner = owner,
                                   .hub = conf->hub,
                                   .address = mem_strdup(conf->address),
                                   .domain = domain_of(conf),
                                   .rule = conf->misses};
    int rc =
        http_server_new(&server->http, loop, conf->address, conf->port, &conf->limits, &http_ops, server, e);
    if (rc) {
        tls_server_free(conf->tls);
        free(server->address);
        free(server->domain);
        free(server);
        return rc;
    }
    server->table = port_table_new(loop, ops->lookup, owner);
    http_server_set_tls(server->http, conf->tls);
    *out = server;
    return 0;
}

void port_server_reload(struct port_server *server, const struct port_server_conf *conf)
{
    free(server->domain);
    server->domain = domain_of(conf);
    server->rule = conf->misses;
    http_server_set_limits(server->http, &conf->limits);
    http_server_set_tls(server->http, conf->tls);
}

void port_server_free(struct port_server *server)
{
    if (!server)
        return;
    port_table_free(server->table);
    http_server_free(server->http);
    rate_table_fini(&server->misses);
    free(server->address);
    free(server->domain);
    free(server);
}

void port_server_changed(struct port_server *server, const char *prefix)
{
    if (server)
        port_table_changed(server->table, prefix);
}

void port_server_end(struct port_server *server, const char *id)
{
    if (server)
        port_table_end(server->table, id);
}

void port_server_check(struct port_server *server, const char *id)
{
    if (server)
        port_table_check(server->table, id);
}

unsigned port_server_connections(const struct port_server *server)
{
    return server ? http_server_connections(server->http) : 0;
}
