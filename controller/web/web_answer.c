/* Answers requests for the files of a site (RFC 9110: conditional requests, content codings). Pure. */
#include "controller/web/web_site_int.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define UI_PATH "/ui/"
#define BLANK   " \t"

/*
 * Scripts, styles and requests go to this origin alone, nothing stands inline, and no page frames it. An
 * origin's own WebSockets are in 'self' (CSP3). DOM sinks that make scripts of text are closed (Trusted
 * Types).
 */
#define POLICY                                                                                               \
    "Content-Security-Policy: default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' "      \
    "data:; "                                                                                                \
    "connect-src 'self'; font-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "     \
    "require-trusted-types-for 'script'; trusted-types 'none'\r\n"                                           \
    "Referrer-Policy: no-referrer\r\n"                                                                       \
    "Cross-Origin-Opener-Policy: same-origin\r\n"                                                            \
    "Cross-Origin-Resource-Policy: same-origin\r\n"                                                          \
    "Permissions-Policy: camera=(), geolocation=(), microphone=(), payment=(), usb=()\r\n"

#define FOR_EVER "Cache-Control: public, max-age=31536000, immutable\r\n"
#define ASK_EACH "Cache-Control: no-cache\r\n"
#define NEVER    "Cache-Control: no-store\r\n"

static const char missing_page[] =
    "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Corral</title><h1>Corral</h1>"
    "<p>The controller runs, but its dashboard is not installed: the folder that <code>web_dir</code> names "
    "has "
    "no files. They are put there by the build, which fetches their parts from npm's registry; its output "
    "says "
    "what failed. The REST interface works: see <a href=\"/openapi.json\">/openapi.json</a>.</p></html>";

/* --- lists in headers --- */

/* The next element of a list, without blanks around it; NULL: the end. *len of it, *at moves behind it. */
static const char *next_element(const char **at, size_t *len)
{
    const char *start = *at + strspn(*at, BLANK ",");
    if (!*start)
        return NULL;
    *len = strcspn(start, ",");
    *at = start + *len;
    while (*len && strchr(BLANK, start[*len - 1]))
        --*len;
    return start;
}

/* Whether the weight of an element, as ";q=0.5", is above zero; one without a weight has 1. */
static bool has_weight(const char *element, size_t len)
{
    const char *q = memchr(element, ';', len), *end = element + len;
    if (!q)
        return true;
    q += 1 + strspn(q + 1, BLANK);
    if (end - q < 3 || strncasecmp(q, "q=", 2))
        return false;
    for (q += 2; q < end; q++) {
        if (*q >= '1' && *q <= '9')
            return true;
    }
    return false;
}

static bool takes_gzip(const char *accepts)
{
    const char *element;
    size_t len;
    bool any = false;
    while (accepts && (element = next_element(&accepts, &len))) {
        size_t name = 0;
        while (name < len && !strchr(BLANK ";", element[name]))
            name++;
        if (name == 4 && !strncasecmp(element, "gzip", 4))
            return has_weight(element, len);
        any |= name == 1 && element[0] == '*' && has_weight(element, len);
    }
    return any;
}

/* Weak comparison, as If-None-Match has it: a mark of weakness counts for nothing. */
static bool has_etag(const char *list, const char *etag)
{
    const char *element;
    size_t len, own = strlen(etag);
    while (list && (element = next_element(&list, &len))) {
        if (len == 1 && element[0] == '*')
            return true;
        if (len > 2 && !strncmp(element, "W/", 2))
            element += 2, len -= 2;
        if (len == own && !memcmp(element, etag, own))
            return true;
    }
    return false;
}

/* --- answers --- */

static void answer_text(struct web_answer *out, int status, const char *type, const char *headers,
                        const char *text)
{
    out->status = status;
    out->type = type;
    out->body = text;
    out->len = strlen(text);
    snprintf(out->headers, sizeof out->headers, "%s" NEVER POLICY, headers);
}

static void answer_file(const struct web_file *file, const struct web_request *request, const char *cache,
                        struct web_answer *out)
{
    char etag[WEB_ETAG_LEN + 4];
    bool packed = file->packed && takes_gzip(request->accept_encoding);
    /* A strong tag names bytes, so each coding has its own. */
    snprintf(etag, sizeof etag, "\"%s%s\"", file->etag, packed ? "z" : "");
    bool same = has_etag(request->if_none_match, etag);
    *out = (struct web_answer){.status = same ? 304 : 200};
    snprintf(out->headers, sizeof out->headers, "ETag: %s\r\nVary: Accept-Encoding\r\n%s%s" POLICY, etag,
             packed && !same ? "Content-Encoding: gzip\r\n" : "", cache);
    if (same)
        return;
    out->type = file->type;
    out->body = packed ? file->packed : file->plain;
    out->len = packed ? file->packed_len : file->plain_len;
}

/* The file of a path, and how long it is kept; NULL: the path is not of this site, or of another version. */
static const struct web_file *file_of(const struct web_site *site, const char *path, const char **cache)
{
    *cache = ASK_EACH;
    if (!strcmp(path, "/"))
        return web_file_find(site, "index.html");
    const char *version = path + sizeof UI_PATH - 1;
    if (strncmp(version, site->version, WEB_VERSION_LEN) || version[WEB_VERSION_LEN] != '/')
        return NULL;
    *cache = FOR_EVER;
    const char *name = version + WEB_VERSION_LEN + 1;
    return strcmp(name, "index.html") ? web_file_find(site, name) : NULL;
}

bool web_site_answer(const struct web_site *site, const struct web_request *request, struct web_answer *out)
{
    const char *cache;
    const struct web_file *file;
    bool root = !strcmp(request->path, "/");
    if (!root && strncmp(request->path, UI_PATH, sizeof UI_PATH - 1))
        return false;
    if (strcmp(request->method, "GET") && strcmp(request->method, "HEAD"))
        answer_text(out, 405, "text/plain; charset=utf-8", "Allow: GET, HEAD\r\n",
                    "Only GET and HEAD are allowed here.\n");
    else if (!site && root)
        answer_text(out, 404, "text/html; charset=utf-8", "", missing_page);
    else if (!site || !(file = file_of(site, request->path, &cache)))
        return false;
    else
        answer_file(file, request, cache, out);
    return true;
}
