/*
 * The operations that change a sandbox. Each answers when the change is carried out, if its node can be
 * waited for; a change that is committed but not carried out yet is answered 202.
 */
#include "controller/ops/ops.h"
#include "controller/ops/sandbox_body.h"

#include "common/base/mem.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define SETTLE_WAIT_MS 30000 /* then the call is answered 202, and the change goes on */

/* A call that waits for its change. */
struct change_call {
    struct controller *controller;
    struct api_call *call;
    struct sandbox_id id;
    enum desired desired;
    bool goes_on;        /* with what needed it: ops_resume_first */
    struct key_use use;  /* while it waits to go on */
    uint64_t generation; /* before the change */
};

static struct change_call *change_call_new(struct controller *c, struct api_call *call,
                                           const struct sandbox_id *id)
{
    struct change_call *p = mem_zalloc(sizeof *p);
    p->controller = c;
    p->call = call;
    p->id = *id;
    return p;
}

static void change_call_free(struct change_call *p)
{
    key_use_end(&p->use);
    free(p);
}

static bool find_view(const struct change_call *p, struct cluster_state_view *view)
{
    const struct cluster_state *cluster = leader_state(p->controller->leader);
    return cluster && cluster_state_find(cluster, &p->id, view);
}

/* Whether the sandbox's node is in session. */
static bool node_in_session(const struct change_call *p)
{
    struct cluster_state_view view;
    if (!find_view(p, &view))
        return false;
    const struct node *node =
        node_table_find(cluster_state_nodes(leader_state(p->controller->leader)), view.node);
    return node && node->session;
}

/* Answers 202: the change takes longer than a call may wait. */
static void on_still_changing(void *arg, int code, const struct err *e, const char *json)
{
    if (code)
        api_answer_err(arg, e);
    else
        api_answer_json(arg, 202, NULL, json);
}

static void answer_later(struct change_call *p)
{
    db_sandbox_get(p->controller->pool, p->id.text, ops_owner(p->call), on_still_changing, p->call);
}

/* --- pause and resume --- */

static enum sandbox_state state_of(enum desired desired)
{
    return desired == DESIRED_PAUSED ? SANDBOX_PAUSED : SANDBOX_RUNNING;
}

static bool overtaken(const struct change_call *p)
{
    struct cluster_state_view view;
    return find_view(p, &view) && view.desired != p->desired;
}

static void fail_overtaken(const struct change_call *p)
{
    ops_fail(p->call, ERR_CONFLICT,
             "another change of the sandbox was requested before this one was carried out");
}

static void fail_ended(const struct change_call *p)
{
    ops_fail(p->call, ERR_WRONG_STATE, "the sandbox ended before the change was carried out");
}

static void answer_done(struct change_call *p, const char *json)
{
    if (!p->goes_on) {
        api_answer_json(p->call, 200, NULL, json);
        return;
    }
    p->call->resumed = true;
    p->call->route->handler(p->controller, p->call);
}

/* What needs the change cannot be answered that it is done later. */
static void answer_not_yet(struct change_call *p)
{
    if (p->goes_on)
        ops_fail(p->call, ERR_NODE_TIMEOUT, "the sandbox is being resumed, but its node has not done so yet");
    else
        answer_later(p);
}

/* What was asked for under a key that ends meanwhile is not begun. The change itself goes on. */
static void on_key_ended(void *arg, int code, const char *text)
{
    struct change_call *p = arg;
    ops_fail(p->call, code, text);
    p->call = NULL;
}

static void on_settled(void *arg, bool reached, enum sandbox_state state, const char *json)
{
    struct change_call *p = arg;
    key_use_end(&p->use);
    if (!p->call)
        ; /* answered already */
    else if (reached && state == state_of(p->desired))
        answer_done(p, json);
    else if (reached && sandbox_state_terminal(state))
        fail_ended(p);
    else if (overtaken(p))
        fail_overtaken(p);
    else if (!ops_fail_unwritten(p->controller, p->call, "the change is requested"))
        answer_not_yet(p);
    change_call_free(p);
}

/* The change was carried out before its answer came. */
static void on_done_before(void *arg, int code, const struct err *e, const char *json)
{
    struct change_call *p = arg;
    key_use_end(&p->use);
    if (!p->call)
        ; /* answered already */
    else if (code)
        api_answer_err(p->call, e);
    else
        answer_done(p, json);
    change_call_free(p);
}

/*
 * Answers of the database come in no order: what is told only once, to those that wait by then, may be over.
 * True where nothing is left to wait for.
 */
static bool settled_before(struct change_call *p, const struct sandbox_row *row)
{
    struct cluster_state_view view;
    if (!leader_state(p->controller->leader))
        return false;
    if (!find_view(p, &view)) {
        fail_ended(p);
    } else if (view.generation > row->desired.generation && view.desired != p->desired) {
        fail_overtaken(p);
    } else if (view.state == state_of(p->desired)) {
        db_sandbox_get(p->controller->pool, p->id.text, ops_owner(p->call), on_done_before, p);
        return true;
    } else {
        return false;
    }
    change_call_free(p);
    return true;
}

static void on_desired(void *arg, int code, const struct err *e, const struct sandbox_row *row)
{
    struct change_call *p = arg;
    if (!p->call) {
        change_call_free(p);
        return;
    }
    if (code) {
        api_answer_err(p->call, e);
    } else if (row->state == state_of(p->desired)) {
        key_use_end(&p->use);
        answer_done(p, row->json);
    } else {
        bool waits = p->goes_on || !p->call->respond_async;
        if (waits && settled_before(p, row))
            return;
        if (waits && node_in_session(p) &&
            waiters_add(leader_waiters(p->controller->leader), &p->id, WAIT_DESIRED, state_of(p->desired),
                        SETTLE_WAIT_MS, on_settled, p))
            return;
        if (p->goes_on)
            answer_not_yet(p);
        else
            api_answer_json(p->call, 202, NULL, row->json);
    }
    change_call_free(p);
}

void ops_resume_first(struct controller *c, struct api_call *call, const struct sandbox_id *id)
{
    struct db_actor actor = ops_actor(call);
    struct change_call *p = change_call_new(c, call, id);
    p->desired = DESIRED_RUNNING;
    p->goes_on = true;
    key_use_begin(c->keys, &p->use, &call->caller, on_key_ended, p);
    leader_desired(c->leader, id->text, ops_owner(call), DESIRED_RUNNING, REASON_NONE, &actor, on_desired, p);
}

static void desired(struct controller *c, struct api_call *call, enum desired desired)
{
    struct db_actor actor = ops_actor(call);
    struct sandbox_id id;
    if (!ops_sandbox_id(call, &id))
        return;
    struct change_call *p = change_call_new(c, call, &id);
    p->desired = desired;
    leader_desired(c->leader, id.text, ops_owner(call), desired, REASON_NONE, &actor, on_desired, p);
}

void ops_sandbox_pause(void *owner, struct api_call *call)
{
    desired(owner, call, DESIRED_PAUSED);
}

void ops_sandbox_resume(void *owner, struct api_call *call)
{
    desired(owner, call, DESIRED_RUNNING);
}

/* --- patch --- */

#define CRITICAL_PERCENT 95 /* of memory, where neither tier nor node sets another */

/*
 * Whether the new memory limit is so low that the node would end the sandbox at once, by the latest sample.
 * False for other users' sandboxes, of which nothing may be revealed, and where there is no sample.
 */
static bool below_use(const struct change_call *p, const struct sandbox_patch *patch, struct err *e)
{
    const char *owner = ops_owner(p->call);
    uint64_t asked = patch->memory_bytes;
    uint32_t critical = p->call->caller.levels.memory_critical;
    struct cluster_state_view view;
    struct sample s;
    if (!asked || patch->force || !find_view(p, &view) || (owner && strcmp(owner, view.user)) ||
        !stats_find(leader_stats(p->controller->leader), loop_now_ms(), &p->id, &s))
        return false;
    if (!critical || critical > CRITICAL_PERCENT)
        critical = CRITICAL_PERCENT;
    if (s.memory_unreclaimable_bytes < asked / 100 * critical)
        return false;
    (void)err_set(e, ERR_BELOW_USE,
                  "memory_bytes: the sandbox uses %" PRIu64
                  " bytes that the kernel cannot reclaim, and is ended at %u %% of its limit; \"force\": "
                  "true sets the limit anyway",
                  s.memory_unreclaimable_bytes, critical);
    return true;
}

/* A change that the node has to apply is answered 202 while the node is away. */
static void on_patched(void *arg, int code, const struct err *e, const struct sandbox_row *row)
{
    struct change_call *p = arg;
    if (code)
        api_answer_err(p->call, e);
    else
        api_answer_json(p->call, row->desired.generation > p->generation && !node_in_session(p) ? 202 : 200,
                        NULL, row->json);
    free(p);
}

void ops_sandbox_patch(void *owner, struct api_call *call)
{
    struct controller *c = owner;
    const struct sandbox_patch *patch = call->request;
    struct db_actor actor = ops_actor(call);
    struct sandbox_id id;
    struct cluster_state_view view;
    struct err e;
    if (!ops_sandbox_id(call, &id))
        return;
    struct change_call *p = change_call_new(c, call, &id);
    if (below_use(p, patch, &e)) {
        api_answer_err(call, &e);
        free(p);
        return;
    }
    p->generation = find_view(p, &view) ? view.generation : 0;
    leader_patch(c->leader, id.text, ops_owner(call), call->body, patch->timed, &actor, on_patched, p);
}

/* --- delete --- */

static bool drops_logs(const struct api_call *call)
{
    char text[8];
    return http_query_get(call->exchange, "logs", text, sizeof text) && !strcmp(text, "false");
}

/* It is gone, or going (json: as it is then). */
static void answer_deleted(const struct change_call *p, const char *json)
{
    if (drops_logs(p->call))
        ops_drop_logs(p->controller, p->call, &p->id, json);
    else if (json)
        api_answer_json(p->call, 202, NULL, json);
    else
        api_answer_empty(p->call, 204, NULL);
}

static void on_deleted(void *arg, bool reached, enum sandbox_state state, const char *json)
{
    struct change_call *p = arg;
    if (reached)
        answer_deleted(p, NULL);
    else if (!ops_fail_unwritten(p->controller, p->call, "the sandbox is being ended"))
        answer_later(p);
    free(p);
}

static void on_delete_desired(void *arg, int code, const struct err *e, const struct sandbox_row *row)
{
    struct change_call *p = arg;
    if (code) {
        api_answer_err(p->call, e);
    } else if (sandbox_state_terminal(row->state)) {
        p->call->changed_nothing = true;
        answer_deleted(p, NULL);
    } else if (!ops_fail_unwritten(p->controller, p->call, "the sandbox is being ended")) {
        if (node_in_session(p) && waiters_add(leader_waiters(p->controller->leader), &p->id, WAIT_ENDED,
                                              SANDBOX_STOPPED, SETTLE_WAIT_MS, on_deleted, p))
            return;
        answer_deleted(p, row->json); /* its node is away; carried out when it is back */
    }
    free(p);
}

/* Takes the reason of the end: ?reason=admin, which only administrators may give, for any sandbox. */
static bool take_end_reason(struct api_call *call, enum sandbox_reason *reason)
{
    char text[16];
    bool given = http_query_get(call->exchange, "reason", text, sizeof text);
    *reason = given ? REASON_ADMIN : REASON_DELETED;
    if (!given || caller_is_admin(&call->caller))
        return true;
    ops_fail(call, ERR_FORBIDDEN, "only an administrator may give a reason");
    return false;
}

void ops_sandbox_delete(void *owner, struct api_call *call)
{
    struct controller *c = owner;
    struct db_actor actor = ops_actor(call);
    struct sandbox_id id;
    enum sandbox_reason reason;
    if (!ops_sandbox_id(call, &id) || !take_end_reason(call, &reason))
        return;
    struct change_call *p = change_call_new(c, call, &id);
    leader_desired(c->leader, id.text, ops_owner(call), DESIRED_GONE, reason, &actor, on_delete_desired, p);
}
