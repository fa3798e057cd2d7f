/* Why a sandbox ended, for what was going on inside it. Its row may follow what its node told. */
#include "controller/ops/ops.h"

#include "common/base/mem.h"

#include <stdlib.h>

#define REASON_MS 2000 /* for the row of a sandbox whose node has told of its end already */

struct end_reason {
    struct controller *controller;
    struct sandbox_id id;
    ops_end_reason_cb *cb;
    void *arg;
};

static void answer(struct end_reason *r, const char *json)
{
    json_t *sandbox = json ? json_loads(json, 0, NULL) : NULL;
    r->cb(r->arg, json_string_value(json_object_get(sandbox, "reason")));
    json_decref(sandbox);
    free(r);
}

static void on_row(void *arg, int code, const struct err *e, const char *json)
{
    answer(arg, code ? NULL : json);
}

static void read_row(struct end_reason *r)
{
    db_sandbox_get(r->controller->pool, r->id.text, NULL, on_row, r);
}

static void on_waited(void *arg, bool reached, enum sandbox_state state, const char *json)
{
    struct end_reason *r = arg;
    if (reached)
        answer(r, json);
    else
        read_row(r);
}

void ops_end_reason(struct controller *c, const struct sandbox_id *id, ops_end_reason_cb *cb, void *arg)
{
    const struct cluster_state *cluster = leader_state(c->leader);
    struct cluster_state_view view;
    struct end_reason *r = mem_zalloc(sizeof *r);
    *r = (struct end_reason){.controller = c, .id = *id, .cb = cb, .arg = arg};
    if (!cluster || !cluster_state_find(cluster, id, &view) ||
        !waiters_add(leader_waiters(c->leader), id, WAIT_ENDED, SANDBOX_STOPPED, REASON_MS, on_waited, r))
        read_row(r);
}
