/* What http_server.c, http_connection.c and http_exchange.c share; private to them. */
#ifndef CORRAL_COMMON_HTTP_HTTP_SERVER_INT_H
#define CORRAL_COMMON_HTTP_HTTP_SERVER_INT_H

#include "common/http/http_account.h"
#include "common/http/http_handshake.h"
#include "common/http/http_request.h"
#include "common/http/http_server.h"
#include "common/http/http_stream.h"
#include "common/io/network.h"
#include "common/io/tls_server.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/listener.h>

/* BODY: the body is handed on in pieces, no answer has begun. ANSWER: an answer has begun. RAW: the
 * connection was handed over. */
enum http_stream_kind { STREAM_NONE, STREAM_BODY, STREAM_ANSWER, STREAM_RAW };

struct http_stream {
    enum http_stream_kind kind;
    const struct http_stream_ops *ops;
    void *arg;
    bool wants_more;         /* the owner takes further pieces */
    bool full, flooded;      /* full: a write returned false; flooded: past HTTP_STREAM_MAX */
    bool chunked, head_only; /* properties of the answer */
    bool sized;              /* the answer states its length; so many bytes of it are left */
    uint64_t left;
    size_t held; /* bytes that the owner keeps */
    bool keep;   /* the connection stays open after the stream */
    bool told_end;
    bool awaits;       /* the request was read whole: a client that ends now is gone */
    bool telling_gone; /* on_gone is running: x must not be freed yet */
    bool over, broken; /* over: the owner has ended the stream; broken: by http_stream_break */
};

struct http_exchange {
    struct http_connection *connection; /* NULL once the client is gone */
    struct http_request request;
    size_t head_len;
    http_body_cb *on_body; /* called when the body is there */
    void *arg;
    struct http_stream stream;
    bool tls;
    char address[INET6_ADDRSTRLEN], network[INET6_ADDRSTRLEN];
};

/* SERVED: the owner has the request, and has neither answered it nor asked for its body. */
enum http_phase {
    PHASE_HANDSHAKE,
    PHASE_IDLE,
    PHASE_HEAD,
    PHASE_SERVED,
    PHASE_BODY,
    PHASE_STREAM,
    PHASE_CLOSING
};

struct http_connection {
    struct http_server *server;
    TAILQ_ENTRY(http_connection) link;
    struct network_member of_network; /* in use while the connection is a stranger's */
    TAILQ_ENTRY(http_connection) of_idle;
    struct http_places *places;
    struct http_handshake *handshake; /* during a TLS handshake */
    struct bufferevent *io;           /* NULL during the handshake */
    struct network *network;
    struct http_holding holding;
    char address[INET6_ADDRSTRLEN];
    bool tls, ended; /* ended: the peer sends no more */
    bool cut;        /* it is about to be reset: no end is said, which the peer would take for the answer's */
    bool advancing;  /* its bytes are being processed right now */
    bool idles;      /* it is in the server's list of idle connections */
    enum http_phase phase;
    size_t searched; /* bytes of the head in which its end was not found */
    struct http_exchange *exchange;
    struct timer timer;
    struct http_turn turn; /* its turn in the account's line */
};

/* Connections of one kind, ordered by when they last got an answer, or were accepted: the oldest first. */
struct http_places {
    TAILQ_HEAD(, http_connection) list;
    unsigned count;
};

struct http_server {
    struct loop *loop;
    struct http_limits limits;
    struct http_server_ops ops;
    void *owner;
    struct tls_server *tls;
    struct evconnlistener *listener;
    struct timer rest;
    struct http_places strangers, known; /* known: the last request was charged to somebody */
    TAILQ_HEAD(, http_connection)
    idle; /* known connections, the longest idle first; some may be busy again */
    struct http_pool strangers_pool, known_pool;
    struct network *networks;
    struct http_turns turns;
    unsigned accepted; /* connections accepted in this turn of the loop */
    struct later accepts;
    unsigned served;
    uint16_t port;
};

/* Functions of http_connection.c. Takes io, or session if io is NULL. */
void http_connection_new(struct http_server *server, struct bufferevent *io, struct tls_session *session,
                         struct network *network, const char *address);
void http_connection_close(struct http_connection *c);
/* Whether the connection is known and has had no request since its last answer was taken. Updates the
 * server's list of idle connections. */
bool http_connection_idles(struct http_connection *c);
/* Moves the connection to the end of these places; NULL: only removes it from its own. */
void http_connection_place(struct http_connection *c, struct http_places *places);
/* Processes the connection's input when its turn comes. */
void http_connection_ask(struct http_connection *c);
/* The same, unless its input is being processed right now. */
void http_connection_go_on(struct http_connection *c);
/* Answers the current exchange and frees it. */
void http_connection_answer(struct http_connection *c, int status, const char *type, const char *headers,
                            const void *body, size_t len);
/* Begins the exchange's stream, or continues it as another kind. The head of an answer, if any, is
 * written before. */
void http_connection_stream(struct http_connection *c);
/* Writes the head of an answer that is a stream. */
void http_connection_stream_head(struct http_connection *c, int status, const char *type,
                                 const char *headers);
void http_connection_upgrade_head(struct http_connection *c, const char *protocol, const char *headers);
/* Starts the timeout of the current phase. */
void http_connection_time(struct http_connection *c, uint32_t ms);

#endif
