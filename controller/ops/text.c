/* Bytes of sandboxes in JSON, which has none but text. */
#include "controller/ops/ops.h"

#include "common/base/mem.h"
#include "common/base/utf8.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>

/* With the NUL behind it that reading its last character needs. */
static char *copy_of(const void *bytes, size_t len)
{
    return mem_dup(len ? bytes : "", len);
}

bool ops_is_text(const void *bytes, size_t len)
{
    char *text = copy_of(bytes, len);
    bool good = utf8_valid_bytes(text, len);
    free(text);
    return good;
}

void ops_put_bytes(struct json_text *json, const char *name, const void *bytes, size_t len)
{
    char other[64], *text = copy_of(bytes, len);
    if (utf8_valid_bytes(text, len)) {
        json_text_bytes(json, name, text, len);
    } else {
        char *coded = mem_zalloc(len / 3 * 4 + 5);
        EVP_EncodeBlock((unsigned char *)coded, (const unsigned char *)text, (int)len);
        snprintf(other, sizeof other, "%s_base64", name);
        json_text_str(json, other, coded);
        free(coded);
    }
    free(text);
}
