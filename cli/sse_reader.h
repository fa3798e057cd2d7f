/* Reads Server-Sent Events as they come: what a browser's EventSource makes of the same bytes, but for the
 * fields event and retry, which are skipped. No I/O. */
#ifndef CORRAL_CLI_SSE_READER_H
#define CORRAL_CLI_SSE_READER_H

#include "common/base/text.h"

#include <stdbool.h>
#include <stddef.h>

#define SSE_ID_MAX   255
#define SSE_DATA_MAX (1u << 20) /* of one event */

/* One event; data is borrowed. */
typedef void sse_event_cb(void *arg, const char *data);

/* Starts all zero, but for cb and arg. */
struct sse_reader {
    sse_event_cb *cb;
    void *arg;
    char last[SSE_ID_MAX + 1]; /* to be sent as Last-Event-ID; "": none */
    char id[SSE_ID_MAX + 1];   /* of the event that has begun; it counts once that is whole */
    bool has_id, has_data, after_cr;
    struct text line, data;
};

/* Takes the next bytes. False: a line or an event is longer than SSE_DATA_MAX. */
bool sse_reader_take(struct sse_reader *r, const char *bytes, size_t len);

/* A new connection begins: what was not whole is forgotten. */
void sse_reader_again(struct sse_reader *r);

void sse_reader_fini(struct sse_reader *r);

#endif
