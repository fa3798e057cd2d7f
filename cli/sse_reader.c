#include "cli/sse_reader.h"

#include <string.h>

static void clear(struct text *text)
{
    text_fini(text);
}

static void dispatch(struct sse_reader *r)
{
    if (r->has_id)
        memcpy(r->last, r->id, sizeof r->last);
    if (r->has_data)
        r->cb(r->arg, r->data.data);
    r->has_id = r->has_data = false;
    clear(&r->data);
}

static bool add_data(struct sse_reader *r, const char *value)
{
    if (r->data.len + strlen(value) + 1 > SSE_DATA_MAX)
        return false;
    if (r->has_data)
        text_add(&r->data, "\n");
    text_add(&r->data, value);
    r->has_data = true;
    return true;
}

static bool take_line(struct sse_reader *r, char *line)
{
    char *value = strchr(line, ':');
    if (!line[0]) {
        dispatch(r);
        return true;
    }
    if (value)
        *value++ = 0;
    else
        value = line + strlen(line);
    value += *value == ' ';
    if (!strcmp(line, "data"))
        return add_data(r, value);
    if (!strcmp(line, "id") && strlen(value) <= SSE_ID_MAX) {
        strcpy(r->id, value);
        r->has_id = true;
    }
    return true;
}

static bool end_line(struct sse_reader *r)
{
    text_add(&r->line, ""); /* a line may be empty */
    bool good = take_line(r, r->line.data);
    clear(&r->line);
    return good;
}

/* A line ends with CR, LF or both. */
bool sse_reader_take(struct sse_reader *r, const char *bytes, size_t len)
{
    while (len) {
        size_t n = 0;
        while (n < len && bytes[n] != '\n' && bytes[n] != '\r')
            n++;
        if (r->line.len + n > SSE_DATA_MAX)
            return false;
        if (n)
            r->after_cr = false;
        text_add_bytes(&r->line, bytes, n);
        if (n == len)
            return true;
        bool second = bytes[n] == '\n' && r->after_cr;
        r->after_cr = bytes[n] == '\r';
        if (!second && !end_line(r))
            return false;
        bytes += n + 1;
        len -= n + 1;
    }
    return true;
}

void sse_reader_again(struct sse_reader *r)
{
    clear(&r->line);
    clear(&r->data);
    r->has_id = r->has_data = r->after_cr = false;
}

void sse_reader_fini(struct sse_reader *r)
{
    clear(&r->line);
    clear(&r->data);
}
