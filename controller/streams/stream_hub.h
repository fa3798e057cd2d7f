/*
 * The nodes' connections for streams (common/io/mux.h), and the streams that are open on them: counted by
 * sandbox and by API key, and ended with their key. One connection a node; a newer one replaces it, and the
 * streams of the older end. On the loop.
 *
 * Bounds: STREAMS_PER_SANDBOX, STREAMS_PER_KEY; past them ERR_TOO_MANY_STREAMS.
 */
#ifndef CORRAL_CONTROLLER_STREAMS_STREAM_HUB_H
#define CORRAL_CONTROLLER_STREAMS_STREAM_HUB_H

#include "common/base/err.h"
#include "common/io/mux.h"
#include "common/model/stream_wire.h"

#define STREAMS_PER_SANDBOX 64
#define STREAMS_PER_KEY     1024
#define STREAM_HELD_PER_KEY (64u << 20)  /* bytes that owners of its streams keep: outputs, inputs */
#define STREAM_HELD_MAX     (512u << 20) /* of all */

struct hub_stream;
struct stream_hub;

/* All but on_closed may be NULL where it is of no interest. */
struct hub_stream_ops {
    /* Bytes of the process, on STREAM_STDOUT or STREAM_STDERR; borrowed. hub_took is due for them. */
    void (*on_output)(void *arg, enum stream_channel channel, const uint8_t *bytes, size_t len);
    /* Borrowed. */
    void (*on_message)(void *arg, const struct stream_message *message);
    /* More may be written. */
    void (*on_room)(void *arg);
    /*
     * It is over, for the node's part (code 0: as it should, else an error of err.def with its sentence), or
     * because its connection, its node or its key is gone. The last call. Never inside a call of ours.
     */
    void (*on_closed)(void *arg, int code, const char *text);
};

struct stream_hub *stream_hub_new(struct loop *loop);

/* NULL is fine. Streams that are left are told so, in this call: ERR_CANCELLED. */
void stream_hub_free(struct stream_hub *hub);

/* A node has made its connection; takes it. */
void stream_hub_take(struct stream_hub *hub, const char *node, struct stream *carrier);

/* A node is gone, or (NULL) this controller does not lead any more. */
void stream_hub_drop(struct stream_hub *hub, const char *node);

/* A key was revoked: its streams end, with ERR_UNAUTHENTICATED, and for a minute none is opened. */
void stream_hub_end_key(struct stream_hub *hub, const char *key_id);

/*
 * Opens a stream on a node, for this key. ERR_TOO_MANY_STREAMS; ERR_NODE_TIMEOUT where the node has no
 * connection now; ERR_INVALID where what opens it is too large.
 */
int hub_stream_open(struct stream_hub *hub, const char *node, const char *key_id,
                    const struct stream_open *open, const struct hub_stream_ops *ops, void *arg,
                    struct hub_stream **out, struct err *e) MUST_CHECK;

/* Bytes that may be written now. */
size_t hub_room(const struct hub_stream *stream);

/* Writes to the process; copied. len is at most hub_room. */
void hub_write(struct hub_stream *stream, const void *bytes, size_t len);

/* False: there is no room for it now. */
bool hub_say(struct hub_stream *stream, const struct stream_message *message);

/* So much output was dealt with. */
void hub_took(struct hub_stream *stream, size_t len);

/* Its owner keeps so many bytes more, until the stream is over. False: there is no room, and it may not. */
bool hub_hold(struct hub_stream *stream, size_t more) MUST_CHECK;

/* Ends it, and frees it: what belongs to it on the node ends too. */
void hub_stream_end(struct hub_stream *stream);

size_t stream_hub_count(const struct stream_hub *hub);

#endif
