/*
 * The listener of ports: HTTP on a port of its own, never the origin of the API. It finds the port of each
 * request by the token in its path or host, and has it carried (port_proxy.h). On the loop.
 *
 * A token is a secret of 160 bits. The database has its SHA-256 only, and so has this process. Requests with
 * tokens of no port are counted by network; past the rate they are refused without a look-up.
 */
#ifndef CORRAL_CONTROLLER_PORTS_PORT_SERVER_H
#define CORRAL_CONTROLLER_PORTS_PORT_SERVER_H

#include "controller/core/rate_limit.h"
#include "controller/ports/port_table.h"

#include "common/model/node_wire.h"

struct port_server;

struct port_server_ops {
    port_lookup_fn *lookup;
    /* Where the sandbox runs now. ERR_NOT_FOUND: nowhere; ERR_WRONG_STATE: it is paused, or not yet there. */
    int (*place)(void *owner, const struct port_known *port, char node[static NODE_NAME_MAX + 1],
                 struct err *e);
};

struct port_server_conf {
    const char *address;
    uint16_t port;
    const char *domain; /* NULL or "": none. Copied */
    struct http_limits limits;
    struct rate_rule misses; /* of one network */
    struct tls_server *tls;  /* ownership passes; NULL: plain HTTP */
    struct stream_hub *hub;  /* borrowed */
};

/* Listens at once. Copies conf and ops; takes conf's tls, also on failure. ERR_IO. */
int port_server_new(struct port_server **out, struct loop *loop, const struct port_server_conf *conf,
                    const struct port_server_ops *ops, void *owner, struct err *e) MUST_CHECK;

/* Applies limits, misses, domain and tls of conf. Takes tls. */
void port_server_reload(struct port_server *server, const struct port_server_conf *conf);

/* No look-up is under way, and the streams have ended. NULL is allowed. */
void port_server_free(struct port_server *server);

/* As port_table_changed and port_table_end. NULL is allowed. */
void port_server_changed(struct port_server *server, const char *prefix);
void port_server_end(struct port_server *server, const char *id);

/* As port_table_check. */
void port_server_check(struct port_server *server, const char *id);

/* Makes a token, and its hash. */
void port_token_make(char token[static PORT_TOKEN_LEN + 1], uint8_t hash[static PORT_HASH_LEN]);

/* Writes the URL of a token into out, for the client of this request to the API: with the host that it asked,
 * unless that is strange. Returns false where it does not fit. */
bool port_server_url(const struct port_server *server, const struct http_exchange *x, const char *token,
                     char *out, size_t size);

/* NULL: 0. */
unsigned port_server_connections(const struct port_server *server);

#endif
