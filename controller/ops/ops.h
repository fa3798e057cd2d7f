/*
 * What the handlers of the REST interface share: one file a resource or act. The rows of routes.def name the
 * handlers; each takes a call that is authenticated, allowed and validated, and answers it once.
 */
#ifndef CORRAL_CONTROLLER_OPS_OPS_H
#define CORRAL_CONTROLLER_OPS_OPS_H

#include "controller/controller_state.h"
#include "controller/ops/routes.h"

#include "common/base/json_text.h"

#include <jansson.h>

/* Who acts, for the audit row; borrows the call. */
struct db_actor ops_actor(const struct api_call *call);

/* The owner that a query is bound to: the caller, or NULL (everybody's) for an administrator. */
const char *ops_owner(const struct api_call *call);

/* Answers a call with the database's result: 200 with its JSON and e's notice, or the error. */
void ops_answer_json(void *arg, int code, const struct err *e, const char *json);
void ops_answer_created(void *arg, int code, const struct err *e, const char *json); /* 201 */
void ops_answer_gone(void *arg, int code, const struct err *e, const char *json);    /* 204 */

/* As ops_answer_json, with a link to the next page where there is one. */
void ops_answer_page(void *arg, int code, const struct err *e, const char *json, const char *next);

/* Answers with a problem of this code. */
void ops_fail(struct api_call *call, int code, const char *detail);

/*
 * end_reason.c: asks why a sandbox whose node has told of its end did end. cb is called once, not inside the
 * call; reason is borrowed, NULL where it is not known.
 */
typedef void ops_end_reason_cb(void *arg, const char *reason);
void ops_end_reason(struct controller *controller, const struct sandbox_id *id, ops_end_reason_cb *cb,
                    void *arg);

/* How large the warm pool is to be, by this configuration. */
struct warm_policy ops_warm_policy(const struct ctl_conf *conf);

/* A new id: "usr_" or "key_" and 26 characters. */
void ops_new_id(const char prefix[static 4], char out[static 31]);

/*
 * heavy_read.c: runs an expensive read, now or when its turn comes, or refuses it. run is called once and
 * queries c->reads with cb and arg; cb answers the call.
 */
typedef void ops_read_fn(struct controller *c, struct api_call *call, db_page_cb *cb, void *arg);
void ops_read(struct controller *c, struct api_call *call, ops_read_fn *run);

/* image.c: answers the prunes that wait for nodes; call before freeing the pool. */
void ops_image_prunes_end(struct controller *c);

/* Answers the reads that wait for their turn; call before freeing the pool of reads. */
void ops_end_reads(struct controller *c);

/* The cursor of a list; NULL: from its start. */
const char *ops_cursor(const struct api_call *call);

/* Parses the path's {id}; where it is not a valid id, answers 404 and returns false. */
bool ops_sandbox_id(struct api_call *call, struct sandbox_id *id);

/*
 * inside.c: whether the call asks to enter another user's sandbox (admin_access=true). 403 and false in *good
 * where the caller is no administrator.
 */
bool ops_wants_entry(struct api_call *call, bool *good);

/*
 * Records the entry, then calls the route's handler again, with call->entered; or answers why not. So a
 * handler does nothing before it has asked for entry. logs: the call reads them, which needs no sandbox that
 * runs.
 */
void ops_enter(struct controller *c, struct api_call *call, const struct sandbox_id *id, bool logs);

/* Answers 404: the sandbox is another user's. An administrator is told how to enter. */
void ops_fail_foreign(struct api_call *call);

/*
 * sandbox_change.c: resumes the sandbox, then calls the route's handler again, with call->resumed; or answers
 * why not.
 */
void ops_resume_first(struct controller *c, struct api_call *call, const struct sandbox_id *id);

/*
 * Finds the path's sandbox and its node, if the caller may work in it and it is running. Otherwise answers
 * the call, or has its handler called again (ops_enter, ops_resume_first), and returns false.
 */
bool ops_inside(struct controller *c, struct api_call *call, struct sandbox_id *id,
                char node[static NODE_NAME_MAX + 1]);

/*
 * inside.c: records what the call has begun inside a sandbox (controller/db/db_activity.h). program: of what
 * it started; path, path_to: of files; each NULL where there is none. Never arguments or contents.
 */
void ops_note_act(struct controller *c, const struct api_call *call, const struct sandbox_id *id,
                  const char *program, const char *path, const char *path_to);

/* sandbox_read.c: looks the path's sandbox up, live or ended: cb gets an ops_call that it frees, with the
 * sandbox's id; code ERR_NOT_FOUND where the caller may not see it. */
void ops_with_owner(struct controller *c, struct api_call *call, db_json_cb *cb);

/* sandbox_read.c: what a live sandbox uses, as JSON. False: there is no sample of the last seconds. */
bool ops_stats_now(struct controller *c, const struct sandbox_id *id, const struct cluster_state_view *view,
                   char out[static STATS_JSON_MAX]);

/* text.c: whether bytes are UTF-8. */
bool ops_is_text(const void *bytes, size_t len);
/* Adds bytes as `name`, or in base64 as `name`_base64 where they are not UTF-8. */
void ops_put_bytes(struct json_text *json, const char *name, const void *bytes, size_t len);

/* process.c: parses the path's {pid}; where it is no process's number, answers 404 and returns false. */
bool ops_process_pid(struct api_call *call, int32_t *pid);

/*
 * log_drop.c: removes the logs of a sandbox from its node, then answers the call: as success says (204, or
 * 202 with the sandbox), or that they could not be removed. Takes the call.
 */
void ops_drop_logs(struct controller *c, struct api_call *call, const struct sandbox_id *id,
                   const char *json);

/*
 * If the database takes no writes, answers the call (what happens to the sandbox cannot be known) and returns
 * true. what: the beginning of the sentence.
 */
bool ops_fail_unwritten(struct controller *c, struct api_call *call, const char *what);

/* A call whose answer needs the controller, too; free() it. */
struct ops_call {
    struct controller *controller;
    struct api_call *call;
    struct sandbox_id id; /* of the sandbox, where the call has one */
};
struct ops_call *ops_call_new(struct controller *c, struct api_call *call);

/*
 * The key with this prefix, or ("*") any, may have changed: what is known of it is forgotten, and what goes
 * on in its name is checked.
 */
void ops_key_changed(struct controller *c, const char *prefix);

/* Notices of changed keys may have been lost: all are read again, but known ones are not forgotten. */
void ops_keys_doubted(struct controller *c);

/*
 * Answers an ops_call and frees it. The change may concern cached limits or keys, so all cached keys are
 * forgotten.
 */
void ops_tenant_changed(void *arg, int code, const struct err *e, const char *json);

#endif
