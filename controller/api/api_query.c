#include "controller/api/api_query.h"

#include "common/base/id.h"
#include "common/base/rfc3339.h"
#include "common/base/utf8.h"

#include <regex.h>
#include <stdlib.h>
#include <string.h>

#define DIGITS_MAX 18 /* no overflow with this many digits */

static const struct api_param *find(const struct api_routes *routes, const struct api_route *route,
                                    const char *name, size_t len)
{
    for (size_t i = 0; i < routes->param_count; i++) {
        const struct api_param *p = &routes->param[i];
        if (p->route == route && strlen(p->name) == len && !memcmp(p->name, name, len))
            return p;
    }
    return NULL;
}

static bool is_number(const char *text, unsigned long least, unsigned long most)
{
    size_t len = strlen(text);
    if (!len || len > DIGITS_MAX || text[strspn(text, "0123456789")])
        return false;
    unsigned long n = strtoul(text, NULL, 10);
    return n >= least && n <= most;
}

static bool is_id(const char *text, const char *prefix)
{
    size_t len = strlen(prefix);
    return !strncmp(text, prefix, len) && ulid_valid(text + len);
}

/* Patterns are ours: what they cost does not depend on a client but for the length of its value. */
static bool fits(const char *text, const char *pattern)
{
    regex_t regex;
    if (regcomp(&regex, pattern, REG_EXTENDED | REG_NOSUB))
        abort();
    bool found = !regexec(&regex, text, 0, NULL, 0);
    regfree(&regex);
    return found;
}

static int check_one(const struct api_param *p, const char *value, struct err *e)
{
    switch (p->type) {
    case PARAM_NUMBER:
        return is_number(value, p->least, p->most)
                   ? 0
                   : err_set(e, ERR_INVALID, "%s must be %lu to %lu", p->name, p->least, p->most);
    case PARAM_TRUTH:
        return !strcmp(value, "true") || !strcmp(value, "false")
                   ? 0
                   : err_set(e, ERR_INVALID, "%s must be true or false", p->name);
    case PARAM_TIME:
        return rfc3339_valid(value)
                   ? 0
                   : err_set(e, ERR_INVALID, "%s must be a time such as 2026-01-02T03:04:05Z", p->name);
    case PARAM_ID:
        return is_id(value, p->choices) ? 0
                                        : err_set(e, ERR_INVALID, "%s must be %s and %d characters", p->name,
                                                  p->choices, ULID_LEN);
    case PARAM_PATTERN:
        return strlen(value) <= p->most && fits(value, p->choices)
                   ? 0
                   : err_set(e, ERR_INVALID, "%s must match %s", p->name, p->choices);
    case PARAM_PATH:
        return value[0] == '/' && strlen(value) <= p->most
                   ? 0
                   : err_set(e, ERR_INVALID, "%s must be an absolute path of at most %lu bytes", p->name,
                             p->most);
    case PARAM_TEXT:
    case PARAM_WORDS:
        break;
    }
    if (p->choices[0] && !choices_have(p->choices, value))
        return err_set(e, ERR_INVALID, "%s must be one of: %s", p->name, p->choices);
    if (!utf8_valid(value))
        return err_set(e, ERR_INVALID, "%s must be UTF-8", p->name);
    if (utf8_count(value) < p->least || utf8_count(value) > p->most)
        return err_set(e, ERR_INVALID, "%s must be %lu to %lu characters long", p->name, p->least, p->most);
    return 0;
}

/* words: how many of the row's values were read, if there may be many. */
static bool get(const struct api_param *p, const struct http_exchange *x, unsigned *words, char *value,
                size_t size)
{
    return p->type == PARAM_WORDS ? http_query_nth(x, p->name, (*words)++, value, size)
                                  : http_query_get(x, p->name, value, size);
}

int api_query_check(const struct api_routes *routes, const struct api_route *route,
                    const struct http_exchange *x, struct err *e)
{
    char value[API_QUERY_MAX];
    unsigned words = 0;
    for (const char *at = http_query(x); *at; at += strcspn(at, "&"), at += *at == '&') {
        size_t len = strcspn(at, "=&");
        const struct api_param *p = find(routes, route, at, len);
        if (!p)
            return err_set(e, ERR_INVALID, "%.*s is not a known parameter", len < 60 ? (int)len : 60, at);
        if (!get(p, x, &words, value, sizeof value))
            return err_set(e, ERR_INVALID, "%s must be given once, with a valid value", p->name);
        int rc = check_one(p, value, e);
        if (rc)
            return rc;
    }
    return 0;
}

static json_t *schema_of_one(const struct api_param *p)
{
    switch (p->type) {
    case PARAM_NUMBER:
        return json_pack("{s:s,s:I,s:I}", "type", "integer", "minimum", (json_int_t)p->least, "maximum",
                         (json_int_t)p->most);
    case PARAM_TRUTH:
        return json_pack("{s:s}", "type", "boolean");
    case PARAM_TIME:
        return json_pack("{s:s,s:s}", "type", "string", "format", "date-time");
    case PARAM_ID:
        return json_pack("{s:s,s:o}", "type", "string", "pattern",
                         json_sprintf("^%s[0-7][" ULID_ALPHABET "]{%d}$", p->choices, ULID_LEN - 1));
    case PARAM_PATTERN:
        return json_pack("{s:s,s:s,s:I}", "type", "string", "pattern", p->choices, "maxLength",
                         (json_int_t)p->most);
    case PARAM_PATH:
        return json_pack("{s:s,s:s,s:I}", "type", "string", "pattern", "^/", "maxLength",
                         (json_int_t)p->most);
    case PARAM_TEXT:
    case PARAM_WORDS:
        break;
    }
    if (p->choices[0])
        return json_pack("{s:s,s:o}", "type", "string", "enum", choices_json(p->choices));
    return json_pack("{s:s,s:I,s:I}", "type", "string", "minLength", (json_int_t)p->least, "maxLength",
                     (json_int_t)p->most);
}

static json_t *schema_of(const struct api_param *p)
{
    json_t *one = schema_of_one(p);
    return p->type == PARAM_WORDS ? json_pack("{s:s,s:o}", "type", "array", "items", one) : one;
}

json_t *api_query_describe(const struct api_routes *routes, const struct api_route *route)
{
    json_t *out = json_array();
    for (size_t i = 0; i < routes->param_count; i++) {
        const struct api_param *p = &routes->param[i];
        if (p->route != route)
            continue;
        json_t *one = json_pack("{s:s,s:s,s:s,s:o}", "name", p->name, "in", "query", "description", p->help,
                                "schema", schema_of(p));
        if (p->type == PARAM_PATH)
            json_object_set_new(one, "required", json_true());
        json_array_append_new(out, one);
    }
    return out;
}
