#include "agent/image/image_answer.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

static int on_body(http_parser *parser, const char *bytes, size_t len)
{
    struct image_answer *a = parser->data;
    a->body = bytes;
    a->body_len = len;
    http_parser_pause(parser, 1); /* this piece is taken first */
    return 0;
}

static int on_complete(http_parser *parser)
{
    struct image_answer *a = parser->data;
    a->complete = true;
    http_parser_pause(parser, 1);
    return 0;
}

static int fill(struct image_answer *a)
{
    ssize_t n;
    do
        n = read(a->fd, a->bytes, sizeof a->bytes);
    while (n < 0 && errno == EINTR);
    a->at = 0;
    a->len = n > 0 ? (size_t)n : 0;
    return n < 0 ? errno : 0;
}

/* Parses until there is a piece of the body, or the answer is complete, or more bytes are needed. */
static int advance(struct image_answer *a)
{
    static const http_parser_settings settings = {.on_body = on_body, .on_message_complete = on_complete};
    int error = 0;
    if (!a->begun) {
        http_parser_init(&a->parser, HTTP_RESPONSE);
        a->parser.data = a;
        a->begun = true;
    }
    bool more = a->at == a->len;
    if (more && (error = fill(a)))
        return error;
    http_parser_pause(&a->parser, 0);
    size_t used = http_parser_execute(&a->parser, &settings, a->bytes + a->at, a->len - a->at);
    a->at += used;
    enum http_errno fault = HTTP_PARSER_ERRNO(&a->parser);
    if (fault != HPE_OK && fault != HPE_PAUSED)
        return EBADMSG;
    return more && !a->len && !a->complete ? ECONNRESET : 0;
}

unsigned image_answer_status(struct image_answer *a)
{
    while (!a->complete && !a->body_len)
        if (advance(a))
            return 0;
    return a->parser.status_code;
}

int image_answer_read(void *arg, void *bytes, size_t len, size_t *got)
{
    struct image_answer *a = arg;
    *got = 0;
    while (!a->body_len) {
        if (a->complete)
            return 0;
        int error = advance(a);
        if (error)
            return error;
    }
    *got = a->body_len < len ? a->body_len : len;
    memcpy(bytes, a->body, *got);
    a->body += *got;
    a->body_len -= *got;
    return 0;
}
