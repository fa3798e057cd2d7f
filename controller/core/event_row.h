/* An event as it is told on, and which events a watcher is told. Pure. */
#ifndef CORRAL_CONTROLLER_CORE_EVENT_ROW_H
#define CORRAL_CONTROLLER_CORE_EVENT_ROW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define EVENT_ID_LEN 23 /* "evt_" and 19 digits */

/* Strings are never NULL; "" stands for none. Borrowed. */
struct event_row {
    uint64_t seq; /* its number: events become visible in this order */
    const char *type, *user, *sandbox;
    const char *json; /* the object Event */
};

/* What a read of events found. Borrowed. */
struct event_page {
    const struct event_row *rows; /* in the order of their numbers */
    size_t count;
    uint64_t reached; /* every event up to this number that fits was seen; gone: the latest number */
    bool gone;        /* events that were asked for were removed; there are no rows then */
};

/* NULL: any; user or sandbox "": none. */
struct event_filter {
    const char *user; /* whose sandboxes */
    const char *sandbox;
    const char *type; /* how the type begins */
};

bool event_fits(const struct event_filter *filter, const struct event_row *row);

/* The id of the event with this number. */
void event_id_text(uint64_t seq, char out[static EVENT_ID_LEN + 1]);

#endif
