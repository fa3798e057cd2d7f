#include "common/io/tls_mutual.h"

#include "common/base/mem.h"
#include "common/io/tls_files.h"

#include <ctype.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define PEER_CHAIN_MAX 16384 /* bytes of certificates that a peer may send before it is verified */
#define GATHERED       (4 * (TLS_RECORD_MAX + 256))
#define READ_AHEAD     65536 /* bytes; freed while a session has read none (SSL_MODE_RELEASE_BUFFERS) */

struct tls_mutual {
    SSL_CTX *context;
    tls_allow_cb *allow;
    void *arg;
    bool client;
    char server_name[TLS_NAME_MAX + 1];
};

struct stream {
    BIO *gathered; /* before the session's socket; NULL: each record is sent at once */
    int fd;
    struct tls_mutual *tls; /* NULL: a socket without TLS */
    SSL *session;           /* made by the first stream_open: a peer that only connects costs none */
    bool blocked;
    struct tls_who who;
    const char *why;
};

/* --- an end --- */

/* Accepts nothing but a host name: this text may come from a certificate that nobody signed, and is
 * logged. */
static bool is_host_name(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (!isalnum((unsigned char)text[i]) && text[i] != '-' && text[i] != '.')
            return false;
    }
    return len && len <= TLS_NAME_MAX;
}

static void read_name(char name[TLS_NAME_MAX + 1], const X509 *cert)
{
    GENERAL_NAMES *names = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
    name[0] = 0;
    for (int i = 0; i < sk_GENERAL_NAME_num(names) && !name[0]; i++) {
        const GENERAL_NAME *one = sk_GENERAL_NAME_value(names, i);
        if (one->type != GEN_DNS)
            continue;
        const char *text = (const char *)ASN1_STRING_get0_data(one->d.dNSName);
        size_t len = (size_t)ASN1_STRING_length(one->d.dNSName);
        if (is_host_name(text, len))
            snprintf(name, TLS_NAME_MAX + 1, "%.*s", (int)len, text);
    }
    GENERAL_NAMES_free(names);
}

static int64_t unix_time(const ASN1_TIME *at)
{
    ASN1_TIME *zero = ASN1_TIME_set(NULL, 0);
    int days = 0, seconds = 0;
    if (!zero || ASN1_TIME_diff(&days, &seconds, zero, at) != 1)
        days = seconds = 0;
    ASN1_TIME_free(zero);
    return (int64_t)days * 86400 + seconds;
}

static void read_who(struct tls_who *who, const X509 *cert)
{
    unsigned char hash[EVP_MAX_MD_SIZE];
    unsigned len = 0;
    if (X509_digest(cert, EVP_sha256(), hash, &len) != 1)
        abort();
    for (unsigned i = 0; i < len; i++)
        snprintf(who->fingerprint + (size_t)2 * i, 3, "%02x", hash[i]);
    read_name(who->name, cert);
    who->not_before_s = unix_time(X509_get0_notBefore(cert));
    who->not_after_s = unix_time(X509_get0_notAfter(cert));
}

bool tls_who_read(struct tls_who *who, const uint8_t *der, size_t len)
{
    const unsigned char *at = der;
    X509 *cert = len <= PEER_CHAIN_MAX ? d2i_X509(NULL, &at, (long)len) : NULL;
    ERR_clear_error();
    if (!cert)
        return false;
    read_who(who, cert);
    X509_free(cert);
    return true;
}

/* Decides during the handshake, not after it, so that a TLS alert tells the peer the reason. */
static int on_verify(int good, X509_STORE_CTX *store)
{
    SSL *session = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
    const struct tls_mutual *tls = SSL_CTX_get_app_data(SSL_get_SSL_CTX(session));
    struct stream *stream = SSL_get_app_data(session);
    if (!X509_STORE_CTX_get_error_depth(store))
        read_who(&stream->who, X509_STORE_CTX_get_current_cert(store));
    if (!good || !tls->allow || X509_STORE_CTX_get_error_depth(store) || tls->allow(tls->arg, &stream->who))
        return good;
    X509_STORE_CTX_set_error(store, X509_V_ERR_CERT_REVOKED);
    return 0;
}

static SSL_CTX *context_new(bool client)
{
    SSL_CTX *context = SSL_CTX_new(client ? TLS_client_method() : TLS_server_method());
    if (!context || !SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION))
        abort();
    SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                                  SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_num_tickets(context, 0);
    SSL_CTX_set_max_cert_list(context, PEER_CHAIN_MAX);
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, on_verify);
    return context;
}

int tls_mutual_new(struct tls_mutual **out, const struct tls_files *files, tls_allow_cb *allow, void *arg,
                   struct err *e)
{
    struct tls_mutual *tls = mem_zalloc(sizeof *tls);
    int rc = 0;
    *tls = (struct tls_mutual){.context = context_new(files->server_name != NULL),
                               .allow = allow,
                               .arg = arg,
                               .client = files->server_name != NULL};
    snprintf(tls->server_name, sizeof tls->server_name, "%s", files->server_name ? files->server_name : "");
    SSL_CTX_set_app_data(tls->context, tls);
    if (SSL_CTX_load_verify_file(tls->context, files->ca_file) != 1)
        rc = tls_files_refuse(e, files->ca_file, "no certificate of a CA can be read");
    else
        rc = tls_files_load(tls->context, files->cert_file, files->key_file, e);
    if (rc) {
        tls_mutual_free(tls);
        return rc;
    }
    *out = tls;
    return 0;
}

void tls_mutual_free(struct tls_mutual *tls)
{
    if (!tls)
        return;
    SSL_CTX_free(tls->context);
    free(tls);
}

/* --- a stream --- */

const char stream_hung_up[] = "the peer hung up";

static SSL *session_new(struct stream *stream)
{
    const struct tls_mutual *tls = stream->tls;
    SSL *session = SSL_new(tls->context);
    if (!session || SSL_set_fd(session, stream->fd) != 1)
        abort();
    SSL_set_app_data(session, stream);
    if (!tls->client) {
        SSL_set_accept_state(session);
        return session;
    }
    SSL_set_connect_state(session);
    if (SSL_set1_host(session, tls->server_name) != 1)
        abort();
    return session;
}

struct stream *stream_new(struct tls_mutual *tls, int fd)
{
    struct stream *stream = mem_zalloc(sizeof *stream);
    *stream = (struct stream){.fd = fd, .tls = tls, .why = stream_hung_up};
    return stream;
}

void stream_free(struct stream *stream)
{
    if (!stream)
        return;
    SSL_free(stream->session);
    close(stream->fd);
    free(stream);
}

/* Asks OpenSSL about the call that has just failed: true if it only waits; otherwise keeps the reason. */
static bool waits(struct stream *stream, int rc)
{
    int what = SSL_get_error(stream->session, rc);
    stream->blocked = what == SSL_ERROR_WANT_WRITE;
    if (what == SSL_ERROR_WANT_READ || what == SSL_ERROR_WANT_WRITE)
        return true;
    const char *reason = what == SSL_ERROR_SSL ? ERR_reason_error_string(ERR_peek_error()) : NULL;
    long verdict = SSL_get_verify_result(stream->session);
    if (verdict != X509_V_OK)
        reason = X509_verify_cert_error_string(verdict);
    if (reason)
        stream->why = reason;
    ERR_clear_error();
    return false;
}

int stream_open(struct stream *stream, struct err *e)
{
    if (!stream->tls)
        return 1;
    if (!stream->session)
        stream->session = session_new(stream);
    ERR_clear_error();
    stream->blocked = false;
    int rc = SSL_do_handshake(stream->session);
    if (rc != 1)
        return waits(stream, rc) ? 0 : err_set(e, ERR_UNAUTHENTICATED, "%s", stream->why);
    return 1;
}

const struct tls_who *stream_who(const struct stream *stream)
{
    return stream->tls ? &stream->who : NULL;
}

static ssize_t socket_result(ssize_t n)
{
    if (n > 0)
        return n;
    return n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR) ? 0 : -1;
}

ssize_t stream_read(struct stream *stream, void *out, size_t size)
{
    size_t n;
    if (!stream->tls)
        return socket_result(recv(stream->fd, out, size, MSG_DONTWAIT));
    ERR_clear_error();
    stream->blocked = false;
    int rc = SSL_read_ex(stream->session, out, size, &n);
    if (rc == 1)
        return (ssize_t)n;
    return waits(stream, rc) ? 0 : -1;
}

ssize_t stream_write(struct stream *stream, const void *bytes, size_t len)
{
    size_t n;
    if (!stream->tls)
        return socket_result(send(stream->fd, bytes, len, MSG_DONTWAIT | MSG_NOSIGNAL));
    ERR_clear_error();
    bool blocked = stream->blocked; /* belongs to reading; writing must not change it */
    int rc = SSL_write_ex(stream->session, bytes, len, &n);
    bool waiting = rc != 1 && waits(stream, rc);
    stream->blocked = blocked;
    if (rc == 1)
        return (ssize_t)n;
    return waiting ? 0 : -1;
}

void stream_gather(struct stream *stream)
{
    if (!stream->session || stream->gathered)
        return;
    BIO *socket = SSL_get_wbio(stream->session);
    stream->gathered = BIO_new(BIO_f_buffer());
    if (!stream->gathered || BIO_set_write_buffer_size(stream->gathered, GATHERED) != 1)
        abort();
    BIO_up_ref(socket);
    SSL_set0_wbio(stream->session, BIO_push(stream->gathered, socket));
}

void stream_gather_no_more(struct stream *stream)
{
    if (!stream->gathered || BIO_wpending(stream->gathered))
        return;
    BIO *socket = BIO_next(stream->gathered);
    BIO_up_ref(socket);
    SSL_set0_wbio(stream->session, socket);
    stream->gathered = NULL;
}

int stream_flush(struct stream *stream)
{
    if (!stream->gathered || !BIO_wpending(stream->gathered) || BIO_flush(stream->gathered) == 1)
        return 1;
    return BIO_should_retry(stream->gathered) ? 0 : -1;
}

void stream_read_ahead(struct stream *stream)
{
    if (!stream->session)
        return;
    SSL_set_default_read_buffer_len(stream->session, READ_AHEAD);
    SSL_set_read_ahead(stream->session, 1);
}

bool stream_has_read(const struct stream *stream)
{
    return stream->session && SSL_has_pending(stream->session);
}

const char *stream_why(const struct stream *stream)
{
    return stream->why;
}

int stream_fd(const struct stream *stream)
{
    return stream->fd;
}

bool stream_blocked(const struct stream *stream)
{
    return stream->blocked;
}
