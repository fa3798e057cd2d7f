#include "controller/streams/stream_hub.h"

#include "common/base/mem.h"
#include "common/io/log.h"
#include "common/model/node_wire.h"
#include "proto/stream_codec.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

struct connection {
    struct stream_hub *hub;
    char node[NODE_NAME_MAX + 1];
    struct mux *mux;
    bool kept; /* its node has had no session since the lead was lost */
    UT_hash_handle hh;
};

/* How many streams somebody has. */
struct tally {
    char name[40];
    size_t count;
    size_t held; /* bytes, of a key */
    UT_hash_handle hh;
};

struct hub_stream {
    struct stream_hub *hub;
    struct hub_stream *next, **self; /* of all */
    struct mux_stream *mux;          /* NULL: it is over, and its owner is about to be told */
    struct tally *sandbox, *key;
    struct key_use use;
    size_t held;       /* bytes that its owner keeps */
    uint64_t since_us; /* when a process was asked for that has not started yet; 0: none */
    enum hub_start start;
    const struct hub_stream_ops *ops;
    void *arg;
    struct later tell;
    int code; /* why it is over, as is told */
    char text[MUX_TEXT_MAX + 1];
};

struct stream_hub {
    struct loop *loop;
    struct connection *connections;
    struct tally *sandboxes, *keys;
    struct hub_stream *streams;
    size_t count, held;
    struct key_watch *keys_watch;
    struct histogram starts[HUB_STARTS];
};

/* --- tallies --- */

static struct tally *tally_get(struct tally **all, const char *name)
{
    struct tally *t;
    HASH_FIND_STR(*all, name, t);
    if (t)
        return t;
    t = mem_zalloc(sizeof *t);
    snprintf(t->name, sizeof t->name, "%s", name);
    HASH_ADD_STR(*all, name, t);
    return t;
}

static void tally_put(struct tally **all, struct tally *t)
{
    if (t->count)
        return;
    HASH_DEL(*all, t);
    free(t);
}

/* --- streams --- */

static void stream_free_it(struct hub_stream *s)
{
    struct stream_hub *hub = s->hub;
    *s->self = s->next;
    if (s->next)
        s->next->self = s->self;
    s->sandbox->count--;
    s->key->count--;
    s->key->held -= s->held;
    hub->held -= s->held;
    hub->count--;
    tally_put(&hub->sandboxes, s->sandbox);
    tally_put(&hub->keys, s->key);
    key_use_end(&s->use);
    later_cancel(&s->tell);
    free(s);
}

static void told(struct hub_stream *s, int code, const char *text)
{
    const struct hub_stream_ops *ops = s->ops;
    void *arg = s->arg;
    s->mux = NULL;
    stream_free_it(s);
    ops->on_closed(arg, code, text);
}

static void tell(void *arg)
{
    struct hub_stream *s = arg;
    char text[sizeof s->text];
    memcpy(text, s->text, sizeof text);
    told(s, s->code, text);
}

/* In a turn of its own, for those whose end is decided here. */
static void end_soon(struct hub_stream *s, int code, const char *text)
{
    if (s->mux)
        mux_close(s->mux, 0, "");
    s->mux = NULL;
    s->code = code;
    snprintf(s->text, sizeof s->text, "%s", text);
    later_call(&s->tell, s->hub->loop, tell, s);
}

/* The latest bounds are those of starts in a sandbox that is out of processor time. */
const struct histogram_bounds stream_hub_bounds = {
    {2500, 5000, 10000, 25000, 50000, 100000, 250000, 500000, 1000000, 2500000, 10000000}};

/* The first message about a process says that it runs, or ran. */
static void note_start(struct hub_stream *s, const struct stream_message *message)
{
    if (!s->since_us || message->kind != STREAM_PROCESS)
        return;
    histogram_add(&s->hub->starts[s->start], &stream_hub_bounds, loop_now_us() - s->since_us);
    s->since_us = 0;
}

static enum hub_start start_of(const struct stream_start *start)
{
    return start->tty ? HUB_START_TERMINAL : start->exec ? HUB_START_EXEC : HUB_START_PROCESS;
}

/* What a node says of itself is believed only as far as it fits a stream. */
static void on_data(void *arg, unsigned channel, const uint8_t *bytes, size_t len)
{
    struct hub_stream *s = arg;
    struct stream_message message;
    struct err e;
    if (channel == STREAM_STDOUT || channel == STREAM_STDERR) {
        if (s->ops->on_output)
            s->ops->on_output(s->arg, (enum stream_channel)channel, bytes, len);
        else
            mux_took(s->mux, len);
        return;
    }
    mux_took(s->mux, len);
    if (channel != STREAM_MESSAGE || stream_message_unpack(bytes, len, &message, &e)) {
        end_soon(s, ERR_PROTOCOL, "its node said what does not belong there");
        return;
    }
    note_start(s, &message);
    if (s->ops->on_message)
        s->ops->on_message(s->arg, &message);
    stream_process_fini(&message.process);
}

static void on_room(void *arg)
{
    struct hub_stream *s = arg;
    if (s->ops->on_room)
        s->ops->on_room(s->arg);
}

/* What a node may say of a stream: anything else it has made up. */
static bool may_say(int code)
{
    static const int codes[] = {0,
                                ERR_NOT_FOUND,
                                ERR_WRONG_STATE,
                                ERR_PROCESS_LIMIT,
                                ERR_TOO_LARGE,
                                ERR_INIT_TOO_OLD,
                                ERR_OUTPUT_GONE,
                                ERR_LOGS_GONE,
                                ERR_TOO_MANY_STREAMS,
                                ERR_NODE_TIMEOUT,
                                ERR_CANCELLED,
                                ERR_FILE_NOT_FOUND,
                                ERR_PERMISSION_DENIED,
                                ERR_FILE_CONFLICT,
                                ERR_NO_SPACE,
                                ERR_RANGE,
                                ERR_PORT_REFUSED,
                                ERR_INVALID,
                                ERR_CONFLICT,
                                ERR_NO_CAPACITY,
                                ERR_NOT_IMPLEMENTED,
                                ERR_IO};
    for (size_t i = 0; i < ARRAY_LEN(codes); i++) {
        if (codes[i] == code)
            return true;
    }
    return false;
}

static void on_closed(void *arg, int code, const char *text)
{
    if (code == MUX_LOST)
        told(arg, ERR_NODE_TIMEOUT, "the connection to its node was lost");
    else if (!may_say(-code))
        told(arg, ERR_PROTOCOL, "its node said what does not belong there");
    else
        told(arg, -code, text);
}

static const struct mux_stream_ops stream_ops = {
    .on_data = on_data, .on_room = on_room, .on_closed = on_closed};

static void on_key_ended(void *arg, int code, const char *text)
{
    struct hub_stream *s = arg;
    if (s->mux)
        end_soon(s, code, text);
}

int hub_stream_open(struct stream_hub *hub, const char *node, const struct caller *caller,
                    const struct stream_open *open, const struct hub_stream_ops *ops, void *arg,
                    struct hub_stream **out, struct err *e)
{
    struct connection *connection;
    uint8_t *bytes;
    size_t len;
    HASH_FIND_STR(hub->connections, node, connection);
    if (!connection)
        return err_set(e, ERR_NODE_TIMEOUT, "the sandbox's node has no connection for this now");
    struct stream_open traced = *open;
    traced.trace = caller->trace;
    int rc = stream_open_pack(&traced, &bytes, &len, e);
    if (rc)
        return rc;
    struct hub_stream *s = mem_zalloc(sizeof *s);
    *s = (struct hub_stream){.hub = hub,
                             .sandbox = tally_get(&hub->sandboxes, open->sandbox.text),
                             .key = tally_get(&hub->keys, caller->key_id),
                             .ops = ops,
                             .arg = arg,
                             .next = hub->streams,
                             .self = &hub->streams,
                             .since_us = open->op == STREAM_START ? loop_now_us() : 0,
                             .start = start_of(&open->start)};
    if (s->next)
        s->next->self = &s->next;
    hub->streams = s;
    s->sandbox->count++;
    s->key->count++;
    hub->count++;
    if (s->sandbox->count > STREAMS_PER_SANDBOX)
        rc = err_set(e, ERR_TOO_MANY_STREAMS, "the sandbox has %d streams already", STREAMS_PER_SANDBOX);
    else if (s->key->count > STREAMS_PER_KEY)
        rc = err_set(e, ERR_TOO_MANY_STREAMS, "this key has %d streams already", STREAMS_PER_KEY);
    else if (!mux_stands(connection->mux))
        rc = err_set(e, ERR_NODE_TIMEOUT, "the connection to the sandbox's node was lost");
    else if (!(s->mux = mux_open(connection->mux, bytes, len, &stream_ops, s)))
        rc = err_set(e, ERR_TOO_MANY_STREAMS,
                     "the sandbox's node has more to carry than it takes now; ask again");
    free(bytes);
    if (rc) {
        stream_free_it(s);
        return rc;
    }
    key_use_begin(hub->keys_watch, &s->use, caller, on_key_ended, s);
    *out = s;
    return 0;
}

size_t hub_room(const struct hub_stream *s)
{
    return s->mux ? mux_room(s->mux) : 0;
}

void hub_write(struct hub_stream *s, const void *bytes, size_t len)
{
    if (s->mux)
        mux_write(s->mux, STREAM_STDIN, bytes, len);
}

bool hub_say(struct hub_stream *s, const struct stream_message *message)
{
    uint8_t bytes[STREAM_MESSAGE_MAX];
    size_t len = stream_message_pack(message, bytes);
    if (!len || len > hub_room(s))
        return false;
    mux_write(s->mux, STREAM_MESSAGE, bytes, len);
    return true;
}

void hub_widen(struct hub_stream *s)
{
    if (s->mux)
        mux_widen(s->mux);
}

void hub_took(struct hub_stream *s, size_t len)
{
    if (s->mux)
        mux_took(s->mux, len);
}

void hub_stream_end(struct hub_stream *s)
{
    if (s->mux)
        mux_close(s->mux, 0, "");
    stream_free_it(s);
}

bool hub_hold(struct hub_stream *s, size_t more)
{
    if (s->key->held + more > STREAM_HELD_PER_KEY || s->hub->held + more > STREAM_HELD_MAX)
        return false;
    s->held += more;
    s->key->held += more;
    s->hub->held += more;
    return true;
}

/* --- connections --- */

static void connection_free(struct connection *connection)
{
    HASH_DEL(connection->hub->connections, connection);
    mux_free(connection->mux);
    free(connection);
}

static void on_over(void *owner, const char *why)
{
    struct connection *connection = owner;
    log_info("streams", "node=%s its connection for streams is over: %s", connection->node, why);
    connection_free(connection);
}

/* Its streams end in turns of their own. */
static void connection_drop(struct connection *connection)
{
    for (struct hub_stream *s = connection->hub->streams; s; s = s->next) {
        if (s->mux && mux_of(s->mux) == connection->mux)
            end_soon(s, ERR_NODE_TIMEOUT, "the connection to its node was lost");
    }
    connection_free(connection);
}

void stream_hub_take(struct stream_hub *hub, const char *node, struct stream *carrier)
{
    static const struct mux_ops ops = {.on_over = on_over};
    struct connection *connection;
    stream_hub_drop(hub, node);
    connection = mem_zalloc(sizeof *connection);
    connection->hub = hub;
    snprintf(connection->node, sizeof connection->node, "%s", node);
    connection->mux = mux_new(hub->loop, carrier, &ops, connection);
    HASH_ADD_STR(hub->connections, node, connection);
}

void stream_hub_drop(struct stream_hub *hub, const char *node)
{
    struct connection *connection, *next;
    HASH_ITER(hh, hub->connections, connection, next)
    {
        if (!node || !strcmp(connection->node, node))
            connection_drop(connection);
    }
}

void stream_hub_keep(struct stream_hub *hub)
{
    struct connection *connection, *next;
    HASH_ITER(hh, hub->connections, connection, next)
    connection->kept = true;
}

void stream_hub_confirm(struct stream_hub *hub, const char *node)
{
    struct connection *connection;
    HASH_FIND_STR(hub->connections, node, connection);
    if (connection)
        connection->kept = false;
}

void stream_hub_drop_kept(struct stream_hub *hub)
{
    struct connection *connection, *next;
    HASH_ITER(hh, hub->connections, connection, next)
    {
        if (!connection->kept)
            continue;
        log_warn("streams", "node=%s has no session again: its streams end", connection->node);
        connection_drop(connection);
    }
}

struct stream_hub *stream_hub_new(struct loop *loop, struct key_watch *keys)
{
    struct stream_hub *hub = mem_zalloc(sizeof *hub);
    hub->loop = loop;
    hub->keys_watch = keys;
    return hub;
}

void stream_hub_free(struct stream_hub *hub)
{
    struct connection *connection, *next;
    if (!hub)
        return;
    while (hub->streams) {
        if (hub->streams->mux)
            mux_close(hub->streams->mux, 0, "");
        told(hub->streams, ERR_CANCELLED, "this controller is about to end");
    }
    HASH_ITER(hh, hub->connections, connection, next)
    connection_free(connection);
    free(hub);
}

bool stream_hub_reaches(const struct stream_hub *hub, const char *node)
{
    struct connection *connection;
    HASH_FIND_STR(hub->connections, node, connection);
    return connection && mux_stands(connection->mux);
}

size_t stream_hub_count(const struct stream_hub *hub)
{
    return hub->count;
}

const char *hub_start_name(enum hub_start start)
{
    static const char *const names[] = {
        [HUB_START_EXEC] = "exec", [HUB_START_PROCESS] = "process", [HUB_START_TERMINAL] = "terminal"};
    return names[start];
}

const struct histogram *stream_hub_starts(const struct stream_hub *hub, enum hub_start start)
{
    return &hub->starts[start];
}
