/* What to change in the system: /sandbox/system/recommendations. docs/recommendations.md describes what is
 * found. */
#include "controller/ops/ops.h"

#include "controller/db/db_advice.h"

static const struct field fields[] = {
    {"state", FIELD_TEXT, 4, 9, "open applied dismissed", NULL, true, false, NULL},
};
const struct api_body recommendation_patch_body = {.fields = {fields, ARRAY_LEN(fields)}};

void ops_recommendation_list(void *owner, struct api_call *call)
{
    struct controller *c = owner;
    char kind[16], state[16];
    struct db_advice_filter filter = {.cursor = ops_cursor(call), .limit = call->limit};
    if (http_query_get(call->exchange, "kind", kind, sizeof kind))
        filter.kind = kind;
    if (http_query_get(call->exchange, "state", state, sizeof state))
        filter.state = state;
    db_advice_list(c->pool, &filter, ops_answer_page, call);
}

void ops_recommendation_show(void *owner, struct api_call *call)
{
    struct controller *c = owner;
    db_advice_get(c->pool, call->param[0], ops_answer_json, call);
}

void ops_recommendation_patch(void *owner, struct api_call *call)
{
    struct controller *c = owner;
    struct db_actor actor = ops_actor(call);
    db_advice_patch(c->pool, call->param[0], call->body, &actor, ops_answer_json, call);
}
