/*
 * Holds the nodes' connections for streams (common/io/mux.h) and the open streams, counts these by sandbox
 * and by API key, and ends them with their key (key_watch.h). Each node has one connection; a newer one
 * replaces it and ends its streams. On the loop.
 *
 * Bounds: STREAMS_PER_SANDBOX, STREAMS_PER_KEY; past them ERR_TOO_MANY_STREAMS.
 */
#ifndef CORRAL_CONTROLLER_STREAMS_STREAM_HUB_H
#define CORRAL_CONTROLLER_STREAMS_STREAM_HUB_H

#include "common/base/err.h"
#include "common/base/histogram.h"
#include "common/io/mux.h"
#include "common/model/stream_wire.h"
#include "controller/streams/key_watch.h"

#define STREAMS_PER_SANDBOX 64
#define STREAMS_PER_KEY     1024
#define STREAM_HELD_PER_KEY (64u << 20)  /* bytes that owners of its streams keep: outputs, inputs */
#define STREAM_HELD_MAX     (512u << 20) /* of all */

struct hub_stream;
struct stream_hub;

/* All but on_closed may be NULL. */
struct hub_stream_ops {
    /* Output of the process, on STREAM_STDOUT or STREAM_STDERR; borrowed. Call hub_took when it is processed.
     */
    void (*on_output)(void *arg, enum stream_channel channel, const uint8_t *bytes, size_t len);
    /* Borrowed. */
    void (*on_message)(void *arg, const struct stream_message *message);
    /* hub_room has grown. */
    void (*on_room)(void *arg);
    /*
     * The stream is over: the node closed it (code 0: normally; else an error of err.def, with its sentence),
     * or its connection, its node or its key is gone. The last callback, never inside a call of this header.
     */
    void (*on_closed)(void *arg, int code, const char *text);
};

/* Borrows both. */
struct stream_hub *stream_hub_new(struct loop *loop, struct key_watch *keys);

/* Ends the streams that are left with ERR_CANCELLED, inside this call. NULL is allowed. */
void stream_hub_free(struct stream_hub *hub);

/* A node has made its connection for streams. Takes carrier. */
void stream_hub_take(struct stream_hub *hub, const char *node, struct stream *carrier);

/* A node is gone; NULL: all nodes, since another controller leads. */
void stream_hub_drop(struct stream_hub *hub, const char *node);

/*
 * The sessions of all nodes are over, since this controller lost the lead: connections and streams go on. A
 * node confirms its connection with its next session, or it makes another; stream_hub_drop_kept ends those
 * that are not confirmed.
 */
void stream_hub_keep(struct stream_hub *hub);
void stream_hub_confirm(struct stream_hub *hub, const char *node);
void stream_hub_drop_kept(struct stream_hub *hub);

/*
 * Opens a stream on a node for this caller, and ends it with ERR_UNAUTHENTICATED or ERR_FORBIDDEN when the
 * caller's key no longer has what the caller's request needs, with ERR_DATABASE_UNAVAILABLE when that has not
 * been known for CALLER_KNOWN_MS. Copies caller. ERR_TOO_MANY_STREAMS; ERR_NODE_TIMEOUT where the node has no
 * connection now; ERR_INVALID where what opens it is too large.
 */
int hub_stream_open(struct stream_hub *hub, const char *node, const struct caller *caller,
                    const struct stream_open *open, const struct hub_stream_ops *ops, void *arg,
                    struct hub_stream **out, struct err *e) MUST_CHECK;

/* The number of bytes that may be written now. */
size_t hub_room(const struct hub_stream *stream);

/* Writes a copy of the bytes to the process's stdin. len: at most hub_room. */
void hub_write(struct hub_stream *stream, const void *bytes, size_t len);

/* Sends a message. False: hub_room is too small for it now. */
bool hub_say(struct hub_stream *stream, const struct stream_message *message);

/* Much output is to come: as mux_widen. */
void hub_widen(struct hub_stream *stream);

/* len bytes of output are processed. */
void hub_took(struct hub_stream *stream, size_t len);

/* Charges `more` bytes that the owner keeps until the stream is over. False: a limit is reached, and the
 * owner may not keep them. */
bool hub_hold(struct hub_stream *stream, size_t more) MUST_CHECK;

/* Ends the stream and frees it. A command that belongs to it is killed on the node. */
void hub_stream_end(struct hub_stream *stream);

/* Whether the node has a connection for streams. */
bool stream_hub_reaches(const struct stream_hub *hub, const char *node);

size_t stream_hub_count(const struct stream_hub *hub);

/* What was started inside a sandbox. */
enum hub_start {
    HUB_START_EXEC,     /* one command, whose end is the answer */
    HUB_START_PROCESS,  /* a process that outlives its request */
    HUB_START_TERMINAL, /* a process with a terminal */
    HUB_STARTS
};
const char *hub_start_name(enum hub_start start);

/* How long it took from a request until the node told that its process runs. Borrowed. */
extern const struct histogram_bounds stream_hub_bounds;
const struct histogram *stream_hub_starts(const struct stream_hub *hub, enum hub_start start);

#endif
