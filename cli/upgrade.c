#include "cli/upgrade.h"

#include "common/base/defs.h"

#include <openssl/evp.h>
#include <openssl/rand.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define SWITCHING 101

void upgrade_begin(struct upgrade *u, const char *authority, const char *target, const char *api_key,
                   struct text *request)
{
    unsigned char random[16];
    *u = (struct upgrade){.state = UPGRADE_MORE};
    if (RAND_bytes(random, sizeof random) != 1)
        abort();
    EVP_EncodeBlock((unsigned char *)u->key, random, sizeof random);
    http_parser_init(&u->parser, HTTP_RESPONSE);
    u->parser.data = u;
    text_add(request, "GET ");
    text_add(request, target);
    text_add(request, " HTTP/1.1\r\nHost: ");
    text_add(request, authority);
    text_add(request, "\r\nX-API-Key: ");
    text_add(request, api_key);
    text_add(request, "\r\nUser-Agent: corral/" CORRAL_VERSION
                      "\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13"
                      "\r\nSec-WebSocket-Protocol: " UPGRADE_PROTOCOL "\r\nSec-WebSocket-Key: ");
    text_add(request, u->key);
    text_add(request, "\r\n\r\n");
}

void upgrade_fini(struct upgrade *u)
{
    text_fini(&u->body);
}

/* --- headers --- */

static void add(char *out, size_t size, size_t *len, const char *bytes, size_t n)
{
    for (size_t i = 0; i < n && *len + 1 < size; i++)
        out[(*len)++] = bytes[i];
    out[*len] = 0;
}

static uint64_t number_of(const char *text)
{
    size_t digits = strspn(text, "0123456789");
    return digits && digits <= 18 && !text[digits] ? strtoull(text, NULL, 10) : 0;
}

static void end_header(struct upgrade *u)
{
    const struct {
        const char *name;
        char *out;
    } texts[] = {{"Sec-WebSocket-Accept", u->accept},
                 {"Sec-WebSocket-Protocol", u->protocol},
                 {"Upgrade", u->upgrade}};
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        if (!strcasecmp(u->name, texts[i].name))
            memcpy(texts[i].out, u->value, sizeof u->value);
    }
    uint64_t number = number_of(u->value);
    if (!strcasecmp(u->name, "X-Process-Id") && number <= INT32_MAX)
        u->pid = (uint32_t)number;
    if (!strcasecmp(u->name, "X-Output-From"))
        u->output_from = number;
    if (!strcasecmp(u->name, "X-Input-From")) {
        u->has_input_from = true;
        u->input_from = number;
    }
    u->name_len = u->value_len = 0;
    u->has_value = false;
    u->name[0] = u->value[0] = 0;
}

static int on_name(http_parser *parser, const char *bytes, size_t len)
{
    struct upgrade *u = parser->data;
    if (u->has_value)
        end_header(u);
    add(u->name, sizeof u->name, &u->name_len, bytes, len);
    return 0;
}

static int on_value(http_parser *parser, const char *bytes, size_t len)
{
    struct upgrade *u = parser->data;
    u->has_value = true;
    add(u->value, sizeof u->value, &u->value_len, bytes, len);
    return 0;
}

static bool is_ours(const struct upgrade *u)
{
    char accept[WEBSOCKET_ACCEPT_LEN + 1];
    websocket_key_accept(u->key, accept);
    return u->parser.upgrade && !strcasecmp(u->upgrade, "websocket") && !strcmp(u->accept, accept) &&
           !strcmp(u->protocol, UPGRADE_PROTOCOL) && u->pid;
}

static int on_head(http_parser *parser)
{
    struct upgrade *u = parser->data;
    end_header(u);
    u->status = parser->status_code;
    if (u->status == SWITCHING)
        u->state = is_ours(u) ? UPGRADE_OPEN : UPGRADE_BROKEN;
    else if (u->status < 300)
        u->state = UPGRADE_BROKEN;
    if (u->state == UPGRADE_OPEN)
        return 2; /* it has no body, whatever its headers say: what follows are frames */
    return u->state == UPGRADE_BROKEN ? -1 : 0;
}

/* --- body --- */

static int on_body(http_parser *parser, const char *bytes, size_t len)
{
    struct upgrade *u = parser->data;
    size_t room = UPGRADE_BODY_MAX - u->body.len;
    text_add_bytes(&u->body, bytes, len < room ? len : room);
    if (len >= room)
        u->state = UPGRADE_REFUSED;
    return 0;
}

static int on_done(http_parser *parser)
{
    struct upgrade *u = parser->data;
    if (u->state == UPGRADE_MORE)
        u->state = UPGRADE_REFUSED;
    if (u->state == UPGRADE_REFUSED)
        http_parser_pause(parser, 1); /* another answer after it counts for nothing */
    return 0;
}

static const http_parser_settings settings = {.on_header_field = on_name,
                                              .on_header_value = on_value,
                                              .on_headers_complete = on_head,
                                              .on_body = on_body,
                                              .on_message_complete = on_done};

size_t upgrade_read(struct upgrade *u, const char *bytes, size_t len)
{
    if (u->state != UPGRADE_MORE || !len)
        return 0;
    size_t used = http_parser_execute(&u->parser, &settings, bytes, len);
    if (u->state == UPGRADE_MORE && HTTP_PARSER_ERRNO(&u->parser) != HPE_OK)
        u->state = UPGRADE_BROKEN;
    return used;
}

void upgrade_eof(struct upgrade *u)
{
    if (u->state == UPGRADE_MORE)
        u->state = u->status ? UPGRADE_REFUSED : UPGRADE_BROKEN;
}
