/* What the files of the HTTP server share; private to http_server.c, http_connection.c and http_exchange.c.
 */
#ifndef CORRAL_COMMON_HTTP_SERVER_INT_H
#define CORRAL_COMMON_HTTP_SERVER_INT_H

#include "common/http/http_account.h"
#include "common/http/http_handshake.h"
#include "common/http/http_request.h"
#include "common/http/http_server.h"
#include "common/io/network.h"
#include "common/io/tls_server.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/listener.h>

struct http_exchange {
    struct http_connection *connection; /* NULL once the client is gone */
    struct http_request request;
    size_t head_len;
    http_body_cb *on_body; /* of whoever waits for the body */
    void *arg;
    bool tls;
    char address[INET6_ADDRSTRLEN], network[INET6_ADDRSTRLEN];
};

/* SERVED: its owner has it, and owes an answer, or a wish for the body. */
enum http_phase { PHASE_HANDSHAKE, PHASE_IDLE, PHASE_HEAD, PHASE_SERVED, PHASE_BODY, PHASE_CLOSING };

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
/* More bytes may be read, or what is there may be looked at: when it is its turn. */
void http_connection_go_on(struct http_connection *c);
/* Answers the exchange that it has, and frees that. */
void http_connection_answer(struct http_connection *c, int status, const char *type, const char *headers,
                            const void *body, size_t len);
/* Its time for this phase. */
void http_connection_time(struct http_connection *c, uint32_t ms);

#endif
