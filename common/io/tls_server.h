/*
 * The server's side of TLS for connections on the loop, over OpenSSL and libevent's bufferevents; this file
 * hides both. A tls_server is a certificate and its key as they were when loaded; sessions are made from it.
 * TLS 1.2 and 1.3, forward secrecy and authenticated encryption only, no renegotiation, no compression.
 *
 * A session keeps what it needs of the tls_server, so tls_server_free may follow at once. To change the
 * certificate, load a new tls_server.
 */
#ifndef CORRAL_COMMON_IO_TLS_SERVER_H
#define CORRAL_COMMON_IO_TLS_SERVER_H

#include "common/base/err.h"
#include "common/io/loop.h"

#include <stdbool.h>

struct bufferevent;
struct tls_server;

/*
 * Reads both files (PEM). The certificate file holds the chain that clients get, the own certificate first.
 * Blocking: for start-up and reload. The caller frees *out. ERR_CONFIG names what cannot be read or does not
 * belong together.
 */
int tls_server_load(struct tls_server **out, const char *cert_file, const char *key_file,
                    struct err *e) MUST_CHECK;
void tls_server_free(struct tls_server *server);

/* A connection before its handshake is done. tls_session_new takes fd (non-blocking), also if it fails
 * (NULL: out of memory). */
struct tls_session;
struct tls_session *tls_session_new(struct tls_server *server, int fd);
void tls_session_free(struct tls_session *session);
int tls_session_fd(const struct tls_session *session);

/* Continues the handshake: 1 if it is done, 0 if it waits (*writes: for the socket to take bytes), -1 if
 * it failed. */
int tls_session_shake(struct tls_session *session, bool *writes);

/* The encrypted connection, once the handshake is done. Takes the session, also if it fails (NULL). */
struct bufferevent *tls_session_open(struct tls_session *session, struct loop *loop);

/* Tells the peer that nothing more follows. The socket stays open for what the peer still sends. */
void tls_say_end(struct bufferevent *io);

#endif
