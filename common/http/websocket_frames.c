#include "common/http/websocket_frames.h"

#include "common/base/mem.h"
#include "common/base/utf8.h"

#include <stdlib.h>
#include <string.h>
#include <wslay/wslay.h>

#define KEPT_ROOM 4096 /* of a message that was read: a larger one is given back */

struct websocket_reader {
    wslay_frame_context_ptr frames;
    uint8_t *in; /* what wslay has not fetched */
    size_t in_at, in_len;
    size_t message_max;
    bool of_server;   /* its frames have no mask */
    uint8_t *message; /* what has arrived of it; a NUL follows */
    size_t message_len, message_room;
    uint8_t control[WEBSOCKET_CONTROL_MAX + 1];
    size_t control_len;
    bool in_message, is_text; /* a first frame was read, and the last one was not */
    bool in_frame;            /* a part of a frame was read */
    uint64_t frame_got;
    bool given; /* the message was handed out: the next one takes its place */
};

static ssize_t fetch(uint8_t *out, size_t len, int flags, void *arg)
{
    struct websocket_reader *r = arg;
    size_t some = r->in_len - r->in_at < len ? r->in_len - r->in_at : len;
    if (some)
        memcpy(out, r->in + r->in_at, some);
    r->in_at += some;
    return (ssize_t)some; /* 0: not now */
}

struct websocket_reader *websocket_reader_new(size_t message_max)
{
    static const struct wslay_frame_callbacks callbacks = {.recv_callback = fetch};
    struct websocket_reader *r = mem_zalloc(sizeof *r);
    r->message_max = message_max;
    if (wslay_frame_context_init(&r->frames, &callbacks, r))
        abort();
    return r;
}

struct websocket_reader *websocket_reader_of_server(size_t message_max)
{
    struct websocket_reader *r = websocket_reader_new(message_max);
    r->of_server = true;
    return r;
}

void websocket_reader_free(struct websocket_reader *r)
{
    if (!r)
        return;
    wslay_frame_context_free(r->frames);
    free(r->in);
    free(r->message);
    free(r);
}

void websocket_reader_put(struct websocket_reader *r, const void *bytes, size_t len)
{
    size_t left = r->in_len - r->in_at;
    if (!len)
        return;
    if (left)
        memmove(r->in, r->in + r->in_at, left);
    r->in = mem_grow(r->in, left + len, 1);
    memcpy(r->in + left, bytes, len);
    r->in_at = 0;
    r->in_len = left + len;
}

size_t websocket_reader_held(const struct websocket_reader *r)
{
    return r->in_len + (r->message_len ? r->message_room : 0);
}

bool websocket_reader_waits(const struct websocket_reader *r)
{
    return r->in_at < r->in_len;
}

/* --- messages --- */

static void forget_message(struct websocket_reader *r)
{
    r->given = false;
    r->message_len = 0;
    if (r->message_room <= KEPT_ROOM)
        return;
    mem_free_ptr(&r->message);
    r->message_room = 0;
}

static void keep(struct websocket_reader *r, const struct wslay_frame_iocb *frame)
{
    if (wslay_is_ctrl_frame(frame->opcode)) { /* wslay holds it to its bound */
        memcpy(r->control + r->control_len, frame->data, frame->data_length);
        r->control_len += frame->data_length;
        r->control[r->control_len] = 0;
        return;
    }
    size_t need = r->message_len + frame->data_length + 1;
    if (need > r->message_room) {
        r->message_room = need < 2 * r->message_room ? 2 * r->message_room : need;
        r->message = mem_grow(r->message, r->message_room, 1);
    }
    memcpy(r->message + r->message_len, frame->data, frame->data_length);
    r->message_len += frame->data_length;
    r->message[r->message_len] = 0;
}

/* Checks the head of a frame. Returns 0, or the code to close with. */
static unsigned begin_frame(struct websocket_reader *r, const struct wslay_frame_iocb *frame)
{
    bool first = frame->opcode == WSLAY_TEXT_FRAME || frame->opcode == WSLAY_BINARY_FRAME;
    bool control = frame->opcode >= WSLAY_CONNECTION_CLOSE && frame->opcode <= WSLAY_PONG;
    bool next = frame->opcode == WSLAY_CONTINUATION_FRAME;
    r->frame_got = 0;
    r->control_len = 0;
    r->control[0] = 0;
    if (!frame->mask != r->of_server || frame->rsv || !(first || control || next))
        return WEBSOCKET_BAD_FRAMES;
    if (control)
        return 0;
    if (first == r->in_message) /* a message within another, or the continuation of none */
        return WEBSOCKET_BAD_FRAMES;
    if (first)
        r->is_text = frame->opcode == WSLAY_TEXT_FRAME;
    r->in_message = true;
    return frame->payload_length > r->message_max - r->message_len ? WEBSOCKET_TOO_BIG : 0;
}

static struct websocket_read broken(unsigned code)
{
    return (struct websocket_read){.what = WEBSOCKET_BROKEN, .code = code};
}

static struct websocket_read end_message(struct websocket_reader *r)
{
    r->in_message = false;
    r->given = true;
    if (r->is_text && !utf8_valid_bytes((const char *)r->message, r->message_len))
        return broken(WEBSOCKET_BAD_TEXT);
    return (struct websocket_read){
        .what = r->is_text ? WEBSOCKET_TEXT : WEBSOCKET_BINARY, .bytes = r->message, .len = r->message_len};
}

/* --- control frames --- */

static bool may_be_sent(unsigned code)
{
    return (code >= 1000 && code <= 1014 && code != 1004 && code != WEBSOCKET_NO_CODE &&
            code != WEBSOCKET_ABNORMAL) ||
           (code >= 3000 && code <= 4999);
}

static struct websocket_read end_close(const struct websocket_reader *r)
{
    unsigned code = WEBSOCKET_NO_CODE;
    if (r->control_len == 1)
        return broken(WEBSOCKET_BAD_FRAMES);
    if (r->control_len)
        code = (unsigned)r->control[0] << 8 | r->control[1];
    if (r->control_len && !may_be_sent(code))
        return broken(WEBSOCKET_BAD_FRAMES);
    if (r->control_len && !utf8_valid_bytes((const char *)r->control + 2, r->control_len - 2))
        return broken(WEBSOCKET_BAD_TEXT);
    return (struct websocket_read){.what = WEBSOCKET_CLOSE, .code = code};
}

static struct websocket_read end_frame(struct websocket_reader *r, const struct wslay_frame_iocb *frame)
{
    if (frame->opcode == WSLAY_CONNECTION_CLOSE)
        return end_close(r);
    if (wslay_is_ctrl_frame(frame->opcode))
        return (struct websocket_read){.what = frame->opcode == WSLAY_PING ? WEBSOCKET_PING : WEBSOCKET_PONG,
                                       .bytes = r->control,
                                       .len = r->control_len};
    return frame->fin ? end_message(r) : (struct websocket_read){.what = WEBSOCKET_NOTHING};
}

struct websocket_read websocket_reader_next(struct websocket_reader *r)
{
    struct wslay_frame_iocb frame = {0};
    struct websocket_read read = {0};
    if (r->given)
        forget_message(r);
    while (!read.what) {
        ssize_t n = wslay_frame_recv(r->frames, &frame);
        if (n == WSLAY_ERR_WANT_READ)
            break;
        unsigned code = n < 0 ? WEBSOCKET_BAD_FRAMES : r->in_frame ? 0 : begin_frame(r, &frame);
        if (code)
            return broken(code);
        keep(r, &frame);
        r->frame_got += frame.data_length;
        r->in_frame = r->frame_got < frame.payload_length;
        if (!r->in_frame)
            read = end_frame(r, &frame);
    }
    if (r->in_at == r->in_len) {
        mem_free_ptr(&r->in);
        r->in_at = r->in_len = 0;
    }
    return read;
}

/* --- writing --- */

struct sink {
    websocket_put_fn *put;
    void *arg;
    const uint8_t *key; /* NULL: no mask */
};

static ssize_t give(const uint8_t *bytes, size_t len, int flags, void *arg)
{
    struct sink *sink = arg;
    sink->put(sink->arg, bytes, len);
    return (ssize_t)len;
}

static int give_key(uint8_t *out, size_t len, void *arg)
{
    const struct sink *sink = arg;
    memcpy(out, sink->key, len);
    return 0;
}

static void write_frame(enum websocket_what what, const void *bytes, size_t len, struct sink *sink)
{
    static const uint8_t opcodes[] = {[WEBSOCKET_TEXT] = WSLAY_TEXT_FRAME,
                                      [WEBSOCKET_BINARY] = WSLAY_BINARY_FRAME,
                                      [WEBSOCKET_PING] = WSLAY_PING,
                                      [WEBSOCKET_PONG] = WSLAY_PONG,
                                      [WEBSOCKET_CLOSE] = WSLAY_CONNECTION_CLOSE};
    static const struct wslay_frame_callbacks callbacks = {.send_callback = give,
                                                           .genmask_callback = give_key};
    struct wslay_frame_iocb frame = {.fin = 1,
                                     .opcode = opcodes[what],
                                     .payload_length = len,
                                     .mask = sink->key != NULL,
                                     .data = bytes,
                                     .data_length = len};
    wslay_frame_context_ptr out;
    if (wslay_frame_context_init(&out, &callbacks, sink) || wslay_frame_send(out, &frame) != (ssize_t)len)
        abort();
    wslay_frame_context_free(out);
}

void websocket_frame_write(enum websocket_what what, const void *bytes, size_t len, websocket_put_fn *put,
                           void *arg)
{
    write_frame(what, bytes, len, &(struct sink){.put = put, .arg = arg});
}

void websocket_frame_write_masked(enum websocket_what what, const void *bytes, size_t len,
                                  const uint8_t key[static 4], websocket_put_fn *put, void *arg)
{
    write_frame(what, bytes, len, &(struct sink){.put = put, .arg = arg, .key = key});
}

void websocket_close_write(unsigned code, const char *reason, websocket_put_fn *put, void *arg)
{
    uint8_t payload[WEBSOCKET_CONTROL_MAX] = {(uint8_t)(code >> 8), (uint8_t)code};
    size_t len = 0, n;
    while (reason[len] && (n = utf8_len(reason + len)) && len + n <= sizeof payload - 2)
        len += n;
    memcpy(payload + 2, reason, len);
    websocket_frame_write(WEBSOCKET_CLOSE, payload, code == WEBSOCKET_NO_CODE ? 0 : len + 2, put, arg);
}
