#include "common/io/api_key.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <stdlib.h>
#include <string.h>

static const char alphabet[] = "0123456789abcdefghjkmnpqrstvwxyz";

struct api_key api_key_make(void)
{
    struct api_key key = {"crl_"};
    uint8_t random[API_KEY_LEN];
    if (RAND_bytes(random, sizeof random) != 1)
        abort();
    for (size_t i = 4; i < API_KEY_LEN; i++)
        key.text[i] = alphabet[random[i] & 31];
    OPENSSL_cleanse(random, sizeof random);
    return key;
}

bool api_key_prefix(const char *text, char out[static API_KEY_PREFIX_LEN + 1])
{
    if (strlen(text) != API_KEY_LEN || strncmp(text, "crl_", 4) != 0 ||
        strspn(text + 4, alphabet) != API_KEY_LEN - 4)
        return false;
    memcpy(out, text, API_KEY_PREFIX_LEN);
    out[API_KEY_PREFIX_LEN] = '\0';
    return true;
}

void api_key_sha256(const char *text, uint8_t out[static 32])
{
    if (EVP_Digest(text, strlen(text), out, NULL, EVP_sha256(), NULL) != 1)
        abort();
}

bool api_key_same(const uint8_t a[static 32], const uint8_t b[static 32])
{
    return CRYPTO_memcmp(a, b, 32) == 0;
}
