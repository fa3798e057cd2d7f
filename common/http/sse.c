#include "common/http/sse.h"

#include <string.h>

static void add_line(struct text *out, const char *field, const char *value, size_t len)
{
    text_add(out, field);
    text_add_bytes(out, value, len);
    text_add(out, "\n");
}

void sse_event(struct text *out, const char *id, const char *name, const char *data)
{
    if (id)
        add_line(out, "id: ", id, strlen(id));
    if (name)
        add_line(out, "event: ", name, strlen(name));
    for (;;) {
        size_t len = strcspn(data, "\r\n");
        add_line(out, "data: ", data, len);
        if (!data[len])
            break;
        data += len + (data[len] == '\r' && data[len + 1] == '\n' ? 2 : 1);
    }
    text_add(out, "\n");
}

void sse_comment(struct text *out, const char *comment, const char *id)
{
    add_line(out, ": ", comment, strcspn(comment, "\r\n"));
    if (id)
        add_line(out, "id: ", id, strlen(id));
    text_add(out, "\n");
}
