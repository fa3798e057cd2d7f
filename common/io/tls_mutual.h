/*
 * Both ends of mutual TLS 1.3 between daemons, and the byte stream that results, over OpenSSL, which is
 * hidden here. An end is a certificate, its key and the CA of the other end. The accepting end also has a
 * callback that decides who may connect; it is called while the handshake can still be refused with a reason.
 * Sessions are never resumed: the callback decides on every connection.
 *
 * A stream without TLS is a bare socket, so code that carries bytes handles both in one way. No function
 * waits: sockets are non-blocking, the caller watches them. All on one thread.
 */
#ifndef CORRAL_COMMON_IO_TLS_MUTUAL_H
#define CORRAL_COMMON_IO_TLS_MUTUAL_H

#include "common/base/err.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define TLS_NAME_MAX        63
#define TLS_FINGERPRINT_LEN 64 /* SHA-256 of the certificate, hexadecimal */
#define TLS_RECORD_MAX      16384

/* The holder of a certificate, as the certificate says and our CA has signed. */
struct tls_who {
    char name[TLS_NAME_MAX + 1]; /* its first DNS name; "": none that fits */
    char fingerprint[TLS_FINGERPRINT_LEN + 1];
    int64_t not_before_s, not_after_s; /* Unix time */
};

/* PEM files. server_name: the name that a client expects in the server's certificate; NULL for the
 * accepting end. */
struct tls_files {
    const char *ca_file, *cert_file, *key_file, *server_name;
};

struct tls_mutual;
struct stream;

/* Whether this holder of a currently valid certificate of our CA may connect. */
typedef bool tls_allow_cb(void *arg, const struct tls_who *who);

/* Reads the files. allow: NULL for a client, or if all may connect. The caller frees *out. ERR_CONFIG. */
int tls_mutual_new(struct tls_mutual **out, const struct tls_files *files, tls_allow_cb *allow, void *arg,
                   struct err *e) MUST_CHECK;
void tls_mutual_free(struct tls_mutual *tls);

/* Reads a certificate in DER without verifying it. Returns false if it does not parse. */
bool tls_who_read(struct tls_who *who, const uint8_t *der, size_t len);

/* Takes fd (non-blocking). tls: NULL for a bare socket; otherwise it must live until the handshake is
 * done. */
struct stream *stream_new(struct tls_mutual *tls, int fd);
void stream_free(struct stream *stream);

/* Continues the handshake: 1 if it is done, 0 if it waits, ERR_UNAUTHENTICATED if it failed. */
int stream_open(struct stream *stream, struct err *e) MUST_CHECK;

/* The peer, once it has shown its certificate, also if it is refused for it. NULL without TLS. Borrowed. */
const struct tls_who *stream_who(const struct stream *stream);

/*
 * Returns how many bytes were read; 0: none now; -1: the stream is over. Give room for TLS_RECORD_MAX, so
 * that no bytes stay inside OpenSSL, where the socket's descriptor does not announce them.
 */
ssize_t stream_read(struct stream *stream, void *out, size_t size);
ssize_t stream_write(struct stream *stream, const void *bytes, size_t len);

/*
 * Gathers records, so that one system call sends several: the peer wakes up once for them. Then what
 * stream_write took may still be here, and stream_flush sends it: 1: all is sent; 0: the socket takes no more
 * now, and the caller calls again when it does; -1: the stream is over.
 */
void stream_gather(struct stream *stream);
void stream_gather_no_more(struct stream *stream); /* frees the memory for it, unless something waits there */
int stream_flush(struct stream *stream);

/* Why the stream is over; stream_hung_up if nothing more is known. Borrowed. */
extern const char stream_hung_up[];
const char *stream_why(const struct stream *stream);

int stream_fd(const struct stream *stream);

/*
 * Lets a system call read more than one record's head or body. A caller that stops before stream_read has
 * returned 0 must then ask stream_has_read: what OpenSSL has read, no descriptor tells of.
 */
void stream_read_ahead(struct stream *stream);
bool stream_has_read(const struct stream *stream);

/* Whether the last stream_open or stream_read waits for the socket to take bytes. */
bool stream_blocked(const struct stream *stream);

#endif
