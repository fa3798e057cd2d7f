#include "common/io/tls_server.h"

#include "common/base/mem.h"
#include "common/io/tls_files.h"

#include <event2/bufferevent.h>
#include <event2/bufferevent_ssl.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Ciphers of TLS 1.2; all those of 1.3 are good. */
#define CIPHERS "ECDHE+AESGCM:ECDHE+CHACHA20"

struct tls_server {
    SSL_CTX *context;
};

/* Of the protocols that a client offers, accepts the one that is spoken here, or none. */
static int choose_protocol(SSL *session, const unsigned char **out, unsigned char *out_len,
                           const unsigned char *offered, unsigned len, void *arg)
{
    static const unsigned char ours[] = "\x08http/1.1";
    unsigned char *chosen;
    if (SSL_select_next_proto(&chosen, out_len, ours, sizeof ours - 1, offered, len) !=
        OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_NOACK;
    *out = chosen;
    return SSL_TLSEXT_ERR_OK;
}

static SSL_CTX *context_new(void)
{
    SSL_CTX *context = SSL_CTX_new(TLS_server_method());
    if (!context || !SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) ||
        !SSL_CTX_set_cipher_list(context, CIPHERS))
        abort();
    SSL_CTX_set_options(context,
                        SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE);
    /* Thousands of connections are idle and should hold no buffers. Sessions resume by tickets alone. */
    SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_alpn_select_cb(context, choose_protocol, NULL);
    return context;
}

int tls_server_load(struct tls_server **out, const char *cert_file, const char *key_file, struct err *e)
{
    SSL_CTX *context = context_new();
    int rc = tls_files_load(context, cert_file, key_file, e);
    if (rc) {
        SSL_CTX_free(context);
        return rc;
    }
    *out = mem_zalloc(sizeof **out);
    (*out)->context = context;
    return 0;
}

void tls_server_free(struct tls_server *server)
{
    if (!server)
        return;
    SSL_CTX_free(server->context);
    free(server);
}

struct tls_session {
    SSL *ssl;
    int fd;
};

struct tls_session *tls_session_new(struct tls_server *server, int fd)
{
    SSL *ssl = SSL_new(server->context);
    if (!ssl || SSL_set_fd(ssl, fd) != 1) {
        SSL_free(ssl);
        ERR_clear_error();
        close(fd);
        return NULL;
    }
    SSL_set_accept_state(ssl);
    struct tls_session *session = mem_zalloc(sizeof *session);
    *session = (struct tls_session){.ssl = ssl, .fd = fd};
    return session;
}

void tls_session_free(struct tls_session *session)
{
    if (!session)
        return;
    SSL_free(session->ssl);
    close(session->fd);
    free(session);
}

int tls_session_fd(const struct tls_session *session)
{
    return session->fd;
}

int tls_session_shake(struct tls_session *session, bool *writes)
{
    ERR_clear_error();
    int rc = SSL_do_handshake(session->ssl);
    int what = rc == 1 ? SSL_ERROR_NONE : SSL_get_error(session->ssl, rc);
    *writes = what == SSL_ERROR_WANT_WRITE;
    ERR_clear_error();
    return rc == 1 ? 1 : what == SSL_ERROR_WANT_READ || *writes ? 0 : -1;
}

struct bufferevent *tls_session_open(struct tls_session *session, struct loop *loop)
{
    struct bufferevent *io = bufferevent_openssl_socket_new(loop_base(loop), session->fd, session->ssl,
                                                            BUFFEREVENT_SSL_OPEN, BEV_OPT_CLOSE_ON_FREE);
    if (!io) {
        tls_session_free(session);
        return NULL;
    }
    free(session);
    /* A peer that closes without a TLS close alert is simply gone; this is not an error. */
    bufferevent_openssl_set_allow_dirty_shutdown(io, 1);
    return io;
}

void tls_say_end(struct bufferevent *io)
{
    SSL *session = bufferevent_openssl_get_ssl(io);
    if (session)
        SSL_shutdown(session);
    ERR_clear_error();
}
