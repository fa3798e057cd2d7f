/* Events: the list, and pages of a stream (sql/functions/events.sql). */
#ifndef CORRAL_CONTROLLER_DB_DB_EVENT_H
#define CORRAL_CONTROLLER_DB_DB_EVENT_H

#include "controller/core/event_row.h"
#include "controller/db/db_pool.h"

#define DB_EVENTS_MAX 256 /* of a page of a stream */

/* NULL: no such condition. */
struct db_event_filter {
    const char *owner; /* only this user's */
    const char *user;  /* only this user's, by id or name; beside owner nobody else's */
    const char *sandbox_id;
    const char *type;  /* how it begins */
    const char *after; /* an event's id (the cursor, or Last-Event-ID); of a list from the start, of a stream
                          from now */
    unsigned limit;    /* of a list */
};

/* A page, oldest first; ERR_INVALID where `after` is not an event's id. */
void db_event_list(struct db_pool *pool, const struct db_event_filter *filter, db_page_cb *cb, void *arg);

/* Where a stream begins. Borrowed. */
struct db_event_start {
    uint64_t after;    /* it shows the events above this number */
    uint64_t head;     /* the latest number */
    uint64_t shown;    /* the same position as `after`, as the client may know it */
    const char *owner; /* whose events it shows, by the filter's owner and user; NULL: everybody's */
};
/* start is NULL where code is not 0. ERR_INVALID: `after` is not an event's id; ERR_EVENTS_GONE: events after
 * that were removed, or it is none of this database. */
typedef void db_event_start_cb(void *arg, int code, const struct err *e, const struct db_event_start *start);
void db_event_start(struct db_pool *pool, const struct db_event_filter *filter, db_event_start_cb *cb,
                    void *arg);

/* The first `most` (1 to DB_EVENTS_MAX) events above a number that fit the filter. page is NULL where code is
 * not 0. */
typedef void db_event_page_cb(void *arg, int code, const struct err *e, const struct event_page *page);
void db_event_page(struct db_pool *pool, const struct event_filter *filter, uint64_t after, unsigned most,
                   db_event_page_cb *cb, void *arg);

#endif
