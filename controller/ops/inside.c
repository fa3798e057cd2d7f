/* What every act inside a sandbox asks first: whose it is, whether it runs, and on which node. */
#include "controller/ops/ops.h"

#include <string.h>

/* What the cluster state does not know has ended, or never was the caller's. */
static void on_found(void *arg, int code, const struct err *e, const char *json)
{
    if (code)
        api_answer_err(arg, e);
    else
        ops_fail(arg, ERR_WRONG_STATE, "the sandbox has ended");
}

bool ops_inside(struct controller *c, struct api_call *call, struct sandbox_id *id,
                char node[static NODE_NAME_MAX + 1])
{
    const struct cluster_state *cluster = leader_state(c->leader);
    struct cluster_state_view view;
    if (!ops_sandbox_id(call, id))
        return false;
    if (!cluster || !cluster_state_find(cluster, id, &view)) {
        db_sandbox_get(c->pool, id->text, ops_owner(call), on_found, call);
        return false;
    }
    if (strcmp(view.user, call->caller.user_id) != 0) {
        ops_fail(call, ERR_NOT_FOUND, "There is no such sandbox");
        return false;
    }
    if (view.state != SANDBOX_RUNNING) {
        struct err e;
        (void)err_set(&e, ERR_WRONG_STATE, "the sandbox is %s, and works only while it is running",
                      sandbox_state_name(view.state));
        api_answer_err(call, &e);
        return false;
    }
    strcpy(node, view.node);
    return true;
}
