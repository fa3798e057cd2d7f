/* Reads of sandboxes: lists, objects, use and history. */
#include "controller/ops/ops.h"

#include "common/base/defs.h"
#include "controller/db/db_history.h"

#include <stdlib.h>
#include <string.h>

#define STALE_MS 5000 /* five samples are missing */

static void list(struct db_pool *pool, const struct api_call *call, db_page_cb *cb, void *arg)
{
    char state[32], user[256], template[300], all[8], label[API_QUERY_MAX];
    struct db_sandbox_filter filter = {
        .owner = ops_owner(call), .cursor = ops_cursor(call), .limit = call->limit};
    if (http_query_get(call->exchange, "state", state, sizeof state))
        filter.state = state;
    if (http_query_get(call->exchange, "user", user, sizeof user))
        filter.user = user;
    if (http_query_get(call->exchange, "template", template, sizeof template))
        filter.template = template;
    filter.all = http_query_get(call->exchange, "all", all, sizeof all) && !strcmp(all, "true");
    char *colon = http_query_get(call->exchange, "label", label, sizeof label) ? strchr(label, ':') : NULL;
    if (colon) {
        *colon = 0;
        filter.label_name = label;
        filter.label_value = colon + 1;
    }
    db_sandbox_list(pool, &filter, cb, arg);
}

static void read_list(struct controller *c, struct api_call *call, db_page_cb *cb, void *arg)
{
    list(c->reads, call, cb, arg);
}

/*
 * A list of the caller's own live sandboxes is small and frequent; all other lists search among all sandboxes
 * ever created.
 */
void ops_sandbox_list(void *owner, struct api_call *call)
{
    static const char *const wider[] = {"state", "all", "label", "template", "user"};
    struct controller *c = owner;
    char value[API_QUERY_MAX];
    bool heavy = caller_is_admin(&call->caller);
    if (http_query_get(call->exchange, "label", value, sizeof value) &&
        (!strchr(value, ':') || strpbrk(value, "\"\\"))) {
        ops_fail(call, ERR_INVALID, "label must be key:value");
        return;
    }
    for (size_t i = 0; i < ARRAY_LEN(wider); i++)
        heavy = heavy || http_query_get(call->exchange, wider[i], value, sizeof value);
    if (heavy)
        ops_read(c, call, read_list);
    else
        list(c->pool, call, ops_answer_page, call);
}

void ops_sandbox_show(void *owner, struct api_call *call)
{
    struct controller *c = owner;
    struct sandbox_id id;
    if (ops_sandbox_id(call, &id))
        db_sandbox_get(c->pool, id.text, ops_owner(call), ops_answer_json, call);
}

void ops_with_owner(struct controller *c, struct api_call *call, db_json_cb *cb)
{
    struct sandbox_id id;
    if (!ops_sandbox_id(call, &id))
        return;
    struct ops_call *p = ops_call_new(c, call);
    p->id = id;
    db_sandbox_get(c->pool, id.text, ops_owner(call), cb, p);
}

/* A live sandbox and its owner are in memory: needs neither node nor database. */
bool ops_stats_now(struct controller *c, const struct sandbox_id *id, const struct cluster_state_view *view,
                   char out[static STATS_JSON_MAX])
{
    struct sample sample;
    if (!stats_find(leader_stats(c->leader), loop_now_ms(), id, &sample) || sample.ago_ms > STALE_MS)
        return false;
    stats_json(&sample, view->state == SANDBOX_PAUSED, leader_wall_ms(c->leader), out);
    return true;
}

static void answer_stats(struct controller *c, struct api_call *call, const struct sandbox_id *id,
                         const struct cluster_state_view *view)
{
    char text[STATS_JSON_MAX];
    watched_asked(c->watched, loop_now_ms(), id);
    if (ops_stats_now(c, id, view, text))
        api_answer_json(call, 200, NULL, text);
    else
        ops_fail(call, ERR_NODE_TIMEOUT,
                 "there is no sample of this sandbox yet, or its node is silent; try again");
}

/* The sandbox is not live. */
static void on_stats_owner(void *arg, int code, const struct err *e, const char *json)
{
    struct ops_call *p = arg;
    if (code)
        api_answer_err(p->call, e);
    else
        ops_fail(p->call, ERR_WRONG_STATE, "the sandbox has ended; its last figures are in its last event");
    free(p);
}

void ops_sandbox_stats(void *owner, struct api_call *call)
{
    struct controller *c = owner;
    const struct cluster_state *cluster = leader_state(c->leader);
    const char *of = ops_owner(call);
    struct sandbox_id id;
    struct cluster_state_view view;
    if (!sandbox_id_parse(call->param[0], &id) || !cluster || !cluster_state_find(cluster, &id, &view))
        ops_with_owner(c, call, on_stats_owner);
    else if (of && strcmp(of, view.user))
        ops_fail(call, ERR_NOT_FOUND, "There is no such sandbox");
    else
        answer_stats(c, call, &id, &view);
}

static void read_history(struct controller *c, struct api_call *call, db_page_cb *cb, void *arg)
{
    char from[40] = "", to[40] = "", step[16];
    unsigned long seconds = 60;
    http_query_get(call->exchange, "from", from, sizeof from);
    http_query_get(call->exchange, "to", to, sizeof to);
    if (http_query_get(call->exchange, "step", step, sizeof step))
        seconds = strtoul(step, NULL, 10);
    struct db_history_terms kept = {.sample_days = c->conf->keep_sample_days,
                                    .minute_days = c->conf->keep_minute_days,
                                    .hour_days = c->conf->keep_hour_days};
    db_samples_history(c->reads, call->param[0], from, to, (uint32_t)seconds, &kept, cb, arg);
}

/* Called after the check of the owner. */
static void on_history_owner(void *arg, int code, const struct err *e, const char *json)
{
    struct ops_call p = *(struct ops_call *)arg;
    char time[40];
    free(arg);
    if (code)
        api_answer_err(p.call, e);
    else if (!http_query_get(p.call->exchange, "from", time, sizeof time) ||
             !http_query_get(p.call->exchange, "to", time, sizeof time))
        ops_fail(p.call, ERR_INVALID, "from and to are needed, as RFC 3339 times");
    else
        ops_read(p.controller, p.call, read_history);
}

void ops_sandbox_history(void *owner, struct api_call *call)
{
    ops_with_owner(owner, call, on_history_owner);
}
