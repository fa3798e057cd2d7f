/*
 * Requests and replies between daemons, over nng, which is hidden here: a server that may answer at any later
 * time (raw REP), and a client with one request under way (REQ). nng's pollable descriptors drive both on the
 * loop, so no callback runs on a thread of nng. nng itself never touches the network: fronts of our own do,
 * with mutual TLS 1.3 if the URL begins with tls+tcp, and with bounds on connections that are not admitted
 * yet. Each request says by which connection it came.
 *
 * A reply may be lost and a request may be delivered twice; callers must tolerate both. A message larger than
 * MSGLINK_MAX ends its connection.
 */
#ifndef CORRAL_COMMON_IO_MSGLINK_H
#define CORRAL_COMMON_IO_MSGLINK_H

#include "common/base/err.h"
#include "common/io/loop.h"
#include "common/io/tls_mutual.h"

#include <stddef.h>
#include <stdint.h>

#define MSGLINK_MAX         (4u * 1024 * 1024)
#define MSGLINK_ADDRESS_LEN 46
#define MSGLINK_TICKET_LEN  16

/* PEM files, used if the URL begins with tls+tcp. server_name: the name that a client expects in the
 * server's certificate; NULL for a server. */
struct msglink_tls {
    const char *ca_file, *cert_file, *key_file, *server_name;
};

/* Who sent a request. */
struct msglink_peer {
    uint64_t id; /* of the connection; never reused */
    bool tls;    /* without TLS, who is unknown */
    struct tls_who who;
    char address[MSGLINK_ADDRESS_LEN]; /* "" on a local socket */
};

struct msglink_stats {
    unsigned opening, standing; /* connections now: not admitted yet, and admitted */
    uint64_t accepted, refused, over,
        room; /* totals: all connections; ended for who the peer is, for a timeout, for lack of room */
};

struct msglink_server;
struct msglink_token; /* identifies a request to answer: used up by exactly one reply or drop */

/* Whether the holder of this certificate, which our CA signed, may connect. */
typedef tls_allow_cb msglink_allow_cb;

/* Everything except the token is borrowed for the call. */
typedef void msglink_request_cb(void *arg, const struct msglink_peer *peer, struct msglink_token *token,
                                const uint8_t *bytes, size_t len);

/* Listens at once. allow: NULL if every certificate of the CA may connect. ERR_IO: the address cannot be
 * used; ERR_CONFIG: the URL or the certificates are wrong. */
int msglink_server_new(struct msglink_server **out, struct loop *loop, const char *url,
                       const struct msglink_tls *tls, msglink_allow_cb *allow, msglink_request_cb *cb,
                       void *arg, struct err *e) MUST_CHECK;

/* Not from the server's callback. Drops the tokens that are left. */
void msglink_server_free(struct msglink_server *server);

/* Whether the connection that this peer's request came by is still open. */
bool msglink_server_stands(const struct msglink_server *server, uint64_t peer);

/* Closes every connection whose certificate has this name. */
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

/* Takes the token. If the peer is gone, the reply is dropped. */
void msglink_reply(struct msglink_server *server, struct msglink_token *token, const uint8_t *bytes,
                   size_t len);
void msglink_drop(struct msglink_token *token);

/* Says on a stream that was dialed what it is for. False: the stream is over. */
bool msglink_stream_introduce(struct stream *stream, const uint8_t ticket[MSGLINK_TICKET_LEN]) MUST_CHECK;

struct msglink_client;

/* code: 0; or ERR_NODE_TIMEOUT, with bytes NULL. Borrowed for the call. */
typedef void msglink_reply_cb(void *arg, int code, const uint8_t *bytes, size_t len);

/* Dials in the background, with growing pauses between tries. ERR_CONFIG: the URL or the certificates are
 * wrong. */
int msglink_client_new(struct msglink_client **out, struct loop *loop, const char *url,
                       const struct msglink_tls *tls, msglink_reply_cb *cb, void *arg,
                       struct err *e) MUST_CHECK;

/* Not from the client's callback. No callback afterwards. */
void msglink_client_free(struct msglink_client *client);

/* Why there is no connection, as last seen; "" while there is one. Borrowed until the loop's next turn. */
const char *msglink_client_why(const struct msglink_client *client);

/* Sends a copy of the request. A request that is under way is given up without a callback. */
void msglink_request(struct msglink_client *client, const uint8_t *bytes, size_t len, uint64_t timeout_ms);
void msglink_cancel(struct msglink_client *client);

/*
 * How many freed clients and servers nng has not closed yet. Closing takes milliseconds; if the number stays
 * above 0, nng's own threads wait for each other. A client made then may not connect, and only a new process
 * helps. This call also retries closes for which there was no thread. On the loop's thread.
 */
unsigned msglink_closing(void);

#endif
