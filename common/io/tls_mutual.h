/*
 * Both ends of mutual TLS 1.3 between daemons, and the byte stream that comes of it, over OpenSSL, which is
 * hidden here. An end is a certificate, its key, the CA of the other end, and, on the side that accepts, a
 * question whom to let in, asked while the handshake can still be refused with the reason. No session
 * resumes: each connection is asked about again.
 *
 * A stream without TLS is a socket alone, so that anyone who carries bytes needs no second way. Nothing
 * waits: sockets are non-blocking, the caller watches them. All on one thread.
 */
#ifndef CORRAL_COMMON_TLS_MUTUAL_H
#define CORRAL_COMMON_TLS_MUTUAL_H

#include "common/base/err.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define TLS_NAME_MAX        63
#define TLS_FINGERPRINT_LEN 64 /* SHA-256 of the certificate, hexadecimal */
#define TLS_RECORD_MAX      16384

/* Whose certificate it is, as it says and our CA has signed. */
struct tls_who {
    char name[TLS_NAME_MAX + 1]; /* its first DNS name; "": none that fits */
    char fingerprint[TLS_FINGERPRINT_LEN + 1];
    int64_t not_before_s, not_after_s; /* Unix time */
};

/* PEM files. server_name: whom a client wants to meet; NULL for the side that accepts. */
struct tls_files {
    const char *ca_file, *cert_file, *key_file, *server_name;
};

struct tls_mutual;
struct stream;

/* Whether this holder of a certificate of our CA, which is in its time, may come in. */
typedef bool tls_allow_cb(void *arg, const struct tls_who *who);

/* Reads the files. allow: NULL for a client, or where all may. The caller frees *out. ERR_CONFIG. */
int tls_mutual_new(struct tls_mutual **out, const struct tls_files *files, tls_allow_cb *allow, void *arg,
                   struct err *e) MUST_CHECK;
void tls_mutual_free(struct tls_mutual *tls);

/* Of a certificate in DER, no matter who it is from: nothing of it is verified. False where it does not
 * parse. */
bool tls_who_read(struct tls_who *who, const uint8_t *der, size_t len);

/* Takes fd (non-blocking). tls: NULL for a socket alone; else it stays until the handshake is done. */
struct stream *stream_new(struct tls_mutual *tls, int fd);
void stream_free(struct stream *stream);

/* Goes on with the handshake: 1 where it is done, 0 where it waits, ERR_UNAUTHENTICATED where it failed. */
int stream_open(struct stream *stream, struct err *e) MUST_CHECK;

/* The peer, once it has shown its certificate, also one that is refused for it. NULL without TLS. Borrowed.
 */
const struct tls_who *stream_who(const struct stream *stream);

/*
 * How many bytes were taken; 0: none now; -1: the stream is over. Read with room for TLS_RECORD_MAX, so that
 * nothing stays where the socket's descriptor does not tell of it.
 */
ssize_t stream_read(struct stream *stream, void *out, size_t size);
ssize_t stream_write(struct stream *stream, const void *bytes, size_t len);

/* Why it is over; stream_hung_up where nothing else is known. Borrowed. */
extern const char stream_hung_up[];
const char *stream_why(const struct stream *stream);

int stream_fd(const struct stream *stream);

/* Whether what was last tried (stream_open, stream_read) waits for the socket to take bytes. */
bool stream_blocked(const struct stream *stream);

#endif
