#include "controller/ports/port_request.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

static bool is_token_character(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '2' && c <= '7');
}

bool port_token_is(const char *text)
{
    size_t len = 0;
    while (is_token_character(text[len]))
        len++;
    return len == PORT_TOKEN_LEN;
}

/* --- where a URL points --- */

/* Whether the host is <token>.<domain>, whatever the ports. */
static bool is_of_domain(const char *host, const char *domain)
{
    size_t len = strcspn(domain, ":");
    const char *rest = host + PORT_TOKEN_LEN;
    if (*rest != '.' || strncasecmp(rest + 1, domain, len) != 0)
        return false;
    rest += 1 + len;
    return !*rest || (*rest == ':' && !rest[1 + strspn(rest + 1, "0123456789")]);
}

bool port_place_find(const char *host, const char *domain, const char *path, struct port_place *out)
{
    const char *token = path + 3;
    *out = (struct port_place){.path = path};
    if (host && domain && port_token_is(host) && is_of_domain(host, domain)) {
        memcpy(out->token, host, PORT_TOKEN_LEN);
        return true;
    }
    if (strncmp(path, "/p/", 3) != 0 || !port_token_is(token) ||
        (token[PORT_TOKEN_LEN] && token[PORT_TOKEN_LEN] != '/'))
        return false;
    memcpy(out->token, token, PORT_TOKEN_LEN);
    out->in_path = true;
    out->path = token + PORT_TOKEN_LEN;
    return true;
}

void port_place_prefix(const struct port_place *place, char out[static PORT_PREFIX_MAX + 1])
{
    out[0] = 0;
    if (place->in_path)
        snprintf(out, PORT_PREFIX_MAX + 1, "/p/%s", place->token);
}

/* --- headers --- */

bool port_list_has(const char *list, const char *word)
{
    size_t len = strlen(word);
    for (const char *at = list; at && *at; at += strcspn(at, ","), at += *at == ',') {
        at += strspn(at, " \t");
        size_t n = strcspn(at, ", \t");
        if (n == len && !strncasecmp(at, word, len))
            return true;
    }
    return false;
}

/* Of one connection, written again by us, or a claim about proxies that nobody can check. */
static bool is_ours(const char *name)
{
    static const char *const names[] = {"connection",       "keep-alive",
                                        "proxy-connection", "te",
                                        "trailer",          "transfer-encoding",
                                        "upgrade",          "content-length",
                                        "expect",           "host",
                                        "forwarded",        "proxy-authorization",
                                        "http2-settings",   "via",
                                        "x-real-ip"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (!strcmp(name, names[i]))
            return true;
    }
    return !strncmp(name, "x-forwarded-", 12);
}

/* An API key of Corral, sent by mistake, or by a client that sends it to every URL. */
static bool is_api_key(const struct port_field *f)
{
    return (!strcmp(f->name, "x-api-key") || !strcmp(f->name, "authorization")) && strstr(f->value, "crl_");
}

static const char *connection_of(const struct port_field *field, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (!strcmp(field[i].name, "connection"))
            return field[i].value;
    }
    return NULL;
}

static void line(struct text *out, const char *name, const char *value)
{
    text_add(out, name);
    text_add(out, ": ");
    text_add(out, value);
    text_add(out, "\r\n");
}

/* An address of IPv6 stands in brackets and quotes (RFC 7239 section 6). */
static void add_forwarded(const struct port_request *r, const struct port_place *place, struct text *out)
{
    bool v6 = strchr(r->address, ':');
    const char *host = r->host && !strchr(r->host, '"') ? r->host : "";
    char prefix[PORT_PREFIX_MAX + 1];
    port_place_prefix(place, prefix);
    text_add(out, v6 ? "Forwarded: for=\"[" : "Forwarded: for=");
    text_add(out, r->address);
    text_add(out, v6 ? "]\";proto=" : ";proto=");
    text_add(out, r->tls ? "https" : "http");
    if (host[0]) {
        text_add(out, ";host=\"");
        text_add(out, host);
        text_add(out, "\"");
    }
    text_add(out, "\r\n");
    line(out, "X-Forwarded-For", r->address);
    line(out, "X-Forwarded-Proto", r->tls ? "https" : "http");
    if (host[0])
        line(out, "X-Forwarded-Host", host);
    if (prefix[0])
        line(out, "X-Forwarded-Prefix", prefix);
}

static void add_framing(const struct port_request *r, struct text *out)
{
    if (r->has_body && r->has_length)
        text_fmt(out, "Content-Length: %llu\r\n", r->length);
    else if (r->has_body)
        text_add(out, "Transfer-Encoding: chunked\r\n");
    if (!r->upgrade) {
        text_add(out, "Connection: close\r\n");
        return;
    }
    text_add(out, "Connection: Upgrade\r\n");
    line(out, "Upgrade", r->upgrade);
}

void port_request_write(const struct port_request *r, const struct port_place *place,
                        const struct port_field *field, size_t count, struct text *out)
{
    const char *connection = connection_of(field, count);
    text_add(out, r->method);
    text_add(out, " ");
    text_add(out, place->path[0] ? place->path : "/");
    text_add(out, r->query[0] ? "?" : "");
    text_add(out, r->query);
    text_add(out, " HTTP/1.1\r\n");
    line(out, "Host", r->host ? r->host : "localhost");
    for (size_t i = 0; i < count; i++) {
        if (!is_ours(field[i].name) && !is_api_key(&field[i]) && !port_list_has(connection, field[i].name))
            line(out, field[i].name, field[i].value);
    }
    add_forwarded(r, place, out);
    add_framing(r, out);
    text_add(out, "\r\n");
}
