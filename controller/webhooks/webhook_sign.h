/*
 * Secrets of webhooks and their signatures, as Standard Webhooks 1.0.0 has them: HMAC-SHA-256 over
 * "id.timestamp.body". A secret is 32 random bytes; people see it as "whsec_" and base64.
 */
#ifndef CORRAL_CONTROLLER_WEBHOOKS_WEBHOOK_SIGN_H
#define CORRAL_CONTROLLER_WEBHOOKS_WEBHOOK_SIGN_H

#include <stddef.h>
#include <stdint.h>

#define WEBHOOK_SECRET_LEN      32
#define WEBHOOK_SECRET_TEXT_MAX 96 /* with its NUL */
#define WEBHOOK_SIGNATURE_MAX   64 /* "v1," and base64, with its NUL */

void webhook_sign_make(uint8_t secret[static WEBHOOK_SECRET_LEN]);

/* len: 64 at most. */
void webhook_sign_show(const uint8_t *secret, size_t len, char out[static WEBHOOK_SECRET_TEXT_MAX]);

/* seconds: of Unix time. */
void webhook_sign(const uint8_t *secret, size_t len, const char *id, uint64_t seconds, const char *body,
                  char out[static WEBHOOK_SIGNATURE_MAX]);

#endif
