#include "controller/streams/process_channel.h"

#include "common/base/mem.h"
#include "controller/streams/channel_frames.h"

#include <stdlib.h>
#include <string.h>

/*
 * What a client has not got when its connection breaks, it comes back for, and the init keeps 128 KiB for it:
 * the window of the stream is 64 KiB, and so much may be on its way from here besides.
 */
#define AHEAD_MAX   49152
#define GRANT_LEAST 4096
#define LOOK_MIN_MS 5 /* nothing tells what has arrived */
#define LOOK_MAX_MS 100

struct process_channel {
    struct loop *loop;
    struct hub_stream *stream; /* NULL: over */
    struct websocket *ws;      /* NULL: not carried yet */
    bool v5;
    bool begun, ended;      /* the process */
    struct channel_end end; /* of the process */
    size_t owed;            /* bytes of output that the node gets no window for yet */
    size_t unsent;          /* at the last look */
    uint64_t moved_ms;      /* when less was on its way than before, or nothing was owed */
    struct timer look;
    uint32_t look_ms; /* until the next look; twice as long while nothing moves */
    uint8_t *input;   /* of a message that the stream did not take whole */
    size_t input_at, input_len;
    bool input_ends, told_input_end;
    uint16_t rows, columns; /* a size that was not told yet; 0: none */
    struct timer patience;
    const struct process_channel_ops *ops;
    void *arg;
};

/* --- its end --- */

static void channel_free(struct process_channel *ch)
{
    timer_stop(&ch->patience);
    timer_stop(&ch->look);
    if (ch->stream)
        hub_stream_end(ch->stream);
    free(ch->input);
    free(ch);
}

/* After its WebSocket was closed. */
static void finish(struct process_channel *ch)
{
    const struct process_channel_ops *ops = ch->ops;
    void *arg = ch->arg;
    channel_free(ch);
    ops->on_over(arg);
}

static void close_with(struct process_channel *ch, unsigned code, const char *reason)
{
    websocket_close(ch->ws, code, reason);
    finish(ch);
}

static void tell_end(struct process_channel *ch, const struct channel_end *end)
{
    struct text message = {0};
    channel_end_write(end, &message);
    websocket_write(ch->ws, false, message.data, message.len);
    text_fini(&message);
    close_with(ch, WEBSOCKET_NORMAL, "");
}

static void fail(struct process_channel *ch, int code, const char *text)
{
    const struct process_channel_ops *ops = ch->ops;
    void *arg = ch->arg;
    channel_free(ch);
    ops->on_failed(arg, code, text);
}

static unsigned code_of(int code)
{
    switch (code) {
    case ERR_UNAUTHENTICATED:
    case ERR_FORBIDDEN:
        return WEBSOCKET_POLICY;
    case ERR_NODE_TIMEOUT:
        return WEBSOCKET_RESTART;
    case ERR_OUTPUT_GONE:
    case ERR_DATABASE_UNAVAILABLE:
        return WEBSOCKET_LATER;
    default:
        return WEBSOCKET_FAILED;
    }
}

/* --- to the node --- */

/* Whether nothing of the input is left that the stream has no room for. */
static bool send_input(struct process_channel *ch)
{
    const struct stream_message end = {.kind = STREAM_INPUT_END};
    size_t room = hub_room(ch->stream), left = ch->input_len - ch->input_at, some = left < room ? left : room;
    if (some)
        hub_write(ch->stream, ch->input + ch->input_at, some);
    ch->input_at += some;
    if (some < left)
        return false;
    if (ch->input_ends && !ch->told_input_end)
        ch->told_input_end = hub_say(ch->stream, &end);
    return true;
}

static void send_size(struct process_channel *ch)
{
    const struct stream_message size = {.kind = STREAM_TO_SIZE, .rows = ch->rows, .columns = ch->columns};
    if (ch->rows && hub_say(ch->stream, &size))
        ch->rows = ch->columns = 0;
}

static void on_node_room(void *arg)
{
    struct process_channel *ch = arg;
    if (!ch->ws)
        return;
    bool waited = ch->input_at < ch->input_len;
    bool sent = send_input(ch);
    send_size(ch);
    if (!waited || !sent)
        return;
    websocket_keep(ch->ws, 0);
    websocket_more(ch->ws);
}

/* --- from the node --- */

static void look(void *arg);

/* The node gets window for what has arrived. A client that takes nothing for long may come back later. */
static void grant(struct process_channel *ch)
{
    size_t unsent = websocket_unsent(ch->ws), most = AHEAD_MAX + ch->owed;
    size_t some = unsent < most ? most - unsent : 0;
    uint64_t now = loop_awake_ms(ch->loop);
    if (some > ch->owed)
        some = ch->owed;
    if (some == ch->owed || some >= GRANT_LEAST) {
        ch->owed -= some;
        if (ch->stream && some)
            hub_took(ch->stream, some);
    }
    if (!ch->owed || unsent < ch->unsent) {
        ch->moved_ms = now;
        ch->look_ms = LOOK_MIN_MS;
    }
    ch->unsent = unsent;
    if (!ch->owed)
        timer_stop(&ch->look);
    else if (!timer_armed(&ch->look))
        timer_start(&ch->look, ch->loop, ch->look_ms, look, ch);
}

static void look(void *arg)
{
    struct process_channel *ch = arg;
    ch->look_ms = ch->look_ms < LOOK_MAX_MS ? 2 * ch->look_ms : LOOK_MAX_MS;
    grant(ch);
    if (ch->owed && loop_awake_ms(ch->loop) - ch->moved_ms >= websocket_default_limits.take_ms)
        close_with(ch, WEBSOCKET_LATER, "what was sent is not taken");
}

static void on_output(void *arg, enum stream_channel channel, const uint8_t *bytes, size_t len)
{
    struct process_channel *ch = arg;
    uint8_t message[1 + MUX_DATA_MAX];
    if (!ch->ws || len > MUX_DATA_MAX) {
        fail(ch, ERR_PROTOCOL, "its node sent output before it told of the process");
        return;
    }
    message[0] = channel == STREAM_STDERR ? CHANNEL_STDERR : CHANNEL_STDOUT;
    memcpy(message + 1, bytes, len);
    (void)websocket_write(ch->ws, false, message, len + 1);
    ch->owed += len;
    grant(ch);
}

static void on_node_message(void *arg, const struct stream_message *message)
{
    struct process_channel *ch = arg;
    const struct stream_process *process = &message->process;
    if (message->kind != STREAM_PROCESS)
        return;
    if (!ch->begun) {
        ch->begun = true;
        timer_stop(&ch->patience);
        ch->ops->on_begun(ch->arg, process);
    } else if (!process->running) {
        ch->ended = true;
        ch->end = (struct channel_end){.has_exit_code = process->has_exit_code,
                                       .exit_code = process->exit_code,
                                       .signo = process->signo};
    }
}

static void on_node_closed(void *arg, int code, const char *text)
{
    struct process_channel *ch = arg;
    ch->stream = NULL;
    if (!ch->ws)
        fail(ch, code ? code : ERR_PROTOCOL, code ? text : "its node told nothing of the process");
    else if (!code && ch->ended)
        tell_end(ch, &ch->end);
    else if (code == ERR_CANCELLED)
        ch->ops->on_sandbox_end(ch->arg);
    else
        close_with(ch, code_of(code), code ? text : "its node told no end of the process");
}

static void on_no_word(void *arg)
{
    fail(arg, ERR_NODE_TIMEOUT, "its node, or the sandbox's init, told nothing of the process");
}

/* --- from the client --- */

/* Whether the client may say more now. */
static bool take_input(struct process_channel *ch, const struct channel_read *read)
{
    if (ch->input_ends || ch->ended) /* nobody reads it */
        return true;
    free(ch->input);
    ch->input = mem_dup(read->bytes, read->len);
    ch->input_at = 0;
    ch->input_len = read->len;
    bool sent = send_input(ch);
    websocket_keep(ch->ws, sent ? 0 : read->len);
    return sent;
}

static bool on_message(void *arg, bool text, const uint8_t *bytes, size_t len)
{
    struct process_channel *ch = arg;
    struct channel_read read = channel_frame_read(ch->v5, bytes, len);
    if (!ch->stream) /* the sandbox has ended, and its reason is asked */
        return true;
    switch (read.said) {
    case CHANNEL_SAID_INPUT:
        return take_input(ch, &read);
    case CHANNEL_SAID_INPUT_END:
        ch->input_ends = true;
        (void)send_input(ch);
        return true;
    case CHANNEL_SAID_SIZE:
        ch->rows = read.rows;
        ch->columns = read.columns;
        send_size(ch);
        return true;
    case CHANNEL_SAID_WRONG:
        close_with(ch, WEBSOCKET_BAD_FRAMES, read.why);
        return false;
    case CHANNEL_SAID_NOTHING:
        break;
    }
    return true;
}

static void on_client_room(void *arg)
{
    grant(arg);
}

/* The process lives on. */
static void on_client_closed(void *arg, unsigned code)
{
    finish(arg);
}

const struct websocket_ops process_channel_websocket_ops = {
    .on_message = on_message, .on_room = on_client_room, .on_closed = on_client_closed};

/* --- what its owner calls --- */

int process_channel_open(struct process_channel **out, struct loop *loop, struct stream_hub *hub,
                         const char *node, const struct caller *caller, const struct stream_open *open,
                         const struct process_channel_ops *ops, void *arg, struct err *e)
{
    static const struct hub_stream_ops node_ops = {.on_output = on_output,
                                                   .on_message = on_node_message,
                                                   .on_room = on_node_room,
                                                   .on_closed = on_node_closed};
    struct process_channel *ch = mem_zalloc(sizeof *ch);
    ch->loop = loop;
    ch->look_ms = LOOK_MIN_MS;
    ch->ops = ops;
    ch->arg = arg;
    int rc = hub_stream_open(hub, node, caller, open, &node_ops, ch, &ch->stream, e);
    if (rc) {
        free(ch);
        return rc;
    }
    timer_start(&ch->patience, loop, PROCESS_CHANNEL_MS, on_no_word, ch);
    *out = ch;
    return 0;
}

void process_channel_cancel(struct process_channel *ch)
{
    channel_free(ch);
}

void process_channel_carry(struct process_channel *ch, struct websocket *ws, const char *protocol)
{
    ch->ws = ws;
    ch->v5 = !strcmp(protocol, CHANNEL_V5);
}

void process_channel_end(struct process_channel *ch, const char *reason)
{
    const struct channel_end end = {.reason = reason, .message = "the sandbox has ended"};
    tell_end(ch, &end);
}
