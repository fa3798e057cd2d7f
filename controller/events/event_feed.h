/*
 * The events as they are committed, read once for all watchers of this controller. On the loop.
 *
 * Event numbers are assigned under a lock that is held until the commit (sql/functions/events.sql): events
 * become visible in the order of their numbers. So the feed asks for all events above the last number it has,
 * and misses none, no matter which controller wrote them. It asks when a notice tells of new events
 * (event_feed_committed), and each EVENT_FEED_POLL_MS in case a notice was lost; while the database does not
 * answer it keeps asking. It reads nothing while nobody watches.
 *
 * A watcher keeps its own position, the number of the last event it has taken, and walks with
 * event_feed_next at its own pace. The latest EVENT_FEED_ROWS events, of at most EVENT_FEED_BYTES, are kept.
 * A watcher that is further behind reads pages from the database (controller/db/db_event.h) until its
 * position is among them; so a slow watcher holds nothing, and costs the others nothing.
 *
 * Whatever acts on events and keeps a position of its own in the database (webhooks) begins a watch too, and
 * uses its callback as the notice that there is more to read.
 */
#ifndef CORRAL_CONTROLLER_EVENTS_EVENT_FEED_H
#define CORRAL_CONTROLLER_EVENTS_EVENT_FEED_H

#include "controller/core/event_row.h"

#include "common/io/loop.h"

#include <sys/queue.h>

#define EVENT_FEED_ROWS      4096
#define EVENT_FEED_BYTES     (4u << 20)
#define EVENT_FEED_BATCH     200 /* events of one read */
#define EVENT_FEED_POLL_MS   1000
#define EVENT_FEED_GATHER_MS 5 /* from a notice to the read: what is committed meanwhile comes with it */

struct event_feed;

struct event_feed_ops {
    /* Reads at most `most` events above this number. The owner answers once, later, with event_feed_told. */
    void (*read)(void *owner, uint64_t after, unsigned most);
};

/* There are events that the watcher may not have seen. May begin and end watches, its own included. */
typedef void event_watch_cb(void *arg);

/* In the memory of the watcher; all zero before. */
struct event_watch {
    LIST_ENTRY(event_watch) link;
    struct event_feed *feed; /* NULL: it has not begun, or has ended */
    event_watch_cb *cb;
    void *arg;
};

/* The result is the caller's. Copies ops. */
struct event_feed *event_feed_new(struct loop *loop, const struct event_feed_ops *ops, void *owner);
/* No watch is left, and no read is under way. NULL is allowed. */
void event_feed_free(struct event_feed *feed);

/* Events were committed, by this or another controller. */
void event_feed_committed(struct event_feed *feed);

/* Answers read. code not 0: nothing was read. */
void event_feed_told(struct event_feed *feed, int code, const struct event_page *page);

/*
 * head: a number that the database gave as its latest (event_start), from where the feed begins to read if it
 * was idle. cb is never called inside a function of this header but event_feed_told.
 */
void event_watch_begin(struct event_feed *feed, struct event_watch *watch, uint64_t head, event_watch_cb *cb,
                       void *arg);
/* Idempotent. */
void event_watch_end(struct event_watch *watch);

enum event_next {
    EVENT_NEXT_ROW,    /* *row is the first event after that position; valid until the loop turns */
    EVENT_NEXT_NONE,   /* there is none yet: the watcher's cb is called when there is */
    EVENT_NEXT_BEHIND, /* it is not kept any more: read a page */
};
enum event_next event_feed_next(const struct event_feed *feed, uint64_t after, const struct event_row **row);

#endif
