#include "common/base/trace.h"

#include <stdio.h>
#include <string.h>

#define ID_AT     3
#define ID_LEN    32
#define SPAN_AT   36
#define SPAN_LEN  16
#define FLAGS_AT  53
#define FLAGS_LEN 2
#define SAMPLED   1

/* Lower case only, as the standard says. */
static bool is_hex(const char *text, size_t len)
{
    return strspn(text, "0123456789abcdef") >= len;
}

static bool is_zero(const char *text, size_t len)
{
    return strspn(text, "0") >= len;
}

static unsigned digit(char c)
{
    return (unsigned)(c <= '9' ? c - '0' : c - 'a' + 10);
}

/* A later version may have more behind the flags, after a dash. */
static bool ends_well(const char *text)
{
    bool later = strncmp(text, "00", 2) != 0;
    return !text[TRACE_TEXT_LEN] || (later && text[TRACE_TEXT_LEN] == '-');
}

static bool is_valid(const char *text)
{
    return strnlen(text, TRACE_TEXT_LEN) == TRACE_TEXT_LEN && is_hex(text, 2) && strncmp(text, "ff", 2) &&
           text[2] == '-' && is_hex(text + ID_AT, ID_LEN) && !is_zero(text + ID_AT, ID_LEN) &&
           text[ID_AT + ID_LEN] == '-' && is_hex(text + SPAN_AT, SPAN_LEN) &&
           !is_zero(text + SPAN_AT, SPAN_LEN) && text[SPAN_AT + SPAN_LEN] == '-' &&
           is_hex(text + FLAGS_AT, FLAGS_LEN) && ends_well(text);
}

bool trace_parse(const char *text, struct trace *out)
{
    *out = (struct trace){{0}};
    if (!text || !is_valid(text))
        return false;
    snprintf(out->text, sizeof out->text, "00%.51s0%u", text + 2, digit(text[FLAGS_AT + 1]) & SAMPLED);
    return true;
}

bool trace_known(const struct trace *trace)
{
    return trace->text[0] != 0;
}

bool trace_sampled(const struct trace *trace)
{
    return trace->text[0] && trace->text[FLAGS_AT + 1] == '1';
}

void trace_continue(struct trace *trace, const uint8_t span[TRACE_SPAN_LEN])
{
    static const char digits[] = "0123456789abcdef";
    if (!trace_known(trace))
        return;
    for (size_t i = 0; i < TRACE_SPAN_LEN; i++) {
        trace->text[SPAN_AT + 2 * i] = digits[span[i] >> 4];
        trace->text[SPAN_AT + 2 * i + 1] = digits[span[i] & 15];
    }
}

const char *trace_mark(const struct trace *trace, char out[static TRACE_MARK_MAX])
{
    out[0] = 0;
    if (trace_known(trace))
        snprintf(out, TRACE_MARK_MAX, "trace=%.32s ", trace->text + ID_AT);
    return out;
}
