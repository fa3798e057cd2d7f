/*
 * Keys that seal small secrets, and the sealing: AES-256-GCM (NIST SP 800-38D) under a key of its own for
 * each subject, which HKDF-SHA-256 (RFC 5869) derives from a key of the ring and the subject's name. The
 * nonce is random (96 bits); since a derived key seals one subject only, nonces do not repeat in practice.
 * Subject and the key's id are authenticated too: what was sealed for one subject does not open for another.
 *
 * A key file has a key on each line: an id (1 to 32 of A-Z a-z 0-9 . _ -), a space, and 32 bytes in base64
 * or hexadecimal. Without an id, the id is taken from the key's SHA-256. Empty lines and those that begin
 * with # are skipped. A file of exactly 32 bytes is one key. The first key seals; every key opens.
 */
#ifndef CORRAL_COMMON_IO_SECRETS_H
#define CORRAL_COMMON_IO_SECRETS_H

#include "common/base/defs.h"
#include "common/base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SECRETS_ID_MAX   32
#define SECRETS_KEYS_MAX 64
#define SECRETS_FILE_MAX 65536
/* By how much a sealed text is longer than the plain one, at most: version, id, nonce, tag. */
#define SECRETS_OVERHEAD_MAX (2 + SECRETS_ID_MAX + 12 + 16)

struct secrets;

/* Parses the content of a key file. ERR_CONFIG names the line. *out is the caller's. */
int secrets_parse(struct secrets **out, const char *text, size_t len, struct err *e) MUST_CHECK;

/*
 * Reads a key file. ERR_CONFIG, also if other users may write it, with what mends it; that others may read it
 * is logged. Blocking: for start-up and reload.
 */
int secrets_load(struct secrets **out, const char *path, struct err *e) MUST_CHECK;

/* As secrets_load, but makes the file, with one new key of this id, if there is none. Blocking. */
int secrets_load_or_make(struct secrets **out, const char *path, const char *id, struct err *e) MUST_CHECK;

/* Writes a new line of a key file, without its end, to out (SECRETS_LINE_MAX bytes). */
#define SECRETS_LINE_MAX (SECRETS_ID_MAX + 1 + 44 + 1)
void secrets_new_line(const char *id, char *out);

/* Wipes the keys. NULL is fine. */
void secrets_free(struct secrets *secrets);

/* The id of the key that seals. Borrowed. */
const char *secrets_sealing_id(const struct secrets *secrets);
/* Whether a key may be called so. */
bool secrets_is_id(const char *text);
bool secrets_has(const struct secrets *secrets, const char *id);

/* Seals plain for this subject. *out is the caller's (free). ERR_INTERNAL: the library fails. */
int secrets_seal(const struct secrets *secrets, const char *subject, const void *plain, size_t len,
                 uint8_t **out, size_t *out_len, struct err *e) MUST_CHECK;

/*
 * Opens what secrets_seal made for the same subject. *out is the caller's (secrets_wipe). ERR_CONFIG: no key
 * of the ring sealed it (secrets NULL: there is none); ERR_PROTOCOL: it is damaged, or of another subject.
 */
int secrets_open(const struct secrets *secrets, const char *subject, const uint8_t *sealed, size_t len,
                 uint8_t **out, size_t *out_len, struct err *e) MUST_CHECK;

/* Overwrites len bytes at p, and frees them. NULL is fine. */
void secrets_wipe(void *p, size_t len);

#endif
