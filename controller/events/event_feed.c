#include "controller/events/event_feed.h"

#include "common/base/mem.h"

#include <stdlib.h>
#include <string.h>

struct kept {
    struct event_row row;
    size_t bytes;
    char text[]; /* the strings of row */
};

struct event_feed {
    struct loop *loop;
    struct event_feed_ops ops;
    void *owner;
    LIST_HEAD(, event_watch) watches;
    struct event_watch *next_told; /* the one that is told after the current one */
    bool active;                   /* from and reached are known */
    bool reads, again;             /* a read is under way; and there is more since it was asked */
    bool soon;                     /* the timer runs for a notice */
    uint64_t asked;                /* after which number the read under way was asked */
    uint64_t from, reached;        /* all events above `from`, up to `reached`, are kept */
    struct kept *ring[EVENT_FEED_ROWS];
    size_t first, count, bytes;
    struct timer timer;
};

/* --- what is kept --- */

static struct kept *nth(const struct event_feed *feed, size_t n)
{
    return feed->ring[(feed->first + n) % EVENT_FEED_ROWS];
}

static const char *put(char **at, const char *text)
{
    size_t size = strlen(text) + 1;
    char *copy = memcpy(*at, text, size);
    *at += size;
    return copy;
}

static struct kept *kept_new(const struct event_row *row)
{
    size_t bytes = strlen(row->type) + strlen(row->user) + strlen(row->sandbox) + strlen(row->json) + 4;
    struct kept *k = mem_zalloc(sizeof *k + bytes);
    char *at = k->text;
    k->bytes = sizeof *k + bytes;
    k->row = (struct event_row){.seq = row->seq,
                                .type = put(&at, row->type),
                                .user = put(&at, row->user),
                                .sandbox = put(&at, row->sandbox),
                                .json = put(&at, row->json)};
    return k;
}

static void drop_first(struct event_feed *feed)
{
    struct kept *k = nth(feed, 0);
    feed->from = k->row.seq;
    feed->bytes -= k->bytes;
    feed->first = (feed->first + 1) % EVENT_FEED_ROWS;
    feed->count--;
    free(k);
}

static void keep(struct event_feed *feed, const struct event_row *row)
{
    struct kept *k = kept_new(row);
    if (feed->count == EVENT_FEED_ROWS)
        drop_first(feed);
    feed->ring[(feed->first + feed->count++) % EVENT_FEED_ROWS] = k;
    feed->bytes += k->bytes;
    while (feed->bytes > EVENT_FEED_BYTES)
        drop_first(feed);
}

/* Nothing is kept; what comes from here on will be. */
static void begin_at(struct event_feed *feed, uint64_t seq)
{
    while (feed->count)
        drop_first(feed);
    feed->from = feed->reached = seq;
}

enum event_next event_feed_next(const struct event_feed *feed, uint64_t after, const struct event_row **row)
{
    size_t low = 0, high = feed->count;
    if (!feed->active)
        return EVENT_NEXT_NONE;
    if (after < feed->from)
        return EVENT_NEXT_BEHIND;
    while (low < high) { /* the first row whose number is above `after` */
        size_t middle = low + (high - low) / 2;
        if (nth(feed, middle)->row.seq > after)
            high = middle;
        else
            low = middle + 1;
    }
    if (low == feed->count)
        return EVENT_NEXT_NONE;
    *row = &nth(feed, low)->row;
    return EVENT_NEXT_ROW;
}

/* --- reading --- */

static void read_more(void *arg)
{
    struct event_feed *feed = arg;
    timer_stop(&feed->timer);
    feed->reads = true;
    feed->again = feed->soon = false;
    feed->asked = feed->reached;
    feed->ops.read(feed->owner, feed->reached, EVENT_FEED_BATCH);
}

static void read_in(struct event_feed *feed, uint64_t ms)
{
    if (feed->active && !feed->reads)
        timer_start(&feed->timer, feed->loop, ms, read_more, feed);
}

void event_feed_committed(struct event_feed *feed)
{
    if (feed->reads) {
        feed->again = true;
    } else if (!feed->soon) {
        feed->soon = feed->active;
        read_in(feed, EVENT_FEED_GATHER_MS);
    }
}

static void tell(struct event_feed *feed)
{
    for (struct event_watch *w = LIST_FIRST(&feed->watches); w; w = feed->next_told) {
        feed->next_told = LIST_NEXT(w, link);
        w->cb(w->arg);
    }
}

static void take(struct event_feed *feed, const struct event_page *page)
{
    if (page->gone) {
        begin_at(feed, page->reached);
        return;
    }
    for (size_t i = 0; i < page->count; i++)
        keep(feed, &page->rows[i]);
    feed->reached = page->reached;
}

/* An answer to a read that was asked before the last watch ended, and another began, is of no use. */
void event_feed_told(struct event_feed *feed, int code, const struct event_page *page)
{
    feed->reads = false;
    if (!feed->active)
        return;
    if (feed->asked != feed->reached) {
        read_in(feed, 0);
        return;
    }
    bool any = !code && (page->count || page->gone);
    feed->soon = !code && (feed->again || page->count == EVENT_FEED_BATCH);
    if (!code)
        take(feed, page);
    read_in(feed, feed->soon ? 0 : EVENT_FEED_POLL_MS);
    if (any)
        tell(feed);
}

/* --- watching --- */

void event_watch_begin(struct event_feed *feed, struct event_watch *watch, uint64_t head, event_watch_cb *cb,
                       void *arg)
{
    *watch = (struct event_watch){.feed = feed, .cb = cb, .arg = arg};
    LIST_INSERT_HEAD(&feed->watches, watch, link);
    if (feed->active)
        return;
    feed->active = true;
    begin_at(feed, head);
    read_in(feed, 0); /* what was committed since */
}

void event_watch_end(struct event_watch *watch)
{
    struct event_feed *feed = watch->feed;
    if (!feed)
        return;
    if (feed->next_told == watch)
        feed->next_told = LIST_NEXT(watch, link);
    LIST_REMOVE(watch, link);
    watch->feed = NULL;
    if (!LIST_EMPTY(&feed->watches))
        return;
    feed->active = feed->soon = false;
    begin_at(feed, 0);
    timer_stop(&feed->timer);
}

/* --- life --- */

struct event_feed *event_feed_new(struct loop *loop, const struct event_feed_ops *ops, void *owner)
{
    struct event_feed *feed = mem_zalloc(sizeof *feed);
    feed->loop = loop;
    feed->ops = *ops;
    feed->owner = owner;
    return feed;
}

void event_feed_free(struct event_feed *feed)
{
    if (!feed)
        return;
    begin_at(feed, 0);
    timer_stop(&feed->timer);
    free(feed);
}
