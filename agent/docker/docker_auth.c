/* A login as Docker's header X-Registry-Auth has it: JSON in base64 with the alphabet for URLs (RFC 4648). */
#include "agent/docker/docker.h"

#include "common/base/json_text.h"
#include "common/base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LETTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

static const char for_urls[] = LETTERS "0123456789-_", for_headers[] = LETTERS "0123456789+/";

static char *base64(const char *digits, const uint8_t *bytes, size_t len)
{
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
    char *out = base64(for_urls, (const uint8_t *)plain, strlen(plain));
    explicit_bzero(plain, ESCAPED_MAX);
    free(plain);
    return out;
}

/* The last group of the header's text depends on what follows it: without it. */
bool docker_auth_shown(const struct registry_login *login, const char *text)
{
    char pair[NODE_LOGIN_NAME_MAX + NODE_LOGIN_SECRET_MAX + 2];
    if (login->password[0] && strstr(text, login->password))
        return true;
    int len = snprintf(pair, sizeof pair, "%s:%s", login->username, login->password);
    char *basic = base64(for_headers, (const uint8_t *)pair, (size_t)len);
    basic[len / 3 * 4] = 0;
    bool shown = len >= 3 && strstr(text, basic);
    explicit_bzero(pair, sizeof pair);
    explicit_bzero(basic, strlen(basic));
    free(basic);
    return shown;
}
