#include "common/http/http_body.h"

#include "common/base/mem.h"

#include <stdlib.h>
#include <string.h>

#define DIGITS_MAX 8    /* of the size of a chunk */
#define PASSED_MAX 8192 /* bytes of one chunk's extensions, or of all trailers */

enum step { LENGTH, SIZE, EXTENSION, SIZE_LF, DATA, DATA_CR, DATA_LF, END_CR, TRAILER, TRAILER_LF, END_LF };

void http_body_begin_length(struct http_body *b, uint64_t length, size_t max)
{
    *b = (struct http_body){.max = max, .left = length, .step = LENGTH, .done = !length};
}

void http_body_begin_chunks(struct http_body *b, size_t max)
{
    *b = (struct http_body){.max = max, .step = SIZE};
}

void http_body_fini(struct http_body *b)
{
    free(b->bytes);
    *b = (struct http_body){0};
}

void http_body_drop(struct http_body *b)
{
    free(b->bytes);
    b->bytes = NULL;
    b->len = b->room = 0;
}

static int too_large(const struct http_body *b, struct err *e)
{
    return err_set(e, ERR_TOO_LARGE, "the body is larger than the %zu bytes that are allowed", b->max);
}

/* Doubles the room each time, so that a body in chunks of one byte costs no more than one in a single
 * piece. */
static void keep(struct http_body *b, const char *bytes, size_t len)
{
    b->seen += len;
    if (b->sink)
        b->full = !b->sink(b->arg, bytes, len);
    if (b->sink || b->discard)
        return;
    if (b->len + len + 1 > b->room) {
        size_t twice = 2 * b->room < b->max + 1 ? 2 * b->room : b->max + 1;
        b->room = b->len + len + 1 > twice ? b->len + len + 1 : twice;
        b->bytes = mem_grow(b->bytes, b->room, 1);
    }
    memcpy(b->bytes + b->len, bytes, len);
    b->len += len;
    b->bytes[b->len] = 0;
}

static size_t take_data(struct http_body *b, const char *bytes, size_t len)
{
    size_t n = len < b->left ? len : (size_t)b->left;
    keep(b, bytes, n);
    b->left -= n;
    if (!b->left) {
        b->done = b->step == LENGTH;
        b->step = DATA_CR;
    }
    return n;
}

static int hex(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

/* A character of an extension or of a trailer, or the end of its line. */
static bool pass_over(struct http_body *b, char c, enum step next)
{
    unsigned char u = (unsigned char)c;
    if (c == '\r')
        b->step = next;
    return c == '\r' || ((u == '\t' || (u >= ' ' && u != 0x7f)) && ++b->passed <= PASSED_MAX);
}

/* Takes a character of the framing. Returns false if it may not stand there. */
static bool take_frame(struct http_body *b, char c)
{
    switch (b->step) {
    case SIZE:
        if (c == '\r' && b->digits) {
            b->step = SIZE_LF;
            return true;
        }
        if (b->lenient && b->digits && (c == ';' || c == ' ' || c == '\t')) {
            b->step = EXTENSION;
            return true;
        }
        if (hex(c) < 0 || ++b->digits > DIGITS_MAX)
            return false;
        b->left = b->left << 4 | (unsigned)hex(c);
        return true;
    case EXTENSION:
        return pass_over(b, c, SIZE_LF);
    case SIZE_LF:
        b->step = b->left ? DATA : END_CR;
        b->digits = b->passed = 0;
        return c == '\n';
    case DATA_CR:
        b->step = DATA_LF;
        return c == '\r';
    case DATA_LF:
        b->step = SIZE;
        return c == '\n';
    case END_CR:
        b->step = c != '\r' && b->lenient ? TRAILER : END_LF;
        return c == '\r' || (b->lenient && pass_over(b, c, TRAILER_LF));
    case TRAILER:
        return pass_over(b, c, TRAILER_LF);
    case TRAILER_LF:
        b->step = END_CR;
        return c == '\n';
    default:
        b->done = c == '\n';
        return b->done;
    }
}

int http_body_take(struct http_body *b, const char *bytes, size_t len, size_t *used, struct err *e)
{
    size_t n = 0;
    b->full = false;
    while (n < len && !b->done && !b->full) {
        if (b->left > b->max - b->seen)
            return too_large(b, e);
        if (b->step == LENGTH || b->step == DATA)
            n += take_data(b, bytes + n, len - n);
        else if (!take_frame(b, bytes[n++]))
            return err_set(e, ERR_BAD_REQUEST, "the chunks of the body cannot be read");
    }
    *used = n;
    return 0;
}
