/*
 * The trace that a request belongs to, as its client says in the header traceparent (W3C Trace Context,
 * https://www.w3.org/TR/trace-context/): read strictly, carried to the agent, written into log lines. Corral
 * starts no trace of its own. Pure.
 */
#ifndef CORRAL_COMMON_BASE_TRACE_H
#define CORRAL_COMMON_BASE_TRACE_H

#include <stdbool.h>
#include <stdint.h>

#define TRACE_TEXT_LEN 55 /* 00-, 32 digits of the trace, -, 16 of the parent, -, 2 of flags */
#define TRACE_SPAN_LEN 8
#define TRACE_MARK_MAX 48

/* All zero: none. */
struct trace {
    char text[TRACE_TEXT_LEN + 1]; /* of version 00, with no other flag than "sampled" */
};

/*
 * Takes a value of traceparent. Of a version that is not known yet (01 to fe) the part that version 00 has is
 * taken, as the standard says. False, and *out all zero, where the value is not valid or is NULL.
 */
bool trace_parse(const char *text, struct trace *out);

/* Whether there is one. */
bool trace_known(const struct trace *trace);

/* Whether the client records it. */
bool trace_sampled(const struct trace *trace);

/* Becomes what goes on from here: the same trace with another parent. */
void trace_continue(struct trace *trace, const uint8_t span[TRACE_SPAN_LEN]);

/* For a log line: "trace=<its id> ", or "" without one. */
const char *trace_mark(const struct trace *trace, char out[static TRACE_MARK_MAX]);

#endif
