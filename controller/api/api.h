/*
 * The REST interface: routes, authentication, validation, problem documents. What a request means is the
 * owner's: each route is an operation that the owner fills in and answers later, exactly once. On the loop.
 */
#ifndef CORRAL_CONTROLLER_API_API_H
#define CORRAL_CONTROLLER_API_API_H

#include "common/http/http_server.h"
#include "controller/core/caller.h"
#include "controller/core/sandbox_request.h"

enum api_op {
#define ROUTE(op, method, path, who, schema, status, answer, summary, handler) OP_##op,
#include "controller/api/api_routes.def"
#undef ROUTE
    OP_COUNT
};

#define API_PARAM_MAX   127
#define API_QUERY_MAX   1700 /* a value of a query: the longest text, of characters of four bytes */
#define KEY_QUERIES_MAX 20   /* look-ups of keys at once */

/* A request that is authenticated, allowed and validated. Valid until it is answered. */
struct api_call {
    struct http_exchange *exchange;
    enum api_op op;
    struct caller caller; /* all zero on an open route */
    char request_id[65];
    char param[2][API_PARAM_MAX + 1]; /* the values of the path's {…}, in order */
    unsigned limit;                   /* of a list: 1 to 200 */
    char cursor[1024];                /* "" for the first page */
    const char *body;                 /* the JSON text; "" where there is none */
    size_t body_len;
    struct sandbox_request sandbox; /* OP_SANDBOX_CREATE */
    bool dry_run;                   /* OP_SYSTEM_CLEANUP */
    const char *idempotency_key;    /* NULL: none */
    const char *if_match;           /* NULL: none */
    bool respond_async;
    bool changed_nothing; /* set by the owner: what a DELETE was for was so already */
};

struct api;
struct key_query; /* a look-up that is owed an answer */

typedef void api_op_fn(void *owner, struct api_call *call);

struct api_ops {
    api_op_fn *op[OP_COUNT];
    /* Whether requests are served: all but those of open routes and the metrics. 0, or the error to answer.
     */
    int (*serving)(void *owner, struct err *e);
    /* Asks the database for the key with this public prefix; answered by api_key_found. */
    void (*find_key)(void *owner, const char *prefix, struct key_query *query);
};

struct api_conf {
    const char *address;
    uint16_t port;
    struct http_limits limits;
    uint64_t rate_per_second, rate_burst;                   /* of a key */
    uint64_t auth_failures_per_second, auth_failures_burst; /* of a network, without a valid key */
    struct tls_server *tls;                                 /* taken; NULL: plain HTTP */
    bool metrics_open;
    const char *cors_origins; /* whose pages may ask, with commas between; NULL: nobody's. Copied */
};

/* Listens at once. Copies conf (takes its tls, also where it fails) and ops. ERR_IO, ERR_CONFIG. */
int api_new(struct api **out, struct loop *loop, const struct api_conf *conf, const struct api_ops *ops,
            void *owner, struct err *e) MUST_CHECK;

/* Limits, rates, metrics_open and the certificate from now on; address and port stay. Takes conf's tls. */
void api_reload(struct api *api, const struct api_conf *conf);

/* Calls that are not answered are still to be answered (into nothing) before this. */
void api_free(struct api *api);

/* code 0: caller, hash and how long it is good; ERR_UNAUTHENTICATED: no such key; else the database's
 * trouble. At most KEY_QUERIES_MAX of these are owed at once. */
void api_key_found(struct key_query *query, int code, const struct err *e, const struct caller *caller,
                   const uint8_t sha256[32], bool expires, uint64_t remaining_ms);

/* A key was made, changed or revoked: what is remembered of this prefix ("*": of all) is looked up again. */
void api_forget_key(struct api *api, const char *prefix);

/* The prefixes of all keys that there are (key_set_fill's text): no others are looked up at once. */
void api_know_keys(struct api *api, const char *prefixes);

/* Each answers the call and frees it. headers as of http_answer. */
void api_answer_json(struct api_call *call, int status, const char *headers, const char *json);
/* 200 with a page of a list; next: the next page's cursor, for a link to it (NULL: there is none). */
void api_answer_page(struct api_call *call, const char *json, const char *next);
/* 200 with an object to which a notice is added, where there is one (NULL or "": none); its ETag is without.
 */
void api_answer_noticed(struct api_call *call, int status, const char *json, const char *notice);
void api_answer_text(struct api_call *call, int status, const char *type, const char *text);
void api_answer_empty(struct api_call *call, int status, const char *headers);
void api_answer_err(struct api_call *call, const struct err *e);
/* 200 with the OpenAPI description. */
void api_answer_description(struct api_call *call);
/* quota_exceeded with its figures. */
void api_answer_quota(struct api_call *call, const char *scope, uint64_t limit, uint64_t used);

/* Calls cb with the id of each key that was used since the last call. */
void api_take_used_keys(struct api *api, void (*cb)(void *arg, const char *key_id), void *arg);

struct api_stats {
    uint64_t requests;
    uint64_t answered[6];              /* by the first digit of the status */
    uint64_t refused[ERR_INDEX_COUNT]; /* by the code, as -code */
    unsigned connections;
    uint64_t key_lookups;
};
struct api_stats api_stats(const struct api *api);

#endif
