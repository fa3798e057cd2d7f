/*
 * An HTTP/1.1 server on the loop, over libevent's bufferevents and http_parser, which are both hidden here.
 * The server hands over a request with its head. The owner then says whom to charge, and asks for the body as
 * a whole, or for none. The answer is sent as a whole (http_stream.h: in pieces). The server is strict on
 * purpose: it refuses whatever two parsers could read in two ways (bare line feeds, two lengths, a length
 * beside chunks, folded headers, NULs), and closes the connection.
 *
 * A connection is a stranger's until a request of it is charged to somebody.
 *
 * Limits: bytes of head and body; connections in all, of strangers, and per network (an IPv4 address, an IPv6
 * /64); time for a TLS handshake, for a head, for a body to arrive, for a connection to idle, and for an
 * answer to be taken. When all places are taken, a new connection takes the place of the oldest stranger, or
 * else of the connection that has been idle longest; when all places of its network are taken, that of a
 * stranger of the same network. The server handles one request of a connection at a time; further ones wait
 * in the socket.
 *
 * Memory: all bytes of heads, bodies and answers that are not yet taken are charged to the connection's
 * account (common/http/http_account.h): its network's account, until the owner charges somebody. There are
 * three budgets: one for all strangers together, one for all others together, and one for each account of the
 * others. Past a budget, the connection that has held memory longest is answered 429 and closed.
 */
#ifndef CORRAL_COMMON_HTTP_HTTP_SERVER_H
#define CORRAL_COMMON_HTTP_HTTP_SERVER_H

#include "common/base/err.h"
#include "common/io/loop.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HTTP_HEADERS_MAX 64
#define HTTP_TARGET_MAX  8192 /* a path inside a sandbox may have 4095 bytes, and stands in a query */

struct tls_server;
struct http_server;
struct http_exchange; /* a request, and the answer that its owner owes */

struct http_limits {
    size_t head_bytes, body_bytes;
    unsigned connections, connections_per_address;
    unsigned strangers;     /* connections whose last request was charged to nobody */
    size_t strangers_bytes; /* held by all strangers */
    size_t known_bytes;     /* held by all others */
    size_t account_bytes;   /* held by the connections of one account of the others */
    uint32_t head_ms, body_ms, idle_ms, write_ms;
};
extern const struct http_limits http_default_limits;

struct http_server_ops {
    /* The head of a request has arrived; no byte of its body was taken. The owner answers exactly once,
     * now or later, by http_answer; before that it may ask for the body by http_read_body. */
    void (*on_head)(void *owner, struct http_exchange *x);
    /* The largest body that this request may state or send; NULL: limits.body_bytes for all. Larger
     * bodies than that should be read by http_stream_body only (common/http/http_stream.h). */
    uint64_t (*body_max)(void *owner, const struct http_exchange *x);
    /* Makes the body (JSON) of a refusal by the server itself, and its further headers (as in
     * http_answer). Both are static or belong to the owner, and are used at once. */
    const char *(*problem)(void *owner, int code, const char *detail, bool tls, const char **headers);
};

/* address: an IP address; port 0: any free one. ERR_IO, with what to do, if it cannot listen. Copies
 * limits and ops. */
int http_server_new(struct http_server **out, struct loop *loop, const char *address, uint16_t port,
                    const struct http_limits *limits, const struct http_server_ops *ops, void *owner,
                    struct err *e) MUST_CHECK;

/* Closes everything. Unanswered exchanges stay valid, and must still be answered; those answers are
 * dropped. */
void http_server_free(struct http_server *server);

void http_server_set_limits(struct http_server *server, const struct http_limits *limits);

/* Uses tls for connections from now on (NULL: plain HTTP). Takes tls, and frees the one before. */
void http_server_set_tls(struct http_server *server, struct tls_server *tls);

uint16_t http_server_port(const struct http_server *server);
unsigned http_server_connections(const struct http_server *server);

/* Parts of a request, borrowed until it is answered. */
const char *http_method(const struct http_exchange *x);
const char *http_path(const struct http_exchange *x);  /* as sent, with unneeded percent-encoding removed,
                                                          without the query; printable ASCII */
const char *http_query(const struct http_exchange *x); /* "" if there is none */
const char *http_address(const struct http_exchange *x);
const char *http_network(
    const struct http_exchange *x); /* what limits count as one client: an IPv4 address, an IPv6 /64 */
bool http_is_tls(const struct http_exchange *x);
const char *http_header(const struct http_exchange *x, const char *name); /* name in lower case; NULL: none */
/* The nth header, counted from 0; its name in lower case. Headers of one name are one, their values with
 * commas between. False: there are fewer. */
bool http_header_nth(const struct http_exchange *x, unsigned nth, const char **name, const char **value);
const char *http_body(const struct http_exchange *x,
                      size_t *len); /* NUL-terminated; what was read and kept */

/* Whether the request has a body that was not read. */
bool http_has_body(const struct http_exchange *x);

/* whole: the body is there. Otherwise the client is gone, or was refused, and the exchange is freed after
 * this call. */
typedef void http_body_cb(void *arg, bool whole);

/*
 * Asks for the body, once; keep false: it is dropped as it arrives. Calls cb, never inside this call. Returns
 * false, and never calls cb, if the client has gone already; x is freed then.
 */
bool http_read_body(struct http_exchange *x, bool keep, http_body_cb *cb, void *arg) MUST_CHECK;

/* The answer to x is the last on its connection; input behind the request is dropped. */
void http_is_last(struct http_exchange *x);

/* Charges what the connection holds to this account from now on; NULL: to its network's, as a stranger. */
void http_charge(struct http_exchange *x, const char *name);

/* Writes the decoded value of a query parameter into out. Returns false if it is missing, given twice,
 * too long or badly encoded. */
bool http_query_get(const struct http_exchange *x, const char *name, char *out, size_t size);

/* As http_query_get, of the nth parameter of this name, counted from 0: others of the name may follow. */
bool http_query_nth(const struct http_exchange *x, const char *name, unsigned nth, char *out, size_t size);

/*
 * Answers and frees the exchange. headers: further lines "Name: value\r\n…", or NULL. body: bytes, copied.
 * The answer to a HEAD has no body. If the request's body was not read and has not arrived completely, the
 * connection ends, and input is dropped for a second.
 */
void http_answer(struct http_exchange *x, int status, const char *type, const char *headers, const void *body,
                 size_t len);

#endif
