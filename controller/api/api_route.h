/*
 * What the owner of the API states of its routes, as tables that it hands to api_new: the API itself knows no
 * resource. Requests are found, checked and described (OpenAPI) by these rows. Everything is static.
 */
#ifndef CORRAL_CONTROLLER_API_API_ROUTE_H
#define CORRAL_CONTROLLER_API_API_ROUTE_H

#include "controller/api/api_schema.h"

#define API_PARAM_MAX 767 /* characters of a value of a path's {…} */

struct api_call;

/* Handles a call that is authenticated, allowed and validated; answers it now or later, exactly once. */
typedef void api_handler_fn(void *owner, struct api_call *call);

/* Who may ask. */
enum api_scope {
    API_OPEN,    /* anybody, without a key */
    API_METRICS, /* as API_ADMIN; as API_OPEN where metrics_open is configured */
    API_READ,    /* a key with this scope; write has exec in it */
    API_EXEC,
    API_WRITE,
    API_ADMIN, /* an administrator, by a key with this scope */
};

struct api_route {
    const char *name; /* SANDBOX_CREATE: the operationId is sandboxCreate */
    const char *method, *path;
    enum api_scope scope;
    const struct api_body *body;
    int status;         /* of a success; 101: the route answers nothing but an upgrade */
    const char *answer; /* an object of the description, "X[]" a page of them, "text", "text|X" (or a line of
                          JSON each, as the client accepts), "events|X" (Server-Sent Events of them), "bytes",
                          "tar", "object", "" */
    const char *summary;
    api_handler_fn *handler;

    /* Optional from here on. */
    const char *later; /* the object of a 202, where a success may be answered before it is carried out */
    bool async;        /* the caller may ask for that (Prefer: respond-async) */
    bool ungated; /* a GET that needs no read of the database, or waits long: it takes no place in the gate
                     of reads (call_gate.h) */
    bool streamed_body; /* the handler reads it by api_stream_body, up to a bound of its own; body is no_body
                         */
    bool streamed_answer;  /* the handler may begin one by api_stream_begin */
    const char *or_answer; /* what may come in place of answer; NULL: nothing */
    int also;              /* another status of a success, without a body; 0: none */
    bool ranges;           /* a part of the bytes may be asked for: 206 */
    const char *upgrade;   /* protocol to which the handler may switch the connection by api_stream_upgrade */
    bool without_database; /* it works while the database is away, for a key that was read within
                              CALLER_KNOWN_MS: nothing has to be committed before its answer */
};

enum api_param_type {
    PARAM_TEXT,
    PARAM_NUMBER,
    PARAM_TRUTH,
    PARAM_TIME,
    PARAM_ID,
    PARAM_PATTERN,
    PARAM_PATH,
    PARAM_WORDS, /* may stand there many times, each a PARAM_TEXT; one row of a route at most */
};

/* A parameter that may stand in the query of a route; all others are refused. */
struct api_param {
    const struct api_route *route;
    const char *name;
    enum api_param_type type;
    unsigned long least, most;
    const char *choices, *help;
};

struct api_routes {
    const struct api_route *route; /* the first row that fits a request is its route */
    size_t count;
    const struct api_param *param;
    size_t param_count;
    const char *objects; /* the description (JSON) but for its paths: the objects that routes answer; NULL:
                            no route answers the description */
    void (*describe)(json_t *schemas); /* adds what objects leaves to other tables; NULL: nothing */
};

#define API_ALLOW_MAX 64

/*
 * The route of a request, with the values of its path's {…}; HEAD goes where GET does. NULL with
 * ERR_NOT_FOUND, or with ERR_METHOD_NOT_ALLOWED and a line "Allow: …" in allow.
 */
const struct api_route *api_route_find(const struct api_routes *routes, const char *method, const char *path,
                                       char param[2][API_PARAM_MAX + 1], char allow[static API_ALLOW_MAX],
                                       struct err *e);

#define API_OPERATION_MAX 64

/* The route's operationId: SANDBOX_CREATE is sandboxCreate. */
void api_route_operation(const struct api_route *route, char out[static API_OPERATION_MAX]);

/* Whether the route takes a ticket in place of an API key: it has a parameter "ticket" (api_ticket.h). */
bool api_route_ticketed(const struct api_routes *routes, const struct api_route *route);

/* Whether the answer carries an ETag: objects that a PATCH changes do. */
bool api_route_tagged(const struct api_routes *routes, const struct api_route *route);

#endif
