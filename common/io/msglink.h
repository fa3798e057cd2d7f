/*
 * Requests and replies between daemons, over nng, which is hidden here: a server that answers when it likes
 * (raw REP), and a client with one request under way (REQ). Driven by nng's pollable descriptors on the loop,
 * so no callback runs on a thread of nng's. The network is met by fronts of our own: mutual TLS 1.3 where the
 * URL says tls+tcp, with bounds on who is not in yet, and each request says whose connection it came by.
 *
 * A reply may be lost and a request be delivered twice: what is carried must bear that. Larger messages than
 * MSGLINK_MAX end their connection.
 */
#ifndef CORRAL_COMMON_MSGLINK_H
#define CORRAL_COMMON_MSGLINK_H

#include "common/base/err.h"
#include "common/io/loop.h"
#include "common/io/tls_mutual.h"

#include <stddef.h>
#include <stdint.h>

#define MSGLINK_MAX         (4u * 1024 * 1024)
#define MSGLINK_ADDRESS_LEN 46
#define MSGLINK_TICKET_LEN  16

/* PEM files. server_name: whom a client wants to meet (NULL for a server). Used where the URL begins tls+tcp.
 */
struct msglink_tls {
    const char *ca_file, *cert_file, *key_file, *server_name;
};

/* Who sent a request. */
struct msglink_peer {
    uint64_t id; /* of the connection; never used again */
    bool tls;    /* without it nothing is known of who */
    struct tls_who who;
    char address[MSGLINK_ADDRESS_LEN]; /* "" on a socket of this host */
};

struct msglink_stats {
    unsigned opening, standing; /* connections now: not in yet, and in */
    uint64_t accepted, refused, over,
        room; /* since new: of them all; for who they are, for their time, for room */
};

struct msglink_server;
struct msglink_token; /* whom to answer: used up by exactly one reply or drop */

/* Whether the holder of this certificate of our CA may connect. */
typedef tls_allow_cb msglink_allow_cb;

/* Everything but the token is borrowed for the call. */
typedef void msglink_request_cb(void *arg, const struct msglink_peer *peer, struct msglink_token *token,
                                const uint8_t *bytes, size_t len);

/* Listens at once. allow: NULL where every certificate of the CA may. ERR_IO: the address; ERR_CONFIG: the
 * URL or the certificates. */
int msglink_server_new(struct msglink_server **out, struct loop *loop, const char *url,
                       const struct msglink_tls *tls, msglink_allow_cb *allow, msglink_request_cb *cb,
                       void *arg, struct err *e) MUST_CHECK;

/* Not from its callback. Tokens that are left are dropped before. */
void msglink_server_free(struct msglink_server *server);

/* Whether the connection that a request came by stands. */
bool msglink_server_stands(const struct msglink_server *server, uint64_t peer);

/* Closes every connection that was made with a certificate of this name. */
void msglink_server_drop(struct msglink_server *server, const char *name);

/*
 * A peer has made a connection that is not for messages: its first words were a ticket, to be compared with
 * one that it was given in a message. The callee takes stream (its handshake is done), or frees it. Never
 * inside a call of the owner's.
 */
typedef void msglink_stream_cb(void *arg, const struct msglink_peer *peer,
                               const uint8_t ticket[MSGLINK_TICKET_LEN], struct stream *stream);

/* Without it such connections are refused. Its arg is the server's. */
void msglink_server_take_streams(struct msglink_server *server, msglink_stream_cb *cb);

struct msglink_stats msglink_server_stats(const struct msglink_server *server);

/* Takes the token. A peer that is gone gets nothing. */
void msglink_reply(struct msglink_server *server, struct msglink_token *token, const uint8_t *bytes,
                   size_t len);
void msglink_drop(struct msglink_token *token);

/* Says on a stream that was dialed what it is for. False: the stream is over. */
bool msglink_stream_introduce(struct stream *stream, const uint8_t ticket[MSGLINK_TICKET_LEN]) MUST_CHECK;

struct msglink_client;

/* code: 0, or ERR_NODE_TIMEOUT and then bytes is NULL. Borrowed for the call. */
typedef void msglink_reply_cb(void *arg, int code, const uint8_t *bytes, size_t len);

/* Dials in the background, again with growing pauses. ERR_CONFIG: URL or certificates. */
int msglink_client_new(struct msglink_client **out, struct loop *loop, const char *url,
                       const struct msglink_tls *tls, msglink_reply_cb *cb, void *arg,
                       struct err *e) MUST_CHECK;

/* Not from its callback. No callback afterwards. */
void msglink_client_free(struct msglink_client *client);

/* Why there is no connection, as was last seen; "" where there is one. Borrowed until the loop's next turn.
 */
const char *msglink_client_why(const struct msglink_client *client);

/* Sends (copies) a request; one that is under way is given up without a callback. */
void msglink_request(struct msglink_client *client, const uint8_t *bytes, size_t len, uint64_t timeout_ms);
void msglink_cancel(struct msglink_client *client);

/*
 * How many that were freed, clients and servers, nng has not closed yet. Milliseconds as a rule; where it
 * stays above 0, nng's own threads wait for each other. A client that is made then may not connect, and only
 * a new process helps. Asking also tries again to close those for which there was no thread. On the loop's
 * thread.
 */
unsigned msglink_closing(void);

#endif
