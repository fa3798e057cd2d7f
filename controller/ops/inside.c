/*
 * What every act inside a sandbox asks first: whose it is, whether it runs, and on which node; and the entry
 * of an administrator, which is on record before the act.
 */
#include "controller/ops/ops.h"

#include <stdlib.h>
#include <string.h>

/* Whether a sandbox that is paused is to be resumed for the call. */
static bool resumes(const struct api_call *call)
{
    char value[8];
    return !call->resumed && http_query_get(call->exchange, "auto_resume", value, sizeof value) &&
           !strcmp(value, "true");
}

/* --- entry --- */

bool ops_wants_entry(struct api_call *call, bool *good)
{
    char value[8];
    bool wants =
        http_query_get(call->exchange, "admin_access", value, sizeof value) && !strcmp(value, "true");
    *good = !wants || caller_is_admin(&call->caller);
    if (!*good)
        ops_fail(call, ERR_FORBIDDEN,
                 "admin_access=true needs an administrator and a key with the scope admin");
    return wants;
}

static void on_entered(void *arg, int code, const struct err *e, const char *json)
{
    struct ops_call o = *(struct ops_call *)arg;
    free(arg);
    if (code) {
        api_answer_err(o.call, e);
        return;
    }
    o.call->entered = true;
    o.call->caller.needs_admin = true; /* what goes on ends when the administrator is none any more */
    o.call->route->handler(o.controller, o.call);
}

void ops_enter(struct controller *c, struct api_call *call, const struct sandbox_id *id, bool logs)
{
    struct db_actor actor = ops_actor(call);
    char operation[API_OPERATION_MAX];
    api_route_operation(call->route, operation);
    const char *need = logs ? "logs" : resumes(call) ? "paused" : "running";
    db_sandbox_enter(c->pool, id->text, operation, need, &actor, on_entered, ops_call_new(c, call));
}

void ops_fail_foreign(struct api_call *call)
{
    ops_fail(call, ERR_NOT_FOUND,
             caller_is_admin(&call->caller)
                 ? "There is no such sandbox of yours; to enter another user's say admin_access=true"
                 : "There is no such sandbox");
}

/* --- inside --- */

/* What the cluster state does not know has ended, or never was the caller's. */
static void on_found(void *arg, int code, const struct err *e, const char *json)
{
    if (code)
        api_answer_err(arg, e);
    else
        ops_fail(arg, ERR_WRONG_STATE, "the sandbox has ended");
}

static bool is_running(struct api_call *call, enum sandbox_state state)
{
    struct err e;
    if (state == SANDBOX_RUNNING)
        return true;
    (void)err_set(&e, ERR_WRONG_STATE, "the sandbox is %s, and works only while it is running",
                  sandbox_state_name(state));
    api_answer_err(call, &e);
    return false;
}

/*
 * While this controller does not lead, it opens streams only on connections that nodes left to it, and
 * changes no state of a sandbox.
 */
static bool is_reached(struct controller *c, struct api_call *call, const struct cluster_state_view *view)
{
    const char *why = view->state == SANDBOX_PAUSED && resumes(call)
                          ? "the sandbox is paused, and cannot be resumed while the database is away"
                      : !stream_hub_reaches(leader_streams(c->leader), view->node)
                          ? "the database is away, and the sandbox's node is not connected here now"
                          : NULL;
    if (leader_ready(c->leader) || !why)
        return true;
    ops_fail(call, ERR_DATABASE_UNAVAILABLE, why);
    return false;
}

bool ops_inside(struct controller *c, struct api_call *call, struct sandbox_id *id,
                char node[static NODE_NAME_MAX + 1])
{
    const struct cluster_state *cluster = leader_known(c->leader);
    struct cluster_state_view view;
    bool good, wants = ops_wants_entry(call, &good);
    if (!good || !ops_sandbox_id(call, id))
        return false;
    bool found = cluster && cluster_state_find(cluster, id, &view);
    bool own = found && !strcmp(view.user, call->caller.user_id);
    if (wants && !own && !call->entered) {
        ops_enter(c, call, id, false);
        return false;
    }
    if (!found) {
        db_sandbox_get(c->pool, id->text, call->entered ? NULL : call->caller.user_id, on_found, call);
        return false;
    }
    if (!own && !call->entered) {
        ops_fail_foreign(call);
        return false;
    }
    if (!is_reached(c, call, &view))
        return false;
    if (view.state == SANDBOX_PAUSED && resumes(call)) {
        ops_resume_first(c, call, id);
        return false;
    }
    if (!is_running(call, view.state))
        return false;
    strcpy(node, view.node);
    return true;
}

void ops_note_act(struct controller *c, const struct api_call *call, const struct sandbox_id *id,
                  const char *program, const char *path, const char *path_to)
{
    char operation[API_OPERATION_MAX];
    api_route_operation(call->route, operation);
    db_activity_add(c->activity, &(struct db_act){.unix_ms = leader_wall_ms(c->leader),
                                                  .sandbox_id = id->text,
                                                  .user_id = call->caller.user_id,
                                                  .key_id = call->caller.key_id,
                                                  .act = operation,
                                                  .request_id = call->request_id,
                                                  .program = program,
                                                  .path = path,
                                                  .path_to = path_to,
                                                  .entered = call->entered});
}
