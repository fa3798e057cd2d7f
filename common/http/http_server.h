/*
 * An HTTP/1.1 server on the loop, over libevent's bufferevents and http_parser, both hidden here. A request
 * is handed over with its head; its owner says whose it is, and has its body read whole or not at all; its
 * answer is sent whole. Strict on purpose: what two parsers could read in two ways (bare line feeds, two
 * lengths, length beside chunks, folded headers, NULs) is refused and the connection closed.
 *
 * Limits: bytes of head and body, connections in all, of strangers, and of one network (an IPv4 address, an
 * IPv6 /64), time for a TLS handshake and a head, and for a body to arrive, for a connection to idle, for an
 * answer to be taken. Where all places are taken, a new connection takes that of the longest idle one; where
 * those of its network are, that of a stranger of this network. One request of a connection is served at a
 * time; further ones wait in its socket.
 *
 * Memory: all bytes of heads, bodies and answers that are not yet taken are charged to the connection's
 * account (common/http/http_account.h): its network's, until its owner charges it to somebody. All strangers
 * together, all others together, and each of the others have a budget; past it the one that holds longest
 * is answered 429 and ended.
 */
#ifndef CORRAL_COMMON_HTTP_SERVER_H
#define CORRAL_COMMON_HTTP_SERVER_H

#include "common/base/err.h"
#include "common/io/loop.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HTTP_HEADERS_MAX 64
#define HTTP_TARGET_MAX  4096

struct tls_server;
struct http_server;
struct http_exchange; /* a request and the answer that is owed */

struct http_limits {
    size_t head_bytes, body_bytes;
    unsigned connections, connections_per_address;
    unsigned strangers;     /* connections whose last request was nobody's */
    size_t strangers_bytes; /* held by all of these */
    size_t known_bytes;     /* by all others */
    size_t account_bytes;   /* by those of one account */
    uint32_t head_ms, body_ms, idle_ms, write_ms;
};
extern const struct http_limits http_default_limits;

struct http_server_ops {
    /* The head of a request arrived; no byte of its body was taken. Answered exactly once, now or later, by
     * http_answer; before that http_read_body may have its body read. */
    void (*on_head)(void *owner, struct http_exchange *x);
    /* The most bytes of a body that this request may state or send; NULL: limits.body_bytes for all. Above
     * these only http_stream_body (common/http/http_stream.h) should read it. */
    uint64_t (*body_max)(void *owner, const struct http_exchange *x);
    /* The body (JSON) of a refusal by the server itself, and its further headers (as of http_answer); static
     * or owned by the owner, used at once. */
    const char *(*problem)(void *owner, int code, const char *detail, bool tls, const char **headers);
};

/* address: an IP address; port 0: any. ERR_IO with what to mend where it cannot listen. Copies limits and
 * ops. */
int http_server_new(struct http_server **out, struct loop *loop, const char *address, uint16_t port,
                    const struct http_limits *limits, const struct http_server_ops *ops, void *owner,
                    struct err *e) MUST_CHECK;

/* Closes everything. Exchanges that are not answered stay valid, and are still to be answered (into nothing).
 */
void http_server_free(struct http_server *server);

void http_server_set_limits(struct http_server *server, const struct http_limits *limits);

/* Of the connections from now on (NULL: plain HTTP). Takes tls, and frees the one before. */
void http_server_set_tls(struct http_server *server, struct tls_server *tls);

uint16_t http_server_port(const struct http_server *server);
unsigned http_server_connections(const struct http_server *server);

/* Of a request, borrowed until it is answered. */
const char *http_method(const struct http_exchange *x);
const char *http_path(const struct http_exchange *x);  /* as sent, without the query; printable ASCII */
const char *http_query(const struct http_exchange *x); /* "" where there is none */
const char *http_address(const struct http_exchange *x);
const char *
http_network(const struct http_exchange *x); /* who is counted as one: the address, of IPv6 its /64 */
bool http_is_tls(const struct http_exchange *x);
const char *http_header(const struct http_exchange *x, const char *name); /* name in lower case; NULL: none */
const char *http_body(const struct http_exchange *x, size_t *len); /* NUL-ended; what was read and kept */

/* Whether it has a body that was not read. */
bool http_has_body(const struct http_exchange *x);

/* whole: the body is there. Else there is no request any more: the client is gone, or was refused. */
typedef void http_body_cb(void *arg, bool whole);

/*
 * Has the body read, once; one that is not kept is thrown away as it comes. Calls cb, never inside the call;
 * not where it returns false: then the client is gone already, and so is x.
 */
bool http_read_body(struct http_exchange *x, bool keep, http_body_cb *cb, void *arg) MUST_CHECK;

/* Its answer is the last on its connection; what was sent behind it is thrown away. */
void http_is_last(struct http_exchange *x);

/* From now on what its connection holds is this account's; NULL: a stranger's, its network's. */
void http_charge(struct http_exchange *x, const char *name);

/* The decoded value of a query parameter into out; false where it is missing, twice, too long or badly
 * encoded. */
bool http_query_get(const struct http_exchange *x, const char *name, char *out, size_t size);

/*
 * Answers and frees the exchange. headers: further lines "Name: value\r\n…", or NULL. body: bytes, copied. A
 * HEAD gets the head only. Where the request's body was not read and is not there either, the connection
 * ends: what still comes is thrown away for a second.
 */
void http_answer(struct http_exchange *x, int status, const char *type, const char *headers, const void *body,
                 size_t len);

#endif
