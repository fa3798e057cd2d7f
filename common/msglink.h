/*
 * Requests and replies between daemons, over nng, which is hidden here: a server that answers when it likes
 * (raw REP), and a client with one request under way (REQ). Driven by nng's pollable descriptors on the loop,
 * so no callback runs on a thread of nng's. Mutual TLS where the URL says tls+tcp.
 *
 * A reply may be lost and a request be delivered twice: what is carried must bear that. Larger messages than
 * MSGLINK_MAX end their connection.
 */
#ifndef CORRAL_COMMON_MSGLINK_H
#define CORRAL_COMMON_MSGLINK_H

#include "common/err.h"
#include "common/loop.h"

#include <stddef.h>
#include <stdint.h>

#define MSGLINK_MAX (2u * 1024 * 1024)

/* PEM files. server_name: whom a client wants to meet (NULL for a server). Used where the URL begins tls+tcp.
 */
struct msglink_tls {
    const char *ca_file, *cert_file, *key_file, *server_name;
};

struct msglink_server;
struct msglink_token; /* whom to answer: used up by exactly one reply or drop */

typedef void msglink_request_cb(void *arg, struct msglink_token *token, const uint8_t *bytes, size_t len);

/* Listens at once. ERR_IO: the address; ERR_CONFIG: the certificates. */
int msglink_server_new(struct msglink_server **out, struct loop *loop, const char *url,
                       const struct msglink_tls *tls, msglink_request_cb *cb, void *arg,
                       struct err *e) MUST_CHECK;

/*
 * Not from its callback. Tokens that are left are dropped before. Its address may be taken for a moment
 * longer: another server there may have to be tried again.
 */
void msglink_server_free(struct msglink_server *server);

/*
 * How often nng's listener had ceased to take connections and was made anew (within some seconds; every
 * connection that it had is closed then, and its peers dial again).
 */
unsigned msglink_server_renewed(const struct msglink_server *server);

/* A peer that should be there is not: whether nng's listener takes connections is tried. */
void msglink_server_suspect(struct msglink_server *server);

/* Takes the token. A peer that is gone gets nothing. */
void msglink_reply(struct msglink_server *server, struct msglink_token *token, const uint8_t *bytes,
                   size_t len);
void msglink_drop(struct msglink_token *token);

struct msglink_client;

/* code: 0, or ERR_NODE_TIMEOUT and then bytes is NULL. Borrowed for the call. */
typedef void msglink_reply_cb(void *arg, int code, const uint8_t *bytes, size_t len);

/* Dials in the background, again with growing pauses. ERR_CONFIG: URL or certificates. */
int msglink_client_new(struct msglink_client **out, struct loop *loop, const char *url,
                       const struct msglink_tls *tls, msglink_reply_cb *cb, void *arg,
                       struct err *e) MUST_CHECK;

/* Not from its callback. No callback afterwards. */
void msglink_client_free(struct msglink_client *client);

/* Sends (copies) a request; one that is under way is given up without a callback. */
void msglink_request(struct msglink_client *client, const uint8_t *bytes, size_t len, uint64_t timeout_ms);
void msglink_cancel(struct msglink_client *client);

/*
 * How many that were freed, clients and servers, nng has not closed yet. Milliseconds as a rule; where it
 * stays above 0, nng's own threads wait for each other. A client that is made then may not connect, and only
 * a new process helps.
 */
unsigned msglink_closing(void);

#endif
