/* GET /sandbox/{id}/wait: answers when a sandbox is in a state, or has ended. */
#include "controller/ops/ops.h"

#include "common/base/mem.h"

#include <stdlib.h>

#define WAIT_MS 30000 /* the default */

/* A call that waits. */
struct wait_call {
    struct controller *controller;
    struct api_call *call;
    struct sandbox_id id;
    enum waiter_goal goal;
    enum sandbox_state named;
    uint64_t timeout_ms;
};

static void on_waited(void *arg, bool reached, enum sandbox_state state, const char *json)
{
    struct wait_call *p = arg;
    if (reached)
        api_answer_json(p->call, 200, NULL, json);
    else
        db_sandbox_get(p->controller->pool, p->id.text, ops_owner(p->call), ops_answer_json, p->call);
    free(p);
}

static bool is_there(const struct wait_call *p, const struct cluster_state_view *view)
{
    return p->goal == WAIT_STATE && view->state == p->named; /* the cluster state has no ended sandboxes */
}

static void on_wait_owner(void *arg, int code, const struct err *e, const char *json)
{
    struct wait_call *p = arg;
    const struct cluster_state *cluster = leader_state(p->controller->leader);
    struct cluster_state_view view;
    if (code) {
        api_answer_err(p->call, e);
        free(p);
    } else if (!cluster || !cluster_state_find(cluster, &p->id, &view) || is_there(p, &view)) {
        api_answer_json(p->call, 200, NULL, json);
        free(p);
    } else if (!waiters_add(leader_waiters(p->controller->leader), &p->id, p->goal, p->named, p->timeout_ms,
                            on_waited, p)) {
        api_answer_json(p->call, 200, NULL, json);
        free(p);
    }
}

void ops_sandbox_wait(void *owner, struct api_call *call)
{
    struct controller *c = owner;
    struct sandbox_id id;
    char state[32], timeout[16];
    if (!ops_sandbox_id(call, &id))
        return;
    struct wait_call *p = mem_zalloc(sizeof *p);
    *p = (struct wait_call){
        .controller = c, .call = call, .id = id, .goal = WAIT_ENDED, .timeout_ms = WAIT_MS};
    if (http_query_get(call->exchange, "state", state, sizeof state) && sandbox_state_parse(state, &p->named))
        p->goal = WAIT_STATE;
    if (http_query_get(call->exchange, "timeout_ms", timeout, sizeof timeout))
        p->timeout_ms = strtoul(timeout, NULL, 10);
    db_sandbox_get(c->pool, id.text, ops_owner(call), on_wait_owner, p);
}
