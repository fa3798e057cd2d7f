#include "controller/streams/hub_feed.h"

#include <stdlib.h>

void hub_feed_init(struct hub_feed *feed, uint8_t *bytes, size_t len)
{
    *feed = (struct hub_feed){.bytes = bytes, .len = len};
}

void hub_feed_fini(struct hub_feed *feed)
{
    free(feed->bytes);
    feed->bytes = NULL;
}

void hub_feed_go(struct hub_feed *feed, struct hub_stream *stream)
{
    const struct stream_message end = {.kind = STREAM_INPUT_END};
    size_t room = hub_room(stream), left = feed->len - feed->at;
    size_t some = left < room ? left : room;
    if (feed->ended)
        return;
    if (some)
        hub_write(stream, feed->bytes + feed->at, some);
    feed->at += some;
    if (feed->at == feed->len)
        feed->ended = hub_say(stream, &end);
}
