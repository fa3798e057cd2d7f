/* What the files of the HTTP server share; private to http_server.c, http_connection.c and http_exchange.c.
 */
#ifndef CORRAL_COMMON_HTTP_SERVER_INT_H
#define CORRAL_COMMON_HTTP_SERVER_INT_H

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

/* BODY: handed on in pieces, and no answer was begun; ANSWER: that is; RAW: the connection was handed over.
 */
enum http_stream_kind { STREAM_NONE, STREAM_BODY, STREAM_ANSWER, STREAM_RAW };

struct http_stream {
    enum http_stream_kind kind;
    const struct http_stream_ops *ops;
    void *arg;
    bool wants_more;         /* pieces may come */
    bool full, flooded;      /* a write said so; past all bounds */
    bool chunked, head_only; /* of the answer */
    bool keep;               /* the connection, after it */
    bool told_end;
    bool telling_gone; /* x must stay until that returns */
    bool over, broken; /* its owner is done with it; and not as it should be */
};

struct http_exchange {
    struct http_connection *connection; /* NULL once the client is gone */
    struct http_request request;
    size_t head_len;
    http_body_cb *on_body; /* of anyone who waits for the body */
    void *arg;
    struct http_stream stream;
    bool tls;
    char address[INET6_ADDRSTRLEN], network[INET6_ADDRSTRLEN];
};

/* SERVED: its owner has it, and owes an answer, or a wish for the body. */
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
    struct network_member of_network; /* while it is a stranger's */
    TAILQ_ENTRY(http_connection) of_idle;
    struct http_places *places;
    struct http_handshake *handshake; /* under TLS, until it is done */
    struct bufferevent *io;           /* NULL before */
    struct network *network;
    struct http_holding holding;
    char address[INET6_ADDRSTRLEN];
    bool tls, ended; /* ended: the peer sends no more */
    bool advancing;  /* it is being served at this moment */
    bool idles;      /* it is in the server's list of those that may */
    enum http_phase phase;
    size_t searched; /* of the head: bytes in which its end is not */
    struct http_exchange *exchange;
    struct timer timer;
    struct http_turn turn; /* in its account's line */
};

/* Connections of one kind, by when they were last answered, or came: the oldest first. */
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
    struct http_places strangers, known; /* known: the last request was somebody's */
    TAILQ_HEAD(, http_connection) idle;  /* of these, the longest idle first; some may be busy again */
    struct http_pool strangers_pool, known_pool;
    struct network *networks;
    struct http_turns turns;
    unsigned accepted; /* in this turn of the loop */
    struct later accepts;
    unsigned served;
    uint16_t port;
};

/* http_connection.c. Takes io, or where that is NULL session. */
void http_connection_new(struct http_server *server, struct bufferevent *io, struct tls_session *session,
                         struct network *network, const char *address);
void http_connection_close(struct http_connection *c);
/* Whether it was not asked anything since its last answer was taken, and is somebody's; else it leaves the
 * list. */
bool http_connection_idles(struct http_connection *c);
/* Among the newest of its places. */
void http_connection_place(struct http_connection *c, struct http_places *places);
/* It is looked at when it is its turn. */
void http_connection_ask(struct http_connection *c);
/* As that, unless it is being looked at now. */
void http_connection_go_on(struct http_connection *c);
/* Answers the exchange that it has, and frees that. */
void http_connection_answer(struct http_connection *c, int status, const char *type, const char *headers,
                            const void *body, size_t len);
/* Begins its exchange's stream, or goes on with it as another kind; the head of an answer was written, where
 * there is one. */
void http_connection_stream(struct http_connection *c);
/* The head of an answer that is a stream. */
void http_connection_stream_head(struct http_connection *c, int status, const char *type,
                                 const char *headers);
void http_connection_upgrade_head(struct http_connection *c, const char *protocol, const char *headers);
/* Its time for this phase. */
void http_connection_time(struct http_connection *c, uint32_t ms);

#endif
