#include "common/http/websocket_handshake.h"

#include "common/http/websocket_key.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool is_key(const char *key)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    return key && strlen(key) == WEBSOCKET_KEY_LEN && strspn(key, digits) == WEBSOCKET_KEY_LEN - 2 &&
           !strcmp(key + 22, "==");
}

/* Whether the client's list has this protocol. Their names are compared with their case. */
static bool offers(const char *list, const char *protocol)
{
    size_t len = strlen(protocol);
    for (const char *at = list; *at; at += strcspn(at, ","), at += *at == ',') {
        at += strspn(at, " \t");
        if (strcspn(at, ", \t") == len && !strncmp(at, protocol, len))
            return true;
    }
    return false;
}

int websocket_handshake_check(struct websocket_handshake *out, const struct http_exchange *x,
                              const char *const *protocols, struct err *e)
{
    const char *version = http_header(x, "sec-websocket-version"), *key = http_header(x, "sec-websocket-key"),
               *list = http_header(x, "sec-websocket-protocol");
    char accept[29];
    out->protocol = NULL;
    if (!version || strcmp(version, "13"))
        return err_set(e, ERR_UPGRADE_REQUIRED, "only version 13 of WebSocket is spoken here");
    if (!is_key(key))
        return err_set(e, ERR_BAD_REQUEST, "Sec-WebSocket-Key must be 16 bytes in base64");
    for (; list && *protocols && !out->protocol; protocols++) {
        if (offers(list, *protocols))
            out->protocol = *protocols;
    }
    websocket_key_accept(key, accept);
    snprintf(out->headers, sizeof out->headers, "Sec-WebSocket-Accept: %s\r\n%s%s%s", accept,
             out->protocol ? "Sec-WebSocket-Protocol: " : "", out->protocol ? out->protocol : "",
             out->protocol ? "\r\n" : "");
    return 0;
}
