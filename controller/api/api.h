/*
 * The front of the REST interface: it finds the route of a request, authenticates, holds it to its rates,
 * validates it, and hands it to the route's handler. The owner states the routes
 * (controller/api/api_route.h); their handlers answer, now or later, exactly once; what goes on for longer
 * than one body and one answer is in controller/api/api_stream.h. On the loop.
 */
#ifndef CORRAL_CONTROLLER_API_API_H
#define CORRAL_CONTROLLER_API_API_H

#include "common/base/histogram.h"
#include "common/http/http_server.h"
#include "controller/api/api_route.h"
#include "controller/core/caller.h"

#define API_QUERY_MAX   4200 /* longest value in a query: a path, of 4095 bytes */
#define KEY_QUERIES_MAX 20   /* look-ups of keys at once */

/* A request that is authenticated, allowed and validated. Valid until it is answered. */
struct api_call {
    struct http_exchange *exchange;
    const struct api_route *route;
    struct caller caller; /* all zero on an open route */
    char request_id[65];
    struct trace
        trace; /* of traceparent, and as it goes on from here; unknown where none that is valid came */
    char param[2][API_PARAM_MAX + 1]; /* values of the path's {…}, in order */
    unsigned limit;                   /* page size of a list: 1 to 200 */
    char cursor[1024];                /* "" for the first page */
    const char *body;                 /* the JSON text; "" where there is none */
    size_t body_len;
    void *request;               /* what the parser of the route's body made; freed with the call */
    const char *idempotency_key; /* NULL: none */
    const char *if_match;        /* NULL: none */
    bool respond_async;
    bool entered;         /* set by the owner: an administrator's entry into another's sandbox is recorded */
    bool resumed;         /* set by the owner: its sandbox was resumed for it */
    bool changed_nothing; /* set by the owner: a DELETE found its object gone already */
};

struct api;
struct key_query; /* an unanswered look-up */

/* A file that is served beside the routes. Borrowed; valid until the owner is asked for another. */
struct api_file {
    int status;
    const char *type, *headers; /* as of http_answer */
    const void *body;
    size_t len;
};

struct api_ops {
    const struct api_routes *routes;
    /* 0 where requests are served, else the error to answer. Not asked for open routes and the metrics. */
    int (*serving)(void *owner, struct err *e);
    /* Looks up the key with this public prefix in the database; the owner answers with api_key_found. */
    void (*find_key)(void *owner, const char *prefix, struct key_query *query);
    /* Optional: whether routes that work without the database are served although `serving` refuses. */
    bool (*serving_away)(void *owner);
    /* Optional: answers requests for paths that no route has, without a key and whatever `serving` says.
     * False: there is no such file. */
    bool (*find_file)(void *owner, const struct http_exchange *x, struct api_file *out);
    /* Optional: a request is refused with this code (negative). caller: all zero where nobody is known yet.
     */
    void (*refused)(void *owner, const struct caller *caller, int code);
};

struct api_conf {
    const char *address;
    uint16_t port;
    struct http_limits limits;
    uint64_t rate_per_second, rate_burst; /* of a key */
    uint64_t auth_failures_per_second,
        auth_failures_burst; /* for requests of one network without a valid key */
    struct tls_server *tls;  /* ownership passes to the API; NULL: plain HTTP */
    bool metrics_open;
    const char
        *cors_origins; /* origins whose pages may send requests, separated by commas; NULL: none. Copied */
};

/* Listens at once. Copies conf and ops, not the routes; takes conf's tls, even on failure. ERR_IO,
 * ERR_CONFIG. */
int api_new(struct api **out, struct loop *loop, const struct api_conf *conf, const struct api_ops *ops,
            void *owner, struct err *e) MUST_CHECK;

/*
 * Applies limits, rates, metrics_open and the certificate of conf; address and port stay. Takes conf's tls.
 */
void api_reload(struct api *api, const struct api_conf *conf);

/* Every call must have been answered before; such late answers are discarded. */
void api_free(struct api *api);

/*
 * Answers a look-up. code 0: caller, hash, and for how long the key is valid; ERR_UNAUTHENTICATED: no such
 * key; other codes: the database failed. At most KEY_QUERIES_MAX look-ups are unanswered at once.
 */
void api_key_found(struct key_query *query, int code, const struct err *e, const struct caller *caller,
                   const uint8_t sha256[32], bool expires, uint64_t remaining_ms);

/* Whether no change of the caller's key was told (api_forget_key) since the caller was looked up. */
bool api_key_is_current(const struct api *api, const struct caller *caller);

/*
 * A key was created, changed or revoked: forgets what is cached for this prefix ("*": for all), so that it is
 * looked up again.
 */
void api_forget_key(struct api *api, const char *prefix);

/*
 * Notices of changes may have been lost: every cached key is looked up again before it is used. Where the
 * database does not answer, it still counts as known.
 */
void api_doubt_keys(struct api *api);

/*
 * Sets the prefixes of all existing keys (text as of key_set_fill); look-ups of other prefixes are delayed.
 */
void api_know_keys(struct api *api, const char *prefixes);

/* Each function answers the call and frees it. headers as of http_answer. */
void api_answer_json(struct api_call *call, int status, const char *headers, const char *json);
/* 200 with a page of a list. next: the cursor of the next page, sent as a link; NULL: none. */
void api_answer_page(struct api_call *call, const char *json, const char *next);
/* Answers with an object plus a notice (NULL or "": none); the ETag is that of the object without it. */
void api_answer_noticed(struct api_call *call, int status, const char *json, const char *notice);
void api_answer_text(struct api_call *call, int status, const char *type, const char *text);
void api_answer_empty(struct api_call *call, int status, const char *headers);
void api_answer_err(struct api_call *call, const struct err *e);
/* Where a body validated and yet is refused (422), this pointer (RFC 6901) to its field goes with the error;
 * of api_answer_err it is the field that the sentence begins with, as "shm_bytes: …". */
void api_answer_err_at(struct api_call *call, const struct err *e, const char *pointer);
/* With further members of the problem document. Takes more (NULL: none). */
void api_answer_problem(struct api_call *call, const struct err *e, json_t *more);
/* 200 with the OpenAPI description. */
void api_answer_description(struct api_call *call);

/* Calls cb with the id of each key that was used since the last call. */
void api_take_used_keys(struct api *api, void (*cb)(void *arg, const char *key_id), void *arg);

struct api_stats {
    uint64_t requests;
    uint64_t answered[6];              /* by the first digit of the status */
    uint64_t refused[ERR_INDEX_COUNT]; /* index: -code */
    unsigned connections;
    uint64_t key_lookups;
};
struct api_stats api_stats(const struct api *api);

/*
 * How long answers took from the end of the request's head until the answer's head was written, by route and
 * by the first digit of the status. NULL: there was none. route: its index among the routes; their count:
 * requests without a route. Borrowed.
 */
extern const struct histogram_bounds api_bounds;
const struct histogram *api_times(const struct api *api, size_t route, int status_class);

#endif
