#include "common/http/http_request.h"

#include "common/base/mem.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

static struct http_request *of(http_parser *parser)
{
    return parser->data;
}

static int stop(struct http_request *r, int code)
{
    r->refusal = code;
    return -1;
}

static void append(char **text, const char *bytes, size_t len)
{
    size_t had = *text ? strlen(*text) : 0;
    *text = mem_grow(*text, had + len + 1, 1);
    memcpy(*text + had, bytes, len);
    (*text)[had + len] = 0;
}

static int on_url(http_parser *parser, const char *bytes, size_t len)
{
    struct http_request *r = of(parser);
    if ((r->target ? strlen(r->target) : 0) + len > HTTP_TARGET_MAX)
        return stop(r, ERR_URI_TOO_LONG);
    append(&r->target, bytes, len);
    return 0;
}

static int on_field(http_parser *parser, const char *bytes, size_t len)
{
    struct http_request *r = of(parser);
    if (r->in_value || !r->fields) {
        if (r->fields == HTTP_HEADERS_MAX)
            return stop(r, ERR_HEADERS_TOO_LARGE);
        r->fields++;
        r->in_value = false;
    }
    append(&r->field[r->fields - 1].name, bytes, len);
    return 0;
}

static int on_value(http_parser *parser, const char *bytes, size_t len)
{
    struct http_request *r = of(parser);
    r->in_value = true;
    append(&r->field[r->fields - 1].value, bytes, len);
    return 0;
}

/* If one of these headers came twice, two programs could disagree on what is asked, or by whom. */
static bool repeated(const struct http_request *r)
{
    static const char *const once[] = {
        "host",          "content-length", "transfer-encoding", "x-api-key",
        "authorization", "content-type",   "idempotency-key",   "x-request-id"};
    for (size_t i = 0; i < ARRAY_LEN(once); i++) {
        unsigned count = 0;
        for (unsigned f = 0; f < r->fields; f++)
            count += !strcmp(r->field[f].name, once[i]);
        if (count > 1)
            return true;
    }
    return false;
}

/* Joins the values of headers of one name: they form one list, on however many lines (RFC 9110 section
 * 5.3). Cookies, which proxies of HTTP/2 may hand on in several lines, are one string (RFC 9113
 * section 8.2.3). */
static void join_lines(struct http_request *r)
{
    for (unsigned i = 0; i < r->fields; i++) {
        for (unsigned f = i + 1; f < r->fields;) {
            if (strcmp(r->field[i].name, r->field[f].name)) {
                f++;
                continue;
            }
            append(&r->field[i].value, strcmp(r->field[i].name, "cookie") ? ", " : "; ", 2);
            append(&r->field[i].value, r->field[f].value, strlen(r->field[f].value));
            free(r->field[f].name);
            free(r->field[f].value);
            r->fields--;
            memmove(&r->field[f], &r->field[f + 1], (r->fields - f) * sizeof r->field[0]);
        }
    }
    memset(&r->field[r->fields], 0, (HTTP_HEADERS_MAX - r->fields) * sizeof r->field[0]);
}

/* Blanks around a value do not belong to it (RFC 9110 section 5.5). The parser drops those before it;
 * this drops those after it. */
static void trim_end(char *value)
{
    size_t len = strlen(value);
    while (len && (value[len - 1] == ' ' || value[len - 1] == '\t'))
        value[--len] = 0;
}

/* A host with or without a port, or nothing (RFC 9110 section 7.2). */
static bool is_host(const char *value)
{
    return !value[strspn(
        value, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~%!$&'()*+,;=:[]")];
}

static int on_head_done(http_parser *parser)
{
    struct http_request *r = of(parser);
    for (unsigned i = 0; i < r->fields; i++) {
        for (char *c = r->field[i].name; *c; c++)
            *c = (char)tolower((unsigned char)*c);
        if (!r->field[i].value)
            r->field[i].value = mem_strdup("");
        trim_end(r->field[i].value);
    }
    bool twice = repeated(r);
    join_lines(r);
    const char *coding = http_request_field(r, "transfer-encoding");
    const char *expect = http_request_field(r, "expect"), *host = http_request_field(r, "host");
    if (parser->http_major != 1) /* a higher minor version is read as this one (RFC 9110 section 2.5) */
        return stop(r, ERR_HTTP_VERSION);
    if (twice || (host ? !is_host(host) : parser->http_minor > 0) ||
        (coding && strcasecmp(coding, "chunked")) || (coding && http_request_field(r, "content-length")) ||
        (coding && !parser->http_minor)) /* an HTTP/1.0 client cannot use chunks (RFC 9112 section 6.1) */
        return stop(r, ERR_BAD_REQUEST);
    if (!coding && parser->content_length != UINT64_MAX && parser->content_length > r->max_body)
        return stop(r, ERR_TOO_LARGE);
    r->expects_continue = expect && !strcasecmp(expect, "100-continue");
    r->head_done = true;
    r->keep_alive = http_should_keep_alive(parser);
    if (coding)
        http_body_begin_chunks(&r->body, r->max_body);
    else
        http_body_begin_length(&r->body, parser->content_length == UINT64_MAX ? 0 : parser->content_length,
                               r->max_body);
    r->done = r->body.done;
    return 1; /* stop the parser here: Debian's build of it accepts any two bytes as the end of a chunk */
}

/* Pauses the parser, so that it sees no byte after the head. */
static int on_done(http_parser *parser)
{
    http_parser_pause(parser, 1);
    return 0;
}

static const http_parser_settings settings = {.on_url = on_url,
                                              .on_header_field = on_field,
                                              .on_header_value = on_value,
                                              .on_headers_complete = on_head_done,
                                              .on_message_complete = on_done};

void http_request_init(struct http_request *r, size_t max_body)
{
    memset(r, 0, sizeof *r);
    http_parser_init(&r->parser, HTTP_REQUEST);
    r->parser.data = r;
    r->max_body = max_body;
}

void http_request_fini(struct http_request *r)
{
    for (unsigned i = 0; i < r->fields; i++) {
        free(r->field[i].name);
        free(r->field[i].value);
    }
    free(r->target);
    http_body_fini(&r->body);
    memset(r, 0, sizeof *r);
}

static const char *sentence_of(int refusal)
{
    static const struct {
        int code;
        const char *sentence;
    } rows[] = {{ERR_TOO_LARGE, "the body is larger than is allowed here"},
                {ERR_HEADERS_TOO_LARGE, "there are too many headers"},
                {ERR_URI_TOO_LONG, "the path, with its query, is too long"},
                {ERR_HTTP_VERSION, "this server speaks HTTP/1.1"}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (rows[i].code == refusal)
            return rows[i].sentence;
    }
    return "a header is missing, there twice, or not allowed";
}

static int feed(struct http_request *r, const char *bytes, size_t len, struct err *e)
{
    size_t used = http_parser_execute(&r->parser, &settings, bytes, len);
    enum http_errno error = HTTP_PARSER_ERRNO(&r->parser);
    if (r->refusal)
        return err_set(e, r->refusal, "%s", sentence_of(r->refusal));
    if (error == HPE_INVALID_METHOD)
        return err_set(e, ERR_NOT_IMPLEMENTED, "there is no such method here; methods are in capitals");
    if (error != HPE_OK && error != HPE_PAUSED)
        return err_set(e, ERR_BAD_REQUEST, "the request cannot be read: %s", http_errno_description(error));
    if (used != len || !r->head_done)
        return err_set(e, ERR_BAD_REQUEST, "the request has no complete head");
    return 0;
}

/* Whether every line ends with CR LF, no line begins with a space, and there is no other control
 * character. */
static bool head_is_plain(const char *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)bytes[i];
        if (c == '\n' && (!i || bytes[i - 1] != '\r'))
            return false;
        if (c == '\r' && (i + 1 == len || bytes[i + 1] != '\n'))
            return false;
        if ((c < ' ' && c != '\r' && c != '\n' && c != '\t') || c == 0x7f)
            return false;
        if ((c == ' ' || c == '\t') && i && bytes[i - 1] == '\n')
            return false;
    }
    return true;
}

/* Refuses "Name : value", as RFC 9112 section 5.1 demands: some programs take the space as part of the
 * name. */
static bool names_are_plain(const char *bytes, size_t len)
{
    bool in_name = false;
    for (size_t i = 0; i < len; i++) {
        if (bytes[i] == '\n')
            in_name = true;
        else if (bytes[i] == ':')
            in_name = false;
        else if (in_name && (bytes[i] == ' ' || bytes[i] == '\t'))
            return false;
    }
    return true;
}

/* Method, target and version, separated by one space each; the parser would accept more. */
static bool first_line_is_plain(const char *bytes, size_t len)
{
    unsigned spaces = 0;
    for (size_t i = 0; i < len && bytes[i] != '\r'; i++)
        spaces += bytes[i] == ' ';
    return spaces == 2;
}

static int hex(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

/* Refuses "http://user@host/": the user name is there to mislead (RFC 9110 section 4.2.4). */
static bool has_user(const char *target)
{
    const char *host = target[0] == '/' ? NULL : strstr(target, "://");
    return host && memchr(host + 3, '@', strcspn(host + 3, "/?"));
}

/* Reduces a target in absolute form, which is meant for proxies but must be accepted by every server (RFC
 * 9112 section 3.2.2), to its path and query. */
static void to_path(char *target)
{
    size_t scheme = !strncasecmp(target, "http://", 7) ? 7 : !strncasecmp(target, "https://", 8) ? 8 : 0;
    if (!scheme || !strcspn(target + scheme, "/?"))
        return;
    const char *path = target + scheme + strcspn(target + scheme, "/?");
    if (*path == '/') {
        memmove(target, path, strlen(path) + 1);
    } else { /* no path: the result is "/", for which the scheme's bytes leave room */
        memmove(target + 1, path, strlen(path) + 1);
        target[0] = '/';
    }
}

/* Decodes percent-encoded characters that need no encoding (RFC 3986 section 6.2.2.2); all others stay
 * encoded. */
static bool normalize(char *path)
{
    char *to = path;
    for (const char *from = path; *from; from++) {
        if (*from != '%') {
            *to++ = *from;
            continue;
        }
        if (hex(from[1]) < 0 || hex(from[2]) < 0)
            return false;
        char c = (char)(hex(from[1]) << 4 | hex(from[2]));
        if (isalnum((unsigned char)c) || (c && strchr("-._~", c))) {
            *to++ = c;
        } else {
            memmove(to, from, 3);
            to += 3;
        }
        from += 2;
    }
    *to = 0;
    return true;
}

static int split_target(struct http_request *r, struct err *e)
{
    for (const char *c = r->target; *c; c++) {
        if (*c <= ' ' || *c > '~')
            return err_set(e, ERR_BAD_REQUEST, "the path holds a character that must be percent-encoded");
    }
    strncpy(r->method, http_method_str((enum http_method)r->parser.method), sizeof r->method - 1);
    if (!strcmp(r->target, "*") && !strcmp(r->method, "OPTIONS"))
        return 0; /* "*": about the server as a whole */
    if (strchr(r->target, '#') || has_user(r->target))
        return err_set(e, ERR_BAD_REQUEST, "the target holds a fragment, or names a user");
    to_path(r->target);
    if (r->target[0] != '/')
        return err_set(e, ERR_BAD_REQUEST, "the path does not begin with a slash");
    r->query = strchr(r->target, '?');
    if (r->query)
        *r->query++ = 0;
    if (!normalize(r->target))
        return err_set(e, ERR_BAD_REQUEST, "the path holds a percent sign without two hexadecimal digits");
    return 0;
}

int http_request_head(struct http_request *r, const char *bytes, size_t len, struct err *e)
{
    if (!first_line_is_plain(bytes, len) || !head_is_plain(bytes, len) || !names_are_plain(bytes, len))
        return err_set(
            e, ERR_BAD_REQUEST,
            "the head holds a control character, a bare line end, a folded line or a space too many");
    int rc = feed(r, bytes, len, e);
    if (rc)
        return rc;
    if (!r->target)
        return err_set(e, ERR_BAD_REQUEST, "the request has no complete head");
    return split_target(r, e);
}

int http_request_body(struct http_request *r, const char *bytes, size_t len, size_t *used, struct err *e)
{
    int rc = http_body_take(&r->body, bytes, len, used, e);
    r->done = !rc && r->body.done;
    return rc;
}

int http_request_bound(struct http_request *r, size_t max_body, struct err *e)
{
    r->max_body = r->body.max = max_body;
    bool stated = !http_request_field(r, "transfer-encoding");
    if (stated && r->body.left > max_body)
        return err_set(e, ERR_TOO_LARGE, "%s", sentence_of(ERR_TOO_LARGE));
    return 0;
}

const char *http_request_field(const struct http_request *r, const char *name)
{
    for (unsigned i = 0; i < r->fields; i++) {
        if (r->field[i].name && !strcmp(r->field[i].name, name))
            return r->field[i].value ? r->field[i].value : "";
    }
    return NULL;
}

/* --- the query --- */

static bool decode(const char *text, size_t len, char *out, size_t size)
{
    size_t n = 0;
    for (size_t i = 0; i < len; i++) {
        int c = (unsigned char)text[i];
        if (c == '%') {
            if (i + 2 > len - 1 || hex(text[i + 1]) < 0 || hex(text[i + 2]) < 0)
                return false;
            c = hex(text[i + 1]) << 4 | hex(text[i + 2]);
            i += 2;
        } else if (c == '+') {
            c = ' ';
        }
        if (!c || n + 1 >= size)
            return false;
        out[n++] = (char)c;
    }
    out[n] = 0;
    return true;
}

/* The text of the nth parameter of this name, and in *len its length; NULL: there are fewer. */
static const char *find_query(const struct http_request *r, const char *name, unsigned nth, size_t *len)
{
    size_t n = strlen(name);
    for (const char *at = r->query ? r->query : ""; *at; at += strcspn(at, "&"), at += *at == '&') {
        *len = strcspn(at, "&");
        if (*len < n || strncmp(at, name, n) || (*len > n && at[n] != '='))
            continue;
        if (nth--)
            continue;
        bool has_value = *len > n;
        *len -= n + has_value;
        return at + n + has_value;
    }
    return NULL;
}

bool http_request_query_nth(const struct http_request *r, const char *name, unsigned nth, char *out,
                            size_t size)
{
    size_t len;
    const char *value = find_query(r, name, nth, &len);
    return value && decode(value, len, out, size);
}

bool http_request_query(const struct http_request *r, const char *name, char *out, size_t size)
{
    size_t len;
    return !find_query(r, name, 1, &len) && http_request_query_nth(r, name, 0, out, size);
}
