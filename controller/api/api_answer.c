/* The API's answers: objects, pages, problem documents, and the headers that each carries. */
#include "controller/api/api_cors.h"
#include "controller/api/api_int.h"

#include "common/base/id.h"
#include "common/base/json_text.h"
#include "common/io/log.h"

#include <inttypes.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HOLD_MS        100
#define HELD_MAX       128 /* delayed refusals at once, for each user, or each network without a valid key */
#define PROBLEM_TYPE   "application/problem+json"
#define TYPE_HEADER    "X-Content-Type-Options: nosniff\r\n"
#define SAFETY_HEADERS TYPE_HEADER "Cache-Control: no-store\r\n"
#define LINK_MAX       2048
#define TLS_HEADERS    "Strict-Transport-Security: max-age=31536000\r\n"

static char *problem_text(int code, const char *detail, const char *request_id, json_t *more)
{
    json_t *problem =
        json_pack("{s:s,s:s,s:i,s:s,s:s,s:s}", "type", "about:blank", "title", err_title(code), "status",
                  err_status(code), "detail", detail, "code", err_name(code), "request_id", request_id);
    if (!problem) /* the detail is not UTF-8 */
        problem = json_pack("{s:s,s:i,s:s}", "title", err_title(code), "status", err_status(code), "code",
                            err_name(code));
    if (more)
        json_object_update(problem, more);
    json_decref(more);
    char *text = json_dumps(problem, JSON_COMPACT);
    json_decref(problem);
    return text;
}

void api_call_free(struct call *call)
{
    timer_stop(&call->hold);
    if (call->shared)
        call_share_return(&call->api->shares, call->public.caller.user_id);
    if (call->ticket.gate)
        call->leaves(call);
    if (call->public.request)
        call->public.route->body->free(call->public.request);
    free(call->body);
    free(call);
}

/* Some answers wait for the end of a command or for an event, so the last bounds are far from the others. */
const struct histogram_bounds api_bounds = {
    {5000, 10000, 25000, 50000, 100000, 250000, 500000, 1000000, 2500000, 10000000, 60000000}};

/* A sandbox's id is the only part of the path that is written: anything else is the client's own text. */
static void log_traced(const struct call *call, int status)
{
    const struct api_call *public = &call->public;
    char operation[API_OPERATION_MAX] = "none", mark[TRACE_MARK_MAX];
    struct sandbox_id id;
    if (!trace_known(&public->trace))
        return;
    if (public->route)
        api_route_operation(public->route, operation);
    bool named = sandbox_id_parse(public->param[0], &id);
    log_line(trace_sampled(&public->trace) ? LOG_INFO : LOG_DEBUG, "api",
             "%srequest=%s operation=%s status=%d ms=%" PRIu64 "%s%s", trace_mark(&public->trace, mark),
             public->request_id, operation, status, (loop_now_us() - call->since_us) / 1000,
             named ? " sandbox=" : "", named ? id.text : "");
}

static void count_answer(struct call *call, int status)
{
    struct api *api = call->api;
    const struct api_routes *routes = api->ops.routes;
    size_t route = call->public.route ? (size_t)(call->public.route - routes->route) : routes->count;
    if (status < 100 || status >= 600)
        return;
    api->stats.answered[status / 100]++;
    histogram_add(&api->times[route][status / 100], &api_bounds, loop_now_us() - call->since_us);
}

void api_answer_head(struct call *call, int status, const char *headers, char out[static API_HEADERS_MAX])
{
    struct api *api = call->api;
    struct http_exchange *x = call->public.exchange;
    char cors[CORS_HEADERS_MAX], trace[TRACE_TEXT_LEN + 32] = "";
    if (trace_known(&call->public.trace))
        snprintf(trace, sizeof trace, "traceresponse: %s\r\n", call->public.trace.text);
    api_note_miss(call, status);
    api_tell_rate(call);
    api_cors_headers(api->cors_origins, x, cors);
    snprintf(out, API_HEADERS_MAX, "X-Request-Id: %s\r\n%s" SAFETY_HEADERS "%s%s%s%s%s",
             call->public.request_id, trace, http_is_tls(x) ? TLS_HEADERS : "", call->rate, call->allow, cors,
             headers ? headers : "");
    count_answer(call, status);
    log_traced(call, status);
}

/* The size where a part was asked for that is not there; with "size" among the further members. */
static void range_header(const struct err *e, const json_t *more, char out[static 64])
{
    const json_t *size = e->code == ERR_RANGE ? json_object_get(more, "size") : NULL;
    out[0] = 0;
    if (size)
        snprintf(out, 64, "Content-Range: bytes */%lld\r\n", (long long)json_integer_value(size));
}

static void answer(struct api_call *public, int status, const char *type, const char *headers,
                   const char *text)
{
    char all[API_HEADERS_MAX];
    api_answer_head(api_call_of(public), status, headers, all);
    http_answer(public->exchange, status, type, all, text, strlen(text));
    api_call_free(api_call_of(public));
}

/* How long it may be kept, and by which rules it is shown, is the file's. */
void api_answer_file(struct call *call, const struct api_file *file)
{
    struct http_exchange *x = call->public.exchange;
    char all[API_HEADERS_MAX];
    snprintf(all, sizeof all, "X-Request-Id: %s\r\n" TYPE_HEADER "%s%s", call->public.request_id,
             http_is_tls(x) ? TLS_HEADERS : "", file->headers);
    call->api->stats.answered[file->status / 100]++;
    http_answer(x, file->status, file->type, all, file->body, file->len);
    api_call_free(call);
}

/* The ETag is strong, made of the object's text; the database computes the same for If-Match. */
static bool has_etag(struct api_call *call, int status)
{
    return status < 300 && call->route && api_route_tagged(api_call_of(call)->api->ops.routes, call->route);
}

static void etag(const char *json, char *out)
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

/* Copies the query without its cursor, and without the ticket, which is used up. */
static void other_parameters(const char *query, char *out, size_t size)
{
    size_t len = 0;
    for (const char *at = query; *at; at += strcspn(at, "&"), at += *at == '&') {
        int n = (int)strcspn(at, "&");
        if (n && strncmp(at, "cursor=", 7) && strncmp(at, "ticket=", 7) && len + (size_t)n + 2 < size)
            len += (size_t)snprintf(out + len, size - len, "%.*s&", n, at);
    }
    out[len] = 0;
}

/* The link to the next page (RFC 8288). Cursors need no escaping. */
void api_answer_page(struct api_call *call, const char *json, const char *next)
{
    char others[LINK_MAX / 2], link[LINK_MAX] = "";
    if (next) {
        other_parameters(http_query(call->exchange), others, sizeof others);
        snprintf(link, sizeof link, "Link: <%s?%scursor=%s>; rel=\"next\"\r\n", http_path(call->exchange),
                 others, next);
    }
    api_answer_json(call, 200, link, json);
}

void api_answer_json(struct api_call *call, int status, const char *headers, const char *json)
{
    char all[LINK_MAX + 256], tag[48] = "";
    if (has_etag(call, status))
        etag(json, tag);
    snprintf(all, sizeof all, "%s%s", headers ? headers : "", tag);
    answer(call, status, "application/json", all, json);
}

void api_answer_noticed(struct api_call *call, int status, const char *json, const char *notice)
{
    char tag[48];
    if (!notice || !notice[0]) {
        api_answer_json(call, status, NULL, json);
        return;
    }
    etag(json, tag);
    struct json_text object = {0};
    json_text_object(&object, NULL);
    json_text_members(&object, json);
    json_text_str(&object, "notice", notice);
    json_text_end(&object);
    answer(call, status, "application/json", tag, object.text.data);
    json_text_fini(&object);
}

void api_answer_text(struct api_call *call, int status, const char *type, const char *text)
{
    answer(call, status, type, NULL, text);
}

void api_answer_empty(struct api_call *call, int status, const char *headers)
{
    answer(call, status, NULL, headers, "");
}

/* Headers that every refusal of this code has; "" for none. */
static const char *headers_of(int code)
{
    return err_status(code) == 503 || code == ERR_RATE_LIMITED ? "Retry-After: 1\r\n"
           : err_status(code) == 401 ? "WWW-Authenticate: Bearer realm=\"corral\"\r\n"
           : code == ERR_UPGRADE_REQUIRED
               ? "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
               : "";
}

static void count_refused(struct api *api, const struct caller *caller, int code)
{
    api->stats.refused[-code]++;
    if (api->ops.refused)
        api->ops.refused(api->owner, caller, code);
}

void api_answer_problem(struct api_call *call, const struct err *e, json_t *more)
{
    char range[64];
    range_header(e, more, range);
    char *text = problem_text(e->code, e->text, call->request_id, more);
    if (e->code < 0 && -e->code < ERR_INDEX_COUNT)
        count_refused(api_call_of(call)->api, &call->caller, e->code);
    answer(call, err_status(e->code), PROBLEM_TYPE, range[0] ? range : headers_of(e->code), text);
    free(text);
}

/*
 * A caller past its rate, or guessing keys, is answered after a delay. That makes a flood cheap, since each
 * connection has one request at a time. So that many connections gain nothing, and delayed ones exclude
 * nobody, at most HELD_MAX refusals of one user or network are delayed; further ones are answered at once,
 * and their connection is closed, with everything else that was sent on it. Returns the user or network that
 * the delay counts for.
 */
static const char *held_for(const struct call *call)
{
    const char *user = call->public.caller.user_id;
    return user[0] ? user : http_network(call->public.exchange);
}

static void on_held(void *arg)
{
    struct call *call = arg;
    LIST_REMOVE(call, held);
    call_share_return(&call->api->held_shares, held_for(call));
    api_answer_err(&call->public, &call->refusal);
}

void api_answer_held(struct api_call *public, const struct err *e)
{
    struct call *call = api_call_of(public);
    if (!call_share_take(&call->api->held_shares, held_for(call), HELD_MAX)) {
        http_is_last(public->exchange);
        api_answer_err(public, e);
        return;
    }
    call->refusal = *e;
    LIST_INSERT_HEAD(&call->api->held, call, held);
    timer_start(&call->hold, call->api->loop, HOLD_MS, on_held, call);
}

void api_answers_end(struct api *api)
{
    struct call *call;
    while ((call = LIST_FIRST(&api->held))) {
        timer_stop(&call->hold);
        on_held(call);
    }
}

void api_answer_err_at(struct api_call *call, const struct err *e, const char *pointer)
{
    json_t *more = NULL;
    if (err_status(e->code) == 422 && api_call_of(call)->validated)
        more = json_pack("{s:[{s:s,s:s}]}", "errors", "pointer", pointer, "detail", e->text);
    api_answer_problem(call, e, more);
}

/* A pointer to the field that the sentence begins with, as in "violations/cpu_clear: …"; else to the whole
 * body. */
static void pointer_of(const struct err *e, char *out, size_t size)
{
    size_t len = strspn(e->text, "abcdefghijklmnopqrstuvwxyz_/");
    bool named = len && !strncmp(e->text + len, ": ", 2);
    snprintf(out, size, "%s%.*s", named ? "/" : "", named ? (int)len : 0, e->text);
}

/* An error about a validated body has a pointer, too, also when the database found it. */
void api_answer_err(struct api_call *call, const struct err *e)
{
    char pointer[sizeof e->text + 1];
    pointer_of(e, pointer, sizeof pointer);
    api_answer_err_at(call, e, pointer);
}

void api_new_request_id(char out[static 65])
{
    uint8_t random[12];
    if (RAND_bytes(random, sizeof random) != 1)
        abort();
    strcpy(out, "req_");
    for (size_t i = 0; i < sizeof random; i++)
        sprintf(out + 4 + 2 * i, "%02x", random[i]);
}

const char *api_server_problem(void *owner, int code, const char *detail, bool tls, const char **headers)
{
    struct api *api = owner;
    char id[65];
    api_new_request_id(id);
    snprintf(api->problem_headers, sizeof api->problem_headers, "X-Request-Id: %s\r\n" SAFETY_HEADERS "%s%s",
             id, tls ? TLS_HEADERS : "", headers_of(code));
    *headers = api->problem_headers;
    free(api->problem);
    api->problem = problem_text(code, detail, id, NULL);
    return api->problem;
}
