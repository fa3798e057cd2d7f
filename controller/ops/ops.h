/*
 * The operations of the REST interface, one file a resource or act: each takes a call that is authenticated
 * and validated, and answers it once. The rows of api_routes.def name them.
 */
#ifndef CORRAL_CONTROLLER_OPS_OPS_H
#define CORRAL_CONTROLLER_OPS_OPS_H

#include "controller/controller_state.h"

#include <jansson.h>

#define ROUTE(op, method, path, who, schema, status, answer, summary, handler) api_op_fn handler;
#include "controller/api/api_routes.def"
#undef ROUTE

/* Who acts, for the audit row; borrows the call. */
struct db_actor ops_actor(const struct api_call *call);

/* The owner that a query is bound to: the caller, or NULL (everybody's) for an administrator. */
const char *ops_owner(const struct api_call *call);

/* Answers a call from what the database said: 200 with its JSON and e's notice, or the error. */
void ops_answer_json(void *arg, int code, const struct err *e, const char *json);
void ops_answer_created(void *arg, int code, const struct err *e, const char *json); /* 201 */
void ops_answer_gone(void *arg, int code, const struct err *e, const char *json);    /* 204 */

/* As ops_answer_json, with a link to the next page where there is one. */
void ops_answer_page(void *arg, int code, const struct err *e, const char *json, const char *next);

/* Answers with a problem of this code. */
void ops_fail(struct api_call *call, int code, const char *detail);

/* A new id: "usr_" or "key_" and 26 characters. */
void ops_new_id(const char prefix[static 4], char out[static 31]);

/*
 * heavy_read.c: runs a read that costs the database much, now or when its turn comes, or refuses it. run asks
 * c->reads, with cb and arg, once; cb answers the call.
 */
typedef void ops_read_fn(struct controller *c, struct api_call *call, db_page_cb *cb, void *arg);
void ops_read(struct controller *c, struct api_call *call, ops_read_fn *run);

/* Answers those that wait for their turn; call before the pool of reads goes. */
void ops_end_reads(struct controller *c);

/* Where a list goes on after; NULL: at its beginning. */
const char *ops_cursor(const struct api_call *call);

/* The path's {id}, or a 404: what is no id is nobody's sandbox. */
bool ops_sandbox_id(struct api_call *call, struct sandbox_id *id);

/*
 * inside.c: the path's sandbox, where the caller may work in it and it runs, and its node; else answers, now
 * or later, and returns false. An administrator says admin_access=true.
 */
bool ops_inside(struct controller *c, struct api_call *call, struct sandbox_id *id,
                char node[static NODE_NAME_MAX + 1]);

/* exec.c: of a body that validated: command, env, cwd, timeout_ms, and a token of its own. */
void ops_take_command(struct stream_start *start, const json_t *body);
/* stdin or stdin_base64; the caller frees it. NULL: neither. */
uint8_t *ops_take_input(const json_t *body, size_t *len);

/* Answers where the database takes no writes now: what becomes of a sandbox is then told by nobody. */
bool ops_fail_unwritten(struct controller *c, struct api_call *call, const char *what);

/* A call whose answer needs the controller besides; free() it. */
struct ops_call {
    struct controller *controller;
    struct api_call *call;
    struct sandbox_id id; /* where it is of one */
};
struct ops_call *ops_call_new(struct controller *c, struct api_call *call);

/* Answers an ops_call, freed: a user's limits and keys are remembered, and forgotten with the change. */
void ops_tenant_changed(void *arg, int code, const struct err *e, const char *json);

#endif
