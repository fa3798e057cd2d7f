/* A login as Docker's header X-Registry-Auth has it: JSON in base64 with the alphabet for URLs (RFC 4648). */
#include "agent/docker/docker.h"

#include "common/base/json_text.h"
#include "common/base/mem.h"

#include <stdlib.h>
#include <string.h>

static char *base64(const uint8_t *bytes, size_t len)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    char *out = mem_zalloc((len + 2) / 3 * 4 + 1), *at = out;
    for (size_t i = 0; i < len; i += 3) {
        uint32_t three = (uint32_t)bytes[i] << 16;
        three |= i + 1 < len ? (uint32_t)bytes[i + 1] << 8 : 0;
        three |= i + 2 < len ? (uint32_t)bytes[i + 2] : 0;
        *at++ = digits[three >> 18];
        *at++ = digits[three >> 12 & 63];
        *at++ = i + 1 < len ? digits[three >> 6 & 63] : '=';
        *at++ = i + 2 < len ? digits[three & 63] : '=';
    }
    return out;
}

/* Each byte of a name or password may be escaped as \u00XX. */
#define ESCAPED_MAX (6 * (2 * NODE_LOGIN_NAME_MAX + NODE_LOGIN_SECRET_MAX) + 64)

/* In memory of a fixed size, so that no copy of the password stays behind. */
char *docker_auth_write(const struct registry_login *login)
{
    char *plain = mem_zalloc(ESCAPED_MAX);
    struct json_text json = {.text = text_in(plain, ESCAPED_MAX)};
    json_text_object(&json, NULL);
    json_text_str(&json, "username", login->username);
    json_text_str(&json, "password", login->password);
    json_text_str(&json, "serveraddress", login->registry);
    json_text_end(&json);
    char *out = base64((const uint8_t *)plain, strlen(plain));
    explicit_bzero(plain, ESCAPED_MAX);
    free(plain);
    return out;
}
