#include "common/http/websocket_key.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void websocket_key_accept(const char *key, char out[static WEBSOCKET_ACCEPT_LEN + 1])
{
    static const char guid[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"; /* section 1.3 */
    unsigned char digest[EVP_MAX_MD_SIZE];
    char text[WEBSOCKET_KEY_LEN + sizeof guid];
    unsigned len;
    snprintf(text, sizeof text, "%.*s%s", WEBSOCKET_KEY_LEN, key, guid);
    if (!EVP_Digest(text, strlen(text), digest, &len, EVP_sha1(), NULL))
        abort();
    EVP_EncodeBlock((unsigned char *)out, digest, (int)len);
}
