#include "controller/webhooks/webhook_sign.h"

#include "common/base/text.h"
#include "common/io/pki.h"

#include <inttypes.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void webhook_sign_make(uint8_t secret[static WEBHOOK_SECRET_LEN])
{
    pki_random(secret, WEBHOOK_SECRET_LEN);
}

void webhook_sign_show(const uint8_t *secret, size_t len, char out[static WEBHOOK_SECRET_TEXT_MAX])
{
    strcpy(out, "whsec_");
    EVP_EncodeBlock((unsigned char *)out + strlen(out), secret, (int)len);
}

void webhook_sign(const uint8_t *secret, size_t len, const char *id, uint64_t seconds, const char *body,
                  char out[static WEBHOOK_SIGNATURE_MAX])
{
    struct text signed_text = {0};
    uint8_t mac[EVP_MAX_MD_SIZE];
    unsigned mac_len = 0;
    text_fmt(&signed_text, "%s.%" PRIu64 ".", id, seconds);
    text_add(&signed_text, body);
    if (!HMAC(EVP_sha256(), secret, (int)len, (const uint8_t *)signed_text.data, signed_text.len, mac,
              &mac_len))
        abort();
    strcpy(out, "v1,");
    EVP_EncodeBlock((unsigned char *)out + strlen(out), mac, (int)mac_len);
    text_fini(&signed_text);
}
