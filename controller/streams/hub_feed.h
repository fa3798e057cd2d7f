/* Sends bytes to a process's stdin as its stream takes them, and then the end of input. */
#ifndef CORRAL_CONTROLLER_STREAMS_HUB_FEED_H
#define CORRAL_CONTROLLER_STREAMS_HUB_FEED_H

#include "controller/streams/stream_hub.h"

struct hub_feed {
    uint8_t *bytes;
    size_t at, len;
    bool ended;
};

/* Takes bytes, which were allocated; NULL: only the end of input is sent. */
void hub_feed_init(struct hub_feed *feed, uint8_t *bytes, size_t len);
void hub_feed_fini(struct hub_feed *feed);

/* Sends as much as the stream takes now. Call it again when hub_room has grown. */
void hub_feed_go(struct hub_feed *feed, struct hub_stream *stream);

#endif
