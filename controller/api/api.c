#include "controller/api/api_int.h"

#include "controller/api/api_cors.h"
#include "controller/api/api_openapi.h"
#include "controller/api/api_prefer.h"
#include "controller/api/api_query.h"
#include "controller/api/api_stream.h"

#include "common/base/mem.h"
#include "common/base/utf8.h"
#include "common/io/tls_server.h"

#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- steps of a request: route, caller, rate, body, operation --- */

static void take_request_id(struct api_call *call)
{
    static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
    const char *given = http_header(call->exchange, "x-request-id");
    if (given && given[0] && strlen(given) <= 64 && !given[strspn(given, allowed)]) {
        strcpy(call->request_id, given);
        return;
    }
    api_new_request_id(call->request_id);
}

/* Malformed ones are none. What this request causes names it as its parent. */
static void take_trace(struct api_call *call)
{
    uint8_t span[TRACE_SPAN_LEN];
    if (!trace_parse(http_header(call->exchange, "traceparent"), &call->trace))
        return;
    if (RAND_bytes(span, sizeof span) != 1)
        abort();
    span[0] |= 1; /* never all zero */
    trace_continue(&call->trace, span);
}

/* Takes limit and cursor; the query was checked before, against the table of parameters. */
static void take_page(struct api_call *call)
{
    char text[16];
    call->limit = 50;
    if (http_query_get(call->exchange, "limit", text, sizeof text))
        call->limit = (unsigned)strtoul(text, NULL, 10);
    if (!http_query_get(call->exchange, "cursor", call->cursor, sizeof call->cursor))
        call->cursor[0] = 0;
}

/* No type counts as JSON; a parameter such as charset may follow. */
static bool is_json(const char *type)
{
    static const char json[] = "application/json";
    return !type || (!strncasecmp(type, json, sizeof json - 1) &&
                     (!type[sizeof json - 1] || strchr("; \t", type[sizeof json - 1])));
}

static bool is_as_it_is(const char *coding)
{
    return !coding || !coding[0] || !strcasecmp(coding, "identity");
}

/* Keeps what the handler gets of a validated body, normalised: 6e1 is now 60. */
static void keep_body(struct call *call, const struct api_body *schema, const json_t *body)
{
    struct api_call *public = &call->public;
    if (schema->parse)
    public->request = schema->parse(body);
    call->validated = true;
    public->body = call->body = json_dumps(body, JSON_COMPACT);
    public->body_len = strlen(public->body);
}

static int take_body(struct call *call, json_t **errors, struct err *e)
{
    struct api_call *public = &call->public;
    const struct api_body *schema = public->route->body;
    json_t *body;
    public->body = http_body(public->exchange, &public->body_len);
    if (public->route->streamed_body || (schema == &no_body && !strcmp(public->route->method, "GET")))
        return 0;
    if (!public->body_len && schema->optional) {
        body = json_object();
        public->request = schema->parse ? schema->parse(body) : NULL;
        json_decref(body);
        return 0;
    }
    if (!is_json(http_header(public->exchange, "content-type")))
        return err_set(e, ERR_UNSUPPORTED_MEDIA_TYPE, "the body must be application/json");
    if (!is_as_it_is(http_header(public->exchange, "content-encoding")))
        return err_set(e, ERR_UNSUPPORTED_MEDIA_TYPE, "the body must be sent without a Content-Encoding");
    int rc = api_schema_check(schema, public->body, public->body_len, &body, errors, e);
    if (rc)
        return rc;
    keep_body(call, schema, body);
    json_decref(body);
    return 0;
}

static int take_preferences(struct api_call *call, struct err *e)
{
    const char *key = http_header(call->exchange, "idempotency-key");
    call->respond_async = api_prefers(http_header(call->exchange, "prefer"), "respond-async");
    call->idempotency_key = key;
    if (key && (!utf8_valid(key) || !key[0] || utf8_count(key) > 255))
        return err_set(e, ERR_INVALID, "Idempotency-Key must be 1 to 255 characters of UTF-8");
    call->if_match = http_header(call->exchange, "if-match");
    return 0;
}

/* Refuses a call without an upgrade if the route answers nothing else; other routes leave it to the handler.
 */
static int check_upgrade(const struct api_call *call, struct err *e)
{
    if (call->route->status != 101 || api_stream_may_upgrade(call))
        return 0;
    return err_set(e, ERR_BAD_REQUEST, "this path takes nothing but an upgrade of HTTP/1.1 to %s",
                   call->route->upgrade);
}

static void run(struct call *call)
{
    struct api_call *public = &call->public;
    json_t *errors = NULL;
    struct err e;
    int rc = api_query_check(call->api->ops.routes, public->route, public->exchange, &e);
    if (!rc)
        rc = take_preferences(public, &e);
    if (!rc)
        rc = check_upgrade(public, &e);
    if (!rc)
        rc = take_body(call, &errors, &e);
    take_page(public);
    if (rc)
        api_answer_problem(public, &e, errors ? json_pack("{s:o}", "errors", errors) : NULL);
    else
    public->route->handler(call->api->owner, public);
}

static void on_body(void *arg, bool whole)
{
    if (whole)
        run(arg);
    else
        api_call_free(arg);
}

/*
 * The body is read only after the caller is known; where the route takes none, it is discarded. A body in
 * pieces is read by its handler.
 */
static void read_body(struct call *call, bool keep)
{
    if (call->public.route->streamed_body || !http_has_body(call->public.exchange))
        run(call);
    else if (!http_read_body(call->public.exchange, keep, on_body, call))
        api_call_free(call);
}

static struct call *call_of(struct call_ticket *ticket)
{
    return (struct call *)(void *)((char *)ticket - offsetof(struct call, ticket));
}

static struct call_ticket *take_begun(struct api *api)
{
    struct call_ticket *ticket = STAILQ_FIRST(&api->begins);
    if (ticket)
        STAILQ_REMOVE_HEAD(&api->begins, link);
    return ticket;
}

static void on_begins(void *arg)
{
    struct api *api = arg;
    STAILQ_HEAD(, call_ticket) now = STAILQ_HEAD_INITIALIZER(now);
    struct call_ticket *ticket;
    STAILQ_CONCAT(&now, &api->begins); /* reads that these make room for begin in the next turn */
    while ((ticket = STAILQ_FIRST(&now))) {
        STAILQ_REMOVE_HEAD(&now, link);
        read_body(call_of(ticket), true);
    }
}

static void leave_gate(struct call *call)
{
    struct api *api = call->api;
    struct call_ticket *next = call_gate_leave(&api->gates, &call->ticket);
    if (!next)
        return;
    STAILQ_INSERT_TAIL(&api->begins, next, link);
    later_call(&api->begin, api->loop, on_begins, api);
}

static void end_waiting(struct api *api)
{
    struct call_ticket *ticket;
    struct err e;
    (void)err_set(&e, ERR_DATABASE_UNAVAILABLE, "the controller is stopping; try again");
    while ((ticket = take_begun(api)) || (ticket = call_gate_waiting(&api->gates)))
        api_answer_err(&call_of(ticket)->public, &e);
    later_cancel(&api->begin);
}

/*
 * Whether the route only reads the database, and so goes through the gate, until a stream begins. Routes that
 * wait for a node or an event do not occupy the database.
 */
static bool is_read(const struct api_route *route)
{
    return !strcmp(route->method, "GET") && !route->ungated;
}

static void admit(struct call *call, const struct caller *caller)
{
    struct err e;
    call->public.caller = *caller;
    call->public.caller.trace = call->public.trace;
    call->leaves = leave_gate;
    http_charge(call->public.exchange, call->prefix);
    if (api_within_rate(call, &e))
        api_answer_held(&call->public, &e);
    else if (api_scope_check(call->public.route, &call->public.caller, &e))
        api_answer_err(&call->public, &e);
    else if (!is_read(call->public.route) ||
             call_gate_enter(&call->api->gates, call->public.caller.user_id, &call->ticket))
        read_body(call, true);
}

static bool is_open(const struct api *api, const struct api_route *route)
{
    return route->scope == API_OPEN || (route->scope == API_METRICS && api->metrics_open);
}

/* A body in pieces is bounded by what takes it. */
static uint64_t body_max(void *owner, const struct http_exchange *x)
{
    struct api *api = owner;
    char param[2][API_PARAM_MAX + 1], allow[API_ALLOW_MAX];
    struct err e;
    const struct api_route *route =
        http_has_body(x) ? api_route_find(api->ops.routes, http_method(x), http_path(x), param, allow, &e)
                         : NULL;
    return route && route->streamed_body ? UINT64_MAX : api->body_bytes;
}

static void on_head(void *owner, struct http_exchange *x)
{
    struct api *api = owner;
    struct call *call = mem_zalloc(sizeof *call);
    char cors[CORS_HEADERS_MAX];
    struct api_file file;
    struct err e;
    call->api = api;
    call->public.exchange = x;
    call->since_us = loop_now_us();
    api->stats.requests++;
    take_request_id(&call->public);
    take_trace(&call->public);
    if (api_cors_preflight(api->cors_origins, x, cors)) {
        api_answer_empty(&call->public, 204, cors);
        return;
    }
    if (!strcmp(http_path(x), "*")) { /* OPTIONS for the whole server (RFC 9110 section 9.3.7) */
        api_answer_empty(&call->public, 204, "Allow: GET, HEAD, POST, PUT, PATCH, DELETE\r\n");
        return;
    }
    call->public.route =
        api_route_find(api->ops.routes, http_method(x), http_path(x), call->public.param, call->allow, &e);
    if (!call->public.route && e.code == ERR_NOT_FOUND && api->ops.find_file &&
        api->ops.find_file(api->owner, x, &file))
        api_answer_file(call, &file);
    else if (!call->public.route)
        api_answer_err(&call->public, &e);
    else if (is_open(api, call->public.route))
        read_body(call, false);
    else
        api_authenticate(call, admit);
}

/* --- life --- */

#define SHARE 4 /* one user's requests may occupy one part in this many of all connections */

static void take_conf(struct api *api, const struct api_conf *conf)
{
    api->share_max = conf->limits.connections / SHARE;
    api->rate = (struct rate_rule){conf->rate_per_second, conf->rate_burst};
    api->failure_rate = (struct rate_rule){conf->auth_failures_per_second, conf->auth_failures_burst};
    api->metrics_open = conf->metrics_open;
    api->body_bytes = conf->limits.body_bytes;
    free(api->cors_origins);
    api->cors_origins = mem_strdup(conf->cors_origins);
}

void api_answer_description(struct api_call *call)
{
    api_answer_json(call, 200, NULL, api_call_of(call)->api->openapi);
}

int api_new(struct api **out, struct loop *loop, const struct api_conf *conf, const struct api_ops *ops,
            void *owner, struct err *e)
{
    static const struct http_server_ops server_ops = {
        .on_head = on_head, .body_max = body_max, .problem = api_server_problem};
    struct api *api = mem_zalloc(sizeof *api);
    api->loop = loop;
    api->ops = *ops;
    api->owner = owner;
    TAILQ_INIT(&api->waiting);
    STAILQ_INIT(&api->begins);
    ticket_table_init(&api->tickets);
    take_conf(api, conf);
    int rc =
        http_server_new(&api->server, loop, conf->address, conf->port, &conf->limits, &server_ops, api, e);
    if (rc) {
        tls_server_free(conf->tls);
        free(api);
        return rc;
    }
    http_server_set_tls(api->server, conf->tls);
    api->times = mem_zalloc((ops->routes->count + 1) * sizeof *api->times);
    api->openapi = ops->routes->objects ? api_openapi_text(ops->routes) : NULL;
    *out = api;
    return 0;
}

void api_reload(struct api *api, const struct api_conf *conf)
{
    take_conf(api, conf);
    http_server_set_limits(api->server, &conf->limits);
    http_server_set_tls(api->server, conf->tls);
}

void api_free(struct api *api)
{
    if (!api)
        return;
    http_server_free(api->server);
    api_answers_end(api);
    api_keys_end(api);
    end_waiting(api);
    ticket_table_fini(&api->tickets);
    rate_table_fini(&api->rates);
    rate_table_fini(&api->failures);
    rate_table_fini(&api->misses);
    free(api->cors_origins);
    free(api->problem);
    free(api->openapi);
    free(api->times);
    free(api);
}

struct api_stats api_stats(const struct api *api)
{
    struct api_stats stats = api->stats;
    stats.connections = http_server_connections(api->server);
    return stats;
}

const struct histogram *api_times(const struct api *api, size_t route, int status_class)
{
    const struct histogram *times = &api->times[route][status_class];
    return times->count ? times : NULL;
}
