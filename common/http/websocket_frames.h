/*
 * The frames of a WebSocket (RFC 6455, section 5), as both sides read and write them, over wslay, which is
 * hidden here. No I/O, no clock.
 *
 * The reader joins the fragments of a message, with control frames between them, and holds the peer to the
 * RFC: masked frames only of a client, none of a server, no reserved bits, known opcodes, text that is UTF-8,
 * close codes that may be sent.
 * Memory: bytes that were put in and not read yet, and the part of a message that has arrived, at most
 * message_max; what a frame merely announces is not allocated.
 */
#ifndef CORRAL_COMMON_HTTP_WEBSOCKET_FRAMES_H
#define CORRAL_COMMON_HTTP_WEBSOCKET_FRAMES_H

#include "common/base/defs.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WEBSOCKET_CONTROL_MAX 125 /* bytes of a control frame */

/* Codes of a close (section 7.4.1, and IANA's registry). */
enum websocket_code {
    WEBSOCKET_NORMAL = 1000,
    WEBSOCKET_GOING_AWAY = 1001,
    WEBSOCKET_BAD_FRAMES = 1002,
    WEBSOCKET_NO_CODE = 1005,  /* never sent: the peer closed without a code */
    WEBSOCKET_ABNORMAL = 1006, /* never sent: the connection ended without a close */
    WEBSOCKET_BAD_TEXT = 1007,
    WEBSOCKET_POLICY = 1008,
    WEBSOCKET_TOO_BIG = 1009,
    WEBSOCKET_FAILED = 1011,
    WEBSOCKET_RESTART = 1012,
    WEBSOCKET_LATER = 1013,
};

enum websocket_what {
    WEBSOCKET_NOTHING, /* more bytes are needed */
    WEBSOCKET_TEXT,
    WEBSOCKET_BINARY,
    WEBSOCKET_PING,
    WEBSOCKET_PONG,
    WEBSOCKET_CLOSE,  /* code: the peer's, or WEBSOCKET_NO_CODE */
    WEBSOCKET_BROKEN, /* the peer broke a rule: close with this code, and read no more */
};

struct websocket_read {
    enum websocket_what what;
    const uint8_t *bytes; /* valid until the next call */
    size_t len;
    unsigned code;
};

struct websocket_reader;

/* Reads what a client sends, or what a server sends. */
struct websocket_reader *websocket_reader_new(size_t message_max);
struct websocket_reader *websocket_reader_of_server(size_t message_max);
void websocket_reader_free(struct websocket_reader *reader);

/* Copies the bytes, behind those that were not read yet. */
void websocket_reader_put(struct websocket_reader *reader, const void *bytes, size_t len);

/* Reads on. After WEBSOCKET_BROKEN it is not called again. */
struct websocket_read websocket_reader_next(struct websocket_reader *reader);

/* How many bytes of memory it holds for what has arrived. */
size_t websocket_reader_held(const struct websocket_reader *reader);

/* Whether bytes were put in that it has not looked at. */
bool websocket_reader_waits(const struct websocket_reader *reader);

/* Writes one whole message, or control frame, piece by piece into put, as a server does. */
typedef void websocket_put_fn(void *arg, const void *bytes, size_t len);
void websocket_frame_write(enum websocket_what what, const void *bytes, size_t len, websocket_put_fn *put,
                           void *arg);

/* The same as a client does it: masked with this key, which is random for each frame. */
void websocket_frame_write_masked(enum websocket_what what, const void *bytes, size_t len,
                                  const uint8_t key[static 4], websocket_put_fn *put, void *arg);

/* Writes a close frame. reason: UTF-8; cut at a character. */
void websocket_close_write(unsigned code, const char *reason, websocket_put_fn *put, void *arg);

#endif
