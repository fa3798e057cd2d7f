/* The key of an opening handshake (RFC 6455, section 1.3), for both sides. Pure. */
#ifndef CORRAL_COMMON_HTTP_WEBSOCKET_KEY_H
#define CORRAL_COMMON_HTTP_WEBSOCKET_KEY_H

#define WEBSOCKET_KEY_LEN    24 /* 16 bytes in base64 */
#define WEBSOCKET_ACCEPT_LEN 28

/* Sec-WebSocket-Accept for a Sec-WebSocket-Key. */
void websocket_key_accept(const char *key, char out[static WEBSOCKET_ACCEPT_LEN + 1]);

#endif
