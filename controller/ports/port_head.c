#include "controller/ports/port_head.h"

#include "controller/ports/port_request.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#define DIGITS_MAX      18
#define CONNECTIONS_MAX 4 /* headers Connection: each is compared with all other headers */

/* What keeps pages of ports that share an origin out of it, and their URLs, which hold tokens, out of others'
 * logs. */
#define SHARED_HEADERS                                                                                       \
    "Content-Security-Policy: sandbox allow-downloads allow-forms allow-modals allow-popups "                \
    "allow-scripts\r\nReferrer-Policy: no-referrer\r\n"

/* A piece of the head; borrowed. */
struct piece {
    const char *at;
    size_t len;
};

struct field {
    struct piece name, value;
};

struct fields {
    struct field field[PORT_FIELDS_MAX];
    size_t count;
};

static bool is(struct piece p, const char *word)
{
    return p.len == strlen(word) && !strncasecmp(p.at, word, p.len);
}

static bool begins(struct piece p, const char *word)
{
    size_t len = strlen(word);
    return p.len >= len && !strncasecmp(p.at, word, len);
}

/* --- lines --- */

static bool is_name_character(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c && strchr("!#$%&'*+-.^_`|~", c));
}

static bool is_value_character(char c)
{
    unsigned char u = (unsigned char)c;
    return u == '\t' || (u >= ' ' && u != 0x7f);
}

/* The next line without its end, which must be CR LF. False: it has none. */
static bool take_line(struct piece *rest, struct piece *line)
{
    const char *end = memchr(rest->at, '\n', rest->len);
    if (!end || end == rest->at || end[-1] != '\r')
        return false;
    *line = (struct piece){rest->at, (size_t)(end - 1 - rest->at)};
    rest->len -= line->len + 2;
    rest->at += line->len + 2;
    return true;
}

static bool take_status(struct piece line, int *status, bool *old)
{
    int value = 0;
    if (line.len < 12 || (!begins(line, "HTTP/1.1 ") && !begins(line, "HTTP/1.0 ")) || line.at[0] != 'H')
        return false;
    *old = line.at[7] == '0';
    for (size_t i = 9; i < 12; i++) {
        if (line.at[i] < '0' || line.at[i] > '9')
            return false;
        value = value * 10 + line.at[i] - '0';
    }
    for (size_t i = 12; i < line.len; i++) {
        if (!is_value_character(line.at[i]))
            return false;
    }
    *status = value;
    return value >= 100 && value < 600 && (line.len == 12 || line.at[12] == ' ');
}

static bool take_field(struct piece line, struct field *out)
{
    size_t name = 0;
    while (name < line.len && is_name_character(line.at[name]))
        name++;
    if (!name || name == line.len || line.at[name] != ':')
        return false;
    struct piece value = {line.at + name + 1, line.len - name - 1};
    for (size_t i = 0; i < value.len; i++) {
        if (!is_value_character(value.at[i]))
            return false;
    }
    while (value.len && (*value.at == ' ' || *value.at == '\t'))
        value = (struct piece){value.at + 1, value.len - 1};
    while (value.len && (value.at[value.len - 1] == ' ' || value.at[value.len - 1] == '\t'))
        value.len--;
    *out = (struct field){{line.at, name}, value};
    return true;
}

/* The length of the head with its empty line; 0: it is not there yet. */
static size_t head_length(const char *bytes, size_t len)
{
    const char *end = memmem(bytes, len, "\r\n\r\n", 4);
    return end ? (size_t)(end - bytes) + 4 : 0;
}

/* --- how the body is framed --- */

static const struct field *find(const struct fields *all, const char *name, size_t *count)
{
    const struct field *found = NULL;
    *count = 0;
    for (size_t i = 0; i < all->count; i++) {
        if (!is(all->field[i].name, name))
            continue;
        found = &all->field[i];
        ++*count;
    }
    return found;
}

static bool take_length(struct piece value, uint64_t *out)
{
    *out = 0;
    for (size_t i = 0; i < value.len; i++) {
        if (value.at[i] < '0' || value.at[i] > '9')
            return false;
        *out = *out * 10 + (uint64_t)(value.at[i] - '0');
    }
    return value.len && value.len <= DIGITS_MAX;
}

static const char *take_framing(const struct fields *all, bool old, bool is_head, struct port_head *out)
{
    size_t lengths, codings;
    const struct field *length = find(all, "content-length", &lengths);
    const struct field *coding = find(all, "transfer-encoding", &codings);
    if (lengths > 1 || codings > 1 || (length && coding))
        return "it states its length twice";
    if (coding && (old || !is(coding->value, "chunked")))
        return "its transfer coding is not understood";
    if (length && !take_length(length->value, &out->length))
        return "its length is no number";
    out->has_length = length;
    if (is_head || out->status < 200 || out->status == 204 || out->status == 304)
        out->body = PORT_BODY_NONE;
    else
        out->body = coding ? PORT_BODY_CHUNKS : length ? PORT_BODY_LENGTH : PORT_BODY_CLOSE;
    return NULL;
}

/* --- what is handed on --- */

static bool is_one_of(struct piece name, const char *const *names)
{
    for (; *names; names++) {
        if (is(name, *names))
            return true;
    }
    return false;
}

static bool has_many_connections(const struct fields *all)
{
    size_t count;
    (void)find(all, "connection", &count);
    return count > CONNECTIONS_MAX;
}

/* Whether a header Connection names this one. */
static bool is_of_connection(const struct fields *all, struct piece name)
{
    char word[64], list[256];
    if (name.len >= sizeof word)
        return false;
    memcpy(word, name.at, name.len);
    word[name.len] = 0;
    for (size_t i = 0; i < all->count; i++) {
        const struct field *f = &all->field[i];
        if (!is(f->name, "connection") || f->value.len >= sizeof list)
            continue;
        memcpy(list, f->value.at, f->value.len);
        list[f->value.len] = 0;
        if (port_list_has(list, word))
            return true;
    }
    return false;
}

static void add_piece(struct text *out, struct piece p)
{
    text_add_bytes(out, p.at, p.len);
}

/* The next attribute of a cookie, without blanks around it. False: there is none. */
static bool take_attribute(struct piece *rest, struct piece *out)
{
    if (!rest->len)
        return false;
    const char *end = memchr(rest->at, ';', rest->len);
    size_t len = end ? (size_t)(end - rest->at) : rest->len;
    *out = (struct piece){rest->at, len};
    rest->at += len + (end != NULL);
    rest->len -= len + (end != NULL);
    while (out->len && (*out->at == ' ' || *out->at == '\t'))
        *out = (struct piece){out->at + 1, out->len - 1};
    while (out->len && (out->at[out->len - 1] == ' ' || out->at[out->len - 1] == '\t'))
        out->len--;
    return true;
}

static bool is_attribute(struct piece p, const char *name)
{
    size_t len = strlen(name);
    if (!begins(p, name))
        return false;
    while (len < p.len && (p.at[len] == ' ' || p.at[len] == '\t'))
        len++;
    return len == p.len || p.at[len] == '=';
}

/* Whether the path begins with the prefix, as of servers that heed X-Forwarded-Prefix. */
static bool is_below(struct piece path, const char *prefix)
{
    size_t len = strlen(prefix);
    return len && path.len >= len && !memcmp(path.at, prefix, len) &&
           (path.len == len || strchr("/?#", path.at[len]));
}

/* A cookie is of this host alone; where ports share it, of this port's paths alone. */
static void add_cookie(struct text *out, struct piece value, const char *prefix)
{
    struct piece part, path = {"/", 1};
    bool first = true;
    while (take_attribute(&value, &part)) {
        if (!first && is_attribute(part, "path")) {
            const char *equals = memchr(part.at, '=', part.len);
            path = equals ? (struct piece){equals + 1, part.len - (size_t)(equals + 1 - part.at)} : path;
            continue;
        }
        if (!first && is_attribute(part, "domain"))
            continue;
        text_add(out, first ? "Set-Cookie: " : "; ");
        add_piece(out, part);
        first = false;
    }
    if (first)
        return;
    text_add(out, "; Path=");
    if (!is_below(path, prefix))
        text_add(out, prefix);
    if (path.len && path.at[0] == '/')
        add_piece(out, path);
    else
        text_add(out, "/");
    text_add(out, "\r\n");
}

/* --- where it leads --- */

/* Takes a URL apart: what is behind its host. False: it is none of HTTP. */
static bool take_host(struct piece url, struct piece *host, struct piece *rest)
{
    size_t scheme = begins(url, "http://") ? 7 : begins(url, "https://") ? 8 : 0, len = scheme;
    if (!scheme)
        return false;
    while (len < url.len && !strchr("/?#", url.at[len]))
        len++;
    *host = (struct piece){url.at + scheme, len - scheme};
    *rest = (struct piece){url.at + len, url.len - len};
    return true;
}

/* Whether a server that listens at this port inside means itself by this. */
static bool is_inside(struct piece host, uint16_t port)
{
    static const char *const names[] = {"localhost", "127.0.0.1", "[::1]", "0.0.0.0"};
    char word[32];
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        snprintf(word, sizeof word, "%s:%u", names[i], (unsigned)port);
        if (is(host, word) || (port == 80 && is(host, names[i])))
            return true;
    }
    return false;
}

/* Of another port's URL, too, nothing changes. */
static bool is_of_a_port(struct piece path)
{
    return path.len >= PORT_PREFIX_MAX && begins(path, "/p/") && port_token_is(path.at + 3);
}

/* A path of the server inside is one below the prefix for the client, whatever the server takes its own host
 * for. What begins with two slashes is another host's. */
static void add_location(struct text *out, struct piece value, const struct port_outside *outside)
{
    struct piece host, path = value;
    bool absolute = take_host(value, &host, &path), is_path = path.len && path.at[0] == '/';
    bool ours = absolute ? is_inside(host, outside->port) ||
                               (outside->prefix[0] && outside->host && is(host, outside->host))
                         : is_path;
    if (!ours || (is_path && path.len > 1 && strchr("/\\", path.at[1]))) {
        add_piece(out, value);
        return;
    }
    if (!is_of_a_port(path))
        text_add(out, outside->prefix);
    if (!is_path)
        text_add(out, "/");
    add_piece(out, path);
}

static void add_field(struct text *out, const struct field *f, const struct port_outside *outside)
{
    if (is(f->name, "set-cookie")) {
        add_cookie(out, f->value, outside->prefix);
        return;
    }
    add_piece(out, f->name);
    text_add(out, ": ");
    if (is(f->name, "location"))
        add_location(out, f->value, outside);
    else
        add_piece(out, f->value);
    text_add(out, "\r\n");
}

static void hand_on(const struct fields *all, const struct port_outside *outside, struct text *out)
{
    static const char *const never[] = {"connection", "keep-alive", "proxy-connection",  "proxy-authenticate",
                                        "te",         "trailer",    "transfer-encoding", "content-length",
                                        "upgrade",    "date",       "alt-svc",           NULL};
    static const char *const shared[] = {"service-worker-allowed",
                                         "clear-site-data",
                                         "strict-transport-security",
                                         "referrer-policy",
                                         "nel",
                                         "report-to",
                                         "reporting-endpoints",
                                         "origin-agent-cluster",
                                         "accept-ch",
                                         NULL};
    for (size_t i = 0; i < all->count; i++) {
        const struct field *f = &all->field[i];
        if (is_one_of(f->name, never) || (outside->prefix[0] && is_one_of(f->name, shared)) ||
            is_of_connection(all, f->name))
            continue;
        add_field(out, f, outside);
    }
    if (outside->prefix[0])
        text_add(out, SHARED_HEADERS);
}

/* --- the whole --- */

static const char *take_upgrade(const struct fields *all, struct port_head *out)
{
    size_t count;
    const struct field *upgrade = find(all, "upgrade", &count);
    if (out->status != 101)
        return NULL;
    if (count != 1 || !upgrade->value.len || upgrade->value.len > PORT_UPGRADE_MAX)
        return "it switches to no protocol";
    memcpy(out->upgrade, upgrade->value.at, upgrade->value.len);
    return NULL;
}

static const char *take_fields(struct piece rest, struct fields *all)
{
    struct piece line;
    while (take_line(&rest, &line) && line.len) {
        if (all->count == PORT_FIELDS_MAX)
            return "it has too many headers";
        if (!take_field(line, &all->field[all->count++]))
            return "a header of it cannot be read";
    }
    return rest.len ? "a line of it does not end as it should" : NULL;
}

static const char *take(struct piece rest, const struct port_outside *outside, bool is_head,
                        struct port_head *out)
{
    struct fields all = {.count = 0};
    struct piece line;
    bool old;
    const char *why;
    if (!take_line(&rest, &line) || !take_status(line, &out->status, &old))
        return "it does not begin as an answer of HTTP/1.1 does";
    if ((why = take_fields(rest, &all)) || (why = take_framing(&all, old, is_head, out)) ||
        (why = take_upgrade(&all, out)))
        return why;
    if (has_many_connections(&all))
        return "it has too many headers Connection";
    if (out->status >= 200 || out->status == 101) /* else nobody gets it */
        hand_on(&all, outside, &out->lines);
    return NULL;
}

static int refuse(const char *why, struct err *e)
{
    (void)err_set(e, ERR_BAD_GATEWAY, "the answer of the port was refused: %s", why);
    return -1;
}

long port_head_read(const char *bytes, size_t len, const struct port_outside *outside, bool is_head,
                    struct port_head *out, struct err *e)
{
    static const char begin[] = "HTTP/1.";
    struct port_head head = {0};
    size_t all = head_length(bytes, len), some = len < sizeof begin - 1 ? len : sizeof begin - 1;
    if (memcmp(bytes, begin, some) != 0)
        return refuse("it does not begin as an answer of HTTP/1.1 does", e);
    if (all > PORT_HEAD_MAX || (!all && len >= PORT_HEAD_MAX))
        return refuse("its head is too large", e);
    if (!all && memmem(bytes, len, "\n\n", 2)) /* no end that we take comes: what sends it waits for us */
        return refuse("the lines of its head must end with CR LF", e);
    if (!all)
        return 0;
    const char *why = take((struct piece){bytes, all}, outside, is_head, &head);
    if (why) {
        port_head_fini(&head);
        return refuse(why, e);
    }
    *out = head;
    return (long)all;
}

void port_head_fini(struct port_head *head)
{
    text_fini(&head->lines);
}
