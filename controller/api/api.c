#include "controller/api/api.h"

#include "controller/api/api_openapi.h"
#include "controller/api/api_query.h"
#include "controller/api/api_schema.h"
#include "controller/api/rate_table.h"

#include "common/api_key.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/tls_server.h"

#include <openssl/evp.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#define KEYS_MAX       4096  /* remembered callers; the oldest goes first */
#define KEY_GOOD_MS    30000 /* then it is looked up again, should a notice have been lost */
#define PROBLEM_TYPE   "application/problem+json"
#define SAFETY_HEADERS "X-Content-Type-Options: nosniff\r\nCache-Control: no-store\r\n"
#define TLS_HEADERS    "Strict-Transport-Security: max-age=31536000\r\n"

enum who { OPEN, USER, ADMIN, METRICS };

struct route {
    const char *method, *path;
    enum who who;
    enum api_schema schema;
    const char *answer;
};
static const struct route routes[OP_COUNT] = {
#define ROUTE(op, method, path, who, schema, status, answer, summary)                                        \
    [OP_##op] = {method, path, who, SCHEMA_##schema, answer},
#include "controller/api/api_routes.def"
#undef ROUTE
};

/* A caller whose key was proved lately. Kept in the order of proof: uthash iterates as was added. */
struct known_key {
    char prefix[API_KEY_PREFIX_LEN + 1];
    uint8_t sha256[32];
    struct caller caller;
    uint64_t good_until_ms;
    bool used; /* since its use was last written down */
    UT_hash_handle hh;
};

struct api {
    struct loop *loop;
    struct http_server *server;
    struct api_ops ops;
    void *owner;
    struct rate_rule rate, failure_rate;
    struct known_key *keys;
    struct rate_table rates;             /* by key; outlives the key's being remembered */
    struct rate_table failures;          /* by network */
    char *problem, problem_headers[300]; /* of the server's own refusals, until the next one */
    bool metrics_open;
    char *openapi;
    struct api_stats stats;
};

struct key_query {
    struct api *api;
    struct api_call *call;
    uint8_t sha256[32];
    char prefix[API_KEY_PREFIX_LEN + 1];
};

/* What the call carries beside what its owner sees. */
struct call {
    struct api_call public; /* first */
    struct api *api;
    char *headers; /* rate limit */
};

static struct call *of(struct api_call *call)
{
    return (struct call *)(void *)call;
}

/* --- answers --- */

static char *problem_text(int code, const char *detail, const char *request_id, json_t *more)
{
    json_t *problem =
        json_pack("{s:s,s:s,s:i,s:s,s:s,s:s}", "type", "about:blank", "title", err_title(code), "status",
                  err_status(code), "detail", detail, "code", err_name(code), "request_id", request_id);
    if (!problem) /* a detail that is no UTF-8 */
        problem = json_pack("{s:s,s:i,s:s}", "title", err_title(code), "status", err_status(code), "code",
                            err_name(code));
    if (more)
        json_object_update(problem, more);
    json_decref(more);
    char *text = json_dumps(problem, JSON_COMPACT);
    json_decref(problem);
    return text;
}

static void call_free(struct call *call)
{
    sandbox_request_fini(&call->public.sandbox);
    free(call->headers);
    free(call);
}

static void answer(struct api_call *public, int status, const char *type, const char *headers,
                   const char *text)
{
    struct call *call = of(public);
    size_t len = strlen(text),
           room = 512 + (headers ? strlen(headers) : 0) + (call->headers ? strlen(call->headers) : 0);
    char *all = mem_zalloc(room);
    snprintf(all, room, "X-Request-Id: %s\r\n" SAFETY_HEADERS "%s%s%s", public->request_id,
             http_is_tls(public->exchange) ? TLS_HEADERS : "", call->headers ? call->headers : "",
             headers ? headers : "");
    http_answer(public->exchange, status, type, all, text, len);
    free(all);
    if (status >= 100 && status < 600)
        call->api->stats.answered[status / 100]++;
    call_free(call);
}

/* Objects that can be patched carry a strong tag of their text; the database makes the same for If-Match. */
static bool has_etag(const struct api_call *call, int status)
{
    static const char *const tagged[] = {"Sandbox", "User", "Tier"};
    for (size_t i = 0; status < 300 && i < ARRAY_LEN(tagged); i++) {
        if (!strcmp(routes[call->op].answer, tagged[i]))
            return true;
    }
    return false;
}

static void etag(const char *json, char out[static 48])
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned len = 0;
    if (!EVP_Digest(json, strlen(json), digest, &len, EVP_md5(), NULL))
        abort();
    strcpy(out, "ETag: \"");
    for (unsigned i = 0; i < len && i < 16; i++)
        sprintf(out + strlen(out), "%02x", digest[i]);
    strcat(out, "\"\r\n");
}

void api_answer_json(struct api_call *call, int status, const char *headers, const char *json)
{
    char all[256], tag[48];
    if (has_etag(call, status)) {
        etag(json, tag);
        snprintf(all, sizeof all, "%s%s", headers ? headers : "", tag);
        headers = all;
    }
    answer(call, status, "application/json", headers, json);
}

void api_answer_text(struct api_call *call, int status, const char *type, const char *text)
{
    answer(call, status, type, NULL, text);
}

void api_answer_empty(struct api_call *call, int status)
{
    answer(call, status, NULL, NULL, "");
}

/* Takes more. */
static void answer_problem(struct api_call *call, const struct err *e, json_t *more)
{
    char *text = problem_text(e->code, e->text, call->request_id, more);
    if (e->code < 0 && -e->code < ERR_INDEX_COUNT)
        of(call)->api->stats.refused[-e->code]++;
    const char *headers = err_status(e->code) == 503    ? "Retry-After: 1\r\n"
                          : e->code == ERR_RATE_LIMITED ? "Retry-After: 1\r\n"
                                                        : NULL;
    answer(call, err_status(e->code), PROBLEM_TYPE, headers, text);
    free(text);
}

void api_answer_err(struct api_call *call, const struct err *e)
{
    answer_problem(call, e, NULL);
}

void api_answer_quota(struct api_call *call, const char *scope, uint64_t limit, uint64_t used)
{
    static const char *const whose[][2] = {
        {"user", "you"}, {"api_key", "this API key"}, {"system", "the system"}};
    struct err e;
    const char *who = "the system";
    for (size_t i = 0; i < ARRAY_LEN(whose); i++) {
        if (!strcmp(whose[i][0], scope))
            who = whose[i][1];
    }
    (void)err_set(&e, ERR_QUOTA_EXCEEDED, "%s may have %llu live sandboxes, and %llu live now; end one first",
                  who, (unsigned long long)limit, (unsigned long long)used);
    answer_problem(
        call, &e,
        json_pack("{s:s,s:I,s:I}", "scope", scope, "limit", (json_int_t)limit, "used", (json_int_t)used));
}

static void new_request_id(char out[static 65])
{
    uint8_t random[12];
    if (RAND_bytes(random, sizeof random) != 1)
        abort();
    strcpy(out, "req_");
    for (size_t i = 0; i < sizeof random; i++)
        sprintf(out + 4 + 2 * i, "%02x", random[i]);
}

static const char *server_problem(void *owner, int code, const char *detail, bool tls, const char **headers)
{
    struct api *api = owner;
    char id[65];
    new_request_id(id);
    snprintf(api->problem_headers, sizeof api->problem_headers, "X-Request-Id: %s\r\n" SAFETY_HEADERS "%s",
             id, tls ? TLS_HEADERS : "");
    *headers = api->problem_headers;
    free(api->problem);
    api->problem = problem_text(code, detail, id, NULL);
    return api->problem;
}

/* --- the way of a request: route, caller, rate, body, operation --- */

/* Whether the path is of this form; its {…} go into param. */
static bool path_matches(const char *form, const char *path, char param[2][API_PARAM_MAX + 1])
{
    for (int n = 0; *form;) {
        if (*form != '{') {
            if (*form++ != *path++)
                return false;
            continue;
        }
        size_t len = strcspn(path, "/");
        if (!len || len > API_PARAM_MAX || n == 2)
            return false;
        memcpy(param[n], path, len);
        param[n++][len] = 0;
        path += len;
        form += strcspn(form, "}") + 1;
    }
    return !*path;
}

/* The route, or OP_COUNT with the error. HEAD goes where GET does. */
static enum api_op route_of(struct api_call *call, struct err *e)
{
    const char *method = http_method(call->exchange), *path = http_path(call->exchange);
    bool known = false;
    if (!strcmp(method, "HEAD"))
        method = "GET";
    for (int op = 0; op < OP_COUNT; op++) {
        if (!path_matches(routes[op].path, path, call->param))
            continue;
        if (!strcmp(routes[op].method, method))
            return (enum api_op)op;
        known = true;
    }
    if (known)
        (void)err_set(e, ERR_METHOD_NOT_ALLOWED, "%s is not allowed on this path", method);
    else
        (void)err_set(e, ERR_NOT_FOUND, "there is nothing at this path");
    return OP_COUNT;
}

static void take_request_id(struct api_call *call)
{
    static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
    const char *given = http_header(call->exchange, "x-request-id");
    if (given && given[0] && strlen(given) <= 64 && !given[strspn(given, allowed)]) {
        strcpy(call->request_id, given);
        return;
    }
    new_request_id(call->request_id);
}

/* The query was checked against the table of parameters. */
static void take_page(struct api_call *call)
{
    char text[16];
    call->limit = 50;
    if (http_query_get(call->exchange, "limit", text, sizeof text))
        call->limit = (unsigned)strtoul(text, NULL, 10);
    if (!http_query_get(call->exchange, "cursor", call->cursor, sizeof call->cursor))
        call->cursor[0] = 0;
}

static int take_body(struct call *call, json_t **errors, struct err *e)
{
    struct api_call *public = &call->public;
    enum api_schema schema = routes[public->op].schema;
    json_t *body;
    *errors = NULL;
    public->body = http_body(public->exchange, &public->body_len);
    if (schema == SCHEMA_NONE)
        return 0;
    const char *type = http_header(public->exchange, "content-type");
    if (type && strncasecmp(type, "application/json", 16))
        return err_set(e, ERR_UNSUPPORTED_MEDIA_TYPE, "the body must be application/json");
    if (!public->body_len && public->op == OP_SANDBOX_CREATE)
        return 0;
    int rc = api_schema_check(schema, public->body, public->body_len, &body, errors, e);
    if (rc)
        return rc;
    if (schema == SCHEMA_SANDBOX)
        api_sandbox_request(body, &public->sandbox);
    json_decref(body);
    return 0;
}

static int take_preferences(struct api_call *call, struct err *e)
{
    const char *prefer = http_header(call->exchange, "prefer");
    call->respond_async = prefer && strstr(prefer, "respond-async");
    call->idempotency_key = http_header(call->exchange, "idempotency-key");
    if (call->idempotency_key && (!call->idempotency_key[0] || strlen(call->idempotency_key) > 255))
        return err_set(e, ERR_INVALID, "Idempotency-Key must be 1 to 255 characters");
    call->if_match = http_header(call->exchange, "if-match");
    return 0;
}

static void run(struct call *call)
{
    struct api *api = call->api;
    json_t *errors = NULL;
    struct err e;
    int rc = api_query_check(call->public.op, call->public.exchange, &e);
    if (!rc)
        rc = take_preferences(&call->public, &e);
    if (!rc)
        rc = take_body(call, &errors, &e);
    take_page(&call->public);
    if (rc)
        answer_problem(&call->public, &e, errors ? json_pack("{s:o}", "errors", errors) : NULL);
    else if (call->public.op == OP_OPENAPI)
        api_answer_json(&call->public, 200, NULL, api->openapi);
    else
        api->ops.op[call->public.op](api->owner, &call->public);
}

static int allowed(const struct api_call *call, struct err *e)
{
    const struct route *route = &routes[call->op];
    uint32_t scope = strcmp(route->method, "GET") ? SCOPE_WRITE : SCOPE_READ;
    if (route->who >= ADMIN && !caller_is_admin(&call->caller))
        return err_set(e, ERR_FORBIDDEN, "this takes an administrator, and a key with the scope admin");
    if (route->who == USER && !(call->caller.scopes & scope))
        return err_set(e, ERR_FORBIDDEN, "the API key lacks the scope %s",
                       scope == SCOPE_READ ? "read" : "write");
    return 0;
}

/* Takes a token, and tells so in the headers of the answer. */
static bool take_token(struct call *call, struct rate_table *table, const char *name,
                       const struct rate_rule *rule)
{
    struct rate_answer got = rate_table_take(table, name, rule, loop_now_ms());
    call->headers = mem_zalloc(160);
    snprintf(call->headers, 160,
             "RateLimit-Limit: %llu\r\nRateLimit-Remaining: %llu\r\nRateLimit-Reset: %llu\r\n",
             (unsigned long long)rule->burst, (unsigned long long)got.remaining,
             (unsigned long long)got.reset_seconds);
    return got.allowed;
}

/* A DELETE is never held up: it is what makes room. */
static int within_rate(struct call *call, const char *prefix, struct err *e)
{
    struct api *api = call->api;
    if (take_token(call, &api->rates, prefix, &api->rate) ||
        !strcmp(http_method(call->public.exchange), "DELETE"))
        return 0;
    return err_set(e, ERR_RATE_LIMITED, "more than %llu requests a second; wait a second",
                   (unsigned long long)api->rate.per_second);
}

static void admit(struct call *call, const char *prefix, const struct caller *caller)
{
    struct err e;
    call->public.caller = *caller;
    int rc = within_rate(call, prefix, &e);
    if (!rc)
        rc = allowed(&call->public, &e);
    if (rc)
        api_answer_err(&call->public, &e);
    else
        run(call);
}

/* --- who asks --- */

static const char *key_of(const struct api_call *call)
{
    const char *key = http_header(call->exchange, "x-api-key");
    const char *bearer = http_header(call->exchange, "authorization");
    if (!key && bearer && !strncasecmp(bearer, "bearer ", 7))
        key = bearer + 7;
    return key;
}

/* Who guesses is counted by network; whoever has a key is not, whatever others do at the same address. */
static void refuse_key(struct api_call *public)
{
    struct call *call = of(public);
    struct api *api = call->api;
    struct err e;
    if (take_token(call, &api->failures, http_network(public->exchange), &api->failure_rate))
        (void)err_set(&e, ERR_UNAUTHENTICATED, "send a valid API key as X-API-Key");
    else
        (void)err_set(
            &e, ERR_RATE_LIMITED,
            "more than %llu requests a second without a valid API key from this address; wait a second",
            (unsigned long long)api->failure_rate.per_second);
    api_answer_err(public, &e);
}

static void remember(struct api *api, const struct key_query *q, const struct caller *caller,
                     uint64_t good_ms)
{
    struct known_key *key;
    api_forget_key(api, q->prefix);
    if (HASH_COUNT(api->keys) >= KEYS_MAX)
        api_forget_key(api, api->keys->prefix);
    key = mem_zalloc(sizeof *key);
    memcpy(key->prefix, q->prefix, sizeof key->prefix);
    memcpy(key->sha256, q->sha256, sizeof key->sha256);
    key->caller = *caller;
    key->used = true;
    key->good_until_ms = loop_now_ms() + good_ms;
    HASH_ADD_STR(api->keys, prefix, key);
}

void api_key_found(struct key_query *q, int code, const struct err *e, const struct caller *caller,
                   const uint8_t sha256[32], bool expires, uint64_t remaining_ms)
{
    struct call *call = of(q->call);
    if (code && code != ERR_UNAUTHENTICATED) {
        api_answer_err(q->call, e);
    } else if (code || !api_key_same(q->sha256, sha256)) {
        refuse_key(q->call);
    } else {
        uint64_t good = expires && remaining_ms < KEY_GOOD_MS ? remaining_ms : KEY_GOOD_MS;
        remember(call->api, q, caller, good);
        admit(call, q->prefix, caller);
    }
    free(q);
}

static void authenticate(struct call *call)
{
    struct api *api = call->api;
    const char *key = key_of(&call->public);
    struct key_query query = {.api = api, .call = &call->public};
    if (!key || !api_key_prefix(key, query.prefix)) {
        refuse_key(&call->public);
        return;
    }
    api_key_sha256(key, query.sha256);
    struct known_key *known;
    HASH_FIND_STR(api->keys, query.prefix, known);
    if (known && loop_now_ms() < known->good_until_ms) {
        if (!api_key_same(known->sha256, query.sha256)) {
            refuse_key(&call->public);
            return;
        }
        struct caller caller = known->caller;
        known->used = true;
        admit(call, query.prefix, &caller);
        return;
    }
    struct key_query *asked = mem_dup(&query, sizeof query);
    api->ops.find_key(api->owner, asked->prefix, asked);
}

static bool is_open(const struct api *api, enum api_op op)
{
    return routes[op].who == OPEN || (routes[op].who == METRICS && api->metrics_open);
}

static void on_request(void *owner, struct http_exchange *x)
{
    struct api *api = owner;
    struct call *call = mem_zalloc(sizeof *call);
    struct err e;
    call->api = api;
    call->public.exchange = x;
    api->stats.requests++;
    take_request_id(&call->public);
    call->public.op = route_of(&call->public, &e);
    if (call->public.op == OP_COUNT)
        api_answer_err(&call->public, &e);
    else if (is_open(api, call->public.op))
        run(call);
    else
        authenticate(call);
}

/* --- life --- */

void api_forget_key(struct api *api, const char *prefix)
{
    struct known_key *key, *next;
    HASH_ITER(hh, api->keys, key, next)
    {
        if (strcmp(prefix, "*") && strcmp(prefix, key->prefix))
            continue;
        HASH_DEL(api->keys, key);
        free(key);
    }
}

int api_new(struct api **out, struct loop *loop, const struct api_conf *conf, const struct api_ops *ops,
            void *owner, struct err *e)
{
    static const struct http_server_ops server_ops = {.on_request = on_request, .problem = server_problem};
    struct api *api = mem_zalloc(sizeof *api);
    api->loop = loop;
    api->ops = *ops;
    api->owner = owner;
    api->rate = (struct rate_rule){conf->rate_per_second, conf->rate_burst};
    api->failure_rate = (struct rate_rule){conf->auth_failures_per_second, conf->auth_failures_burst};
    api->metrics_open = conf->metrics_open;
    int rc =
        http_server_new(&api->server, loop, conf->address, conf->port, &conf->limits, &server_ops, api, e);
    if (rc) {
        tls_server_free(conf->tls);
        free(api);
        return rc;
    }
    http_server_set_tls(api->server, conf->tls);
    api->openapi = api_openapi_text();
    *out = api;
    return 0;
}

void api_reload(struct api *api, const struct api_conf *conf)
{
    api->rate = (struct rate_rule){conf->rate_per_second, conf->rate_burst};
    api->failure_rate = (struct rate_rule){conf->auth_failures_per_second, conf->auth_failures_burst};
    api->metrics_open = conf->metrics_open;
    http_server_set_limits(api->server, &conf->limits);
    http_server_set_tls(api->server, conf->tls);
}

void api_free(struct api *api)
{
    if (!api)
        return;
    http_server_free(api->server);
    api_forget_key(api, "*");
    rate_table_fini(&api->rates);
    rate_table_fini(&api->failures);
    free(api->problem);
    free(api->openapi);
    free(api);
}

void api_take_used_keys(struct api *api, void (*cb)(void *arg, const char *key_id), void *arg)
{
    struct known_key *key, *next;
    HASH_ITER(hh, api->keys, key, next)
    {
        if (key->used)
            cb(arg, key->caller.key_id);
        key->used = false;
    }
}

struct api_stats api_stats(const struct api *api)
{
    struct api_stats stats = api->stats;
    stats.connections = http_server_connections(api->server);
    return stats;
}
