/* Alerts and their rules: /sandbox/system/alerts. docs/alerts.md describes what they do. */
#include "controller/ops/ops.h"

#include "controller/db/db_alert.h"

#include <stdlib.h>
#include <string.h>

static const char kinds[] =
#define ALERT_KIND(name, unit, help) #name " "
#include "controller/core/alert_kind.def"
#undef ALERT_KIND
    ;

/* --- bodies --- */

static const char *name_fault(const char *text)
{
    bool good =
        text[0] >= 'a' && text[0] <= 'z' && !text[strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789_-")];
    return good ? NULL : "must begin with a letter, and contain only a-z, 0-9, '_' and '-'";
}

static const struct field_rule name_rule = {"^[a-z][a-z0-9_-]*$", name_fault, 0};

#define LEVEL_MOST 1000000000000000
#define SETTINGS(threshold_is_required)                                                                      \
    {"enabled", FIELD_TRUTH, 0, 0, NULL, NULL, false, false, NULL},                                          \
        {"severity", FIELD_TEXT, 4, 8, "info warning critical", NULL, false, false, NULL},                   \
        {"threshold", FIELD_NUMBER, 0, LEVEL_MOST, NULL, NULL, threshold_is_required, false, NULL},          \
        {"clear", FIELD_NUMBER, 0, LEVEL_MOST, NULL, NULL, false, true, NULL},                               \
        {"hold_seconds", FIELD_NUMBER, 0, 86400, NULL, NULL, false, false, NULL},                            \
        {"clear_seconds", FIELD_NUMBER, 0, 86400, NULL, NULL, false, false, NULL},                           \
        {"window_seconds", FIELD_NUMBER, 1, 2678400, NULL, NULL, false, false, NULL},                        \
        {"interval_seconds", FIELD_NUMBER, 1, 3600, NULL, NULL, false, false, NULL},

static const struct field fields[] = {
    {"name", FIELD_TEXT, 1, DB_ALERT_NAME_MAX, NULL, &name_rule, true, false, NULL},
    {"kind", FIELD_TEXT, 1, DB_ALERT_NAME_MAX, kinds, NULL, true, false, NULL},
    SETTINGS(true)};
const struct api_body alert_rule_body = {.fields = {fields, ARRAY_LEN(fields)}};

static const struct field patch_fields[] = {SETTINGS(false)};
const struct api_body alert_rule_patch_body = {.fields = {patch_fields, ARRAY_LEN(patch_fields)}};

static const struct field silence_fields[] = {
    {"duration_seconds", FIELD_NUMBER, 1, 31536000, NULL, NULL, true, false, NULL},
    {"comment", FIELD_TEXT, 0, 500, NULL, NULL, false, false, NULL},
};
const struct api_body alert_silence_body = {.fields = {silence_fields, ARRAY_LEN(silence_fields)}};

/* --- alerts --- */

void ops_alert_list(void *owner, struct api_call *call)
{
    struct controller *c = owner;
    char state[16], severity[16], rule[DB_ALERT_NAME_MAX + 1], all[8];
    struct db_alert_filter filter = {.cursor = ops_cursor(call), .limit = call->limit};
    if (http_query_get(call->exchange, "state", state, sizeof state))
        filter.state = state;
    if (http_query_get(call->exchange, "severity", severity, sizeof severity))
        filter.severity = severity;
    if (http_query_get(call->exchange, "rule", rule, sizeof rule))
        filter.rule = rule;
    filter.all = http_query_get(call->exchange, "all", all, sizeof all) && !strcmp(all, "true");
    db_alert_list(c->pool, &filter, ops_answer_page, call);
}

void ops_alert_show(void *owner, struct api_call *call)
{
    struct controller *c = owner;
    db_alert_get(c->pool, call->param[0], ops_answer_json, call);
}

static void silence(struct controller *c, struct api_call *call, enum db_alert_scope scope)
{
    struct db_actor actor = ops_actor(call);
    db_alert_silence(c->pool, scope, call->param[0], call->body, &actor, ops_answer_json, call);
}

static void unsilence(struct controller *c, struct api_call *call, enum db_alert_scope scope)
{
    struct db_actor actor = ops_actor(call);
    db_alert_unsilence(c->pool, scope, call->param[0], &actor, ops_answer_gone, call);
}

void ops_alert_silence(void *owner, struct api_call *call)
{
    silence(owner, call, DB_ALERT_SUBJECT);
}

void ops_alert_unsilence(void *owner, struct api_call *call)
{
    unsilence(owner, call, DB_ALERT_SUBJECT);
}

/* --- rules --- */

void ops_alert_rule_list(void *owner, struct api_call *call)
{
    struct controller *c = owner;
    db_alert_rule_list(c->pool, ops_cursor(call), call->limit, ops_answer_page, call);
}

void ops_alert_rule_show(void *owner, struct api_call *call)
{
    struct controller *c = owner;
    db_alert_rule_get(c->pool, call->param[0], ops_answer_json, call);
}

/* The change holds from the next evaluation on, which comes at once. */
static void answer_change(struct ops_call *o, int code, const struct err *e, const char *json,
                          db_json_cb *answer)
{
    if (!code)
        alerts_rules_changed(o->controller->alerts);
    answer(o->call, code, e, json);
    free(o);
}

static void on_created(void *arg, int code, const struct err *e, const char *json)
{
    answer_change(arg, code, e, json, ops_answer_created);
}

static void on_patched(void *arg, int code, const struct err *e, const char *json)
{
    answer_change(arg, code, e, json, ops_answer_json);
}

static void on_deleted(void *arg, int code, const struct err *e, const char *json)
{
    answer_change(arg, code, e, json, ops_answer_gone);
}

void ops_alert_rule_create(void *owner, struct api_call *call)
{
    struct controller *c = owner;
    struct db_actor actor = ops_actor(call);
    db_alert_rule_create(c->pool, call->body, &actor, on_created, ops_call_new(c, call));
}

void ops_alert_rule_patch(void *owner, struct api_call *call)
{
    struct controller *c = owner;
    struct db_actor actor = ops_actor(call);
    db_alert_rule_patch(c->pool, call->param[0], call->body, &actor, on_patched, ops_call_new(c, call));
}

void ops_alert_rule_delete(void *owner, struct api_call *call)
{
    struct controller *c = owner;
    struct db_actor actor = ops_actor(call);
    db_alert_rule_delete(c->pool, call->param[0], &actor, on_deleted, ops_call_new(c, call));
}

void ops_alert_rule_silence(void *owner, struct api_call *call)
{
    silence(owner, call, DB_ALERT_RULE);
}

void ops_alert_rule_unsilence(void *owner, struct api_call *call)
{
    unsilence(owner, call, DB_ALERT_RULE);
}
