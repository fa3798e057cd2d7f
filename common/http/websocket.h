/*
 * A server's side of WebSockets (RFC 6455) on connections that were handed over (common/http/http_stream.h):
 * messages in and out, pings, the closing handshake. A set holds all WebSockets of a server. On the loop.
 *
 * Flow control works both ways. After on_message has returned false, no message comes until websocket_more.
 * After websocket_write has returned false, the owner waits for on_room; what it writes on regardless counts
 * towards HTTP_STREAM_MAX, past which the connection ends.
 *
 * Bounds: a message may have message_bytes (a longer one is closed with 1009). What has arrived of a message
 * is charged to the connection, as all that it holds. The client is pinged each ping_ms, and gone after two
 * pings in a row that nothing followed; a ping does not count while the owner takes no messages, or while the
 * ping itself has not left. A client that takes no byte for take_ms although bytes wait is closed with 1013.
 * A close waits close_ms for the client's close after all bytes were taken, and take_ms for these.
 *
 * Of pings that come faster than their pongs are taken, the latest is answered.
 */
#ifndef CORRAL_COMMON_HTTP_WEBSOCKET_H
#define CORRAL_COMMON_HTTP_WEBSOCKET_H

#include "common/http/http_stream.h"
#include "common/http/websocket_frames.h"

struct websocket;
struct websockets;

struct websocket_limits {
    size_t message_bytes;
    uint32_t ping_ms, take_ms, close_ms;
};
extern const struct websocket_limits websocket_default_limits;

/* Each callback may call every function of this header but websockets_free. */
struct websocket_ops {
    /* A message, borrowed. Return false to get no more now. */
    bool (*on_message)(void *arg, bool text, const uint8_t *bytes, size_t len);
    /* There is room again. Called only after a write has returned false. */
    void (*on_room)(void *arg);
    /* The last callback: the client has closed (its code), is gone (WEBSOCKET_ABNORMAL), or was closed here,
     * for a rule that it broke, for being slow, or by websockets_close. The WebSocket is not the owner's any
     * more. */
    void (*on_closed)(void *arg, unsigned code);
};

struct websockets *websockets_new(struct loop *loop, const struct websocket_limits *limits);

/* Calls on_closed of those that are open, with WEBSOCKET_GOING_AWAY, and ends all at once. NULL is allowed.
 */
void websockets_free(struct websockets *all);

/* Closes all, and those that are opened later at once: the server is about to end. */
void websockets_close(struct websockets *all, unsigned code);

/* How many connections belong to a WebSocket, also one that is being closed. */
size_t websockets_count(const struct websockets *all);

/* Ends and frees the exchange: http_stream_end, or what calls it. */
typedef void websocket_end_fn(void *end_arg);

/*
 * Makes a WebSocket for the exchange x, which the caller then hands over by http_stream_upgrade with
 * websocket_stream_ops, and the WebSocket as their arg. If that returns false, the caller calls
 * websocket_drop. end is called once, at its very end.
 */
struct websocket *websocket_new(struct websockets *all, struct http_exchange *x, websocket_end_fn *end,
                                void *end_arg, const struct websocket_ops *ops, void *arg);
extern const struct http_stream_ops websocket_stream_ops;

/* Frees one whose exchange was not handed over; calls nothing. */
void websocket_drop(struct websocket *ws);

/* The owner takes further messages. */
void websocket_more(struct websocket *ws);

/* Writes a message, copied. Returns false if the owner should wait for on_room (it is written all the same).
 */
bool websocket_write(struct websocket *ws, bool text, const void *bytes, size_t len);

/* Whether a write would return true. */
bool websocket_has_room(const struct websocket *ws);

/* How many of the bytes that were written have not arrived at the client's host. */
size_t websocket_unsent(const struct websocket *ws);

/* The owner keeps so many bytes of messages, from now on: they are charged to the connection. */
void websocket_keep(struct websocket *ws, size_t bytes);

/* Closes it, after what was written. No callback follows, and the WebSocket is not the owner's any more.
 * reason: a sentence, cut where it is too long. */
void websocket_close(struct websocket *ws, unsigned code, const char *reason);

#endif
