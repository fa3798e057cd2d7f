#include "controller/db/db_alert.h"

#include "common/base/json_text.h"
#include "common/base/mem.h"
#include "controller/db/db_query.h"
#include "controller/db/db_row.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *const db_alert_severities[3] = {"info", "warning", "critical"};

/* A statement under way, with the callback of one of the kinds. */
struct asking {
    struct alert_rule rule;
    db_alert_rules_cb *rules;
    db_alert_look_cb *look;
    db_alert_counts_cb *counts;
    void *arg;
};

static bool truth(const PGresult *r, int row, int column)
{
    return PQgetvalue(r, row, column)[0] == 't';
}

/* --- rules --- */

enum {
    RULE_NAME,
    RULE_KIND,
    RULE_VERSION,
    RULE_BELOW,
    RULE_GATHERS,
    RULE_THRESHOLD,
    RULE_CLEAR,
    RULE_HOLD,
    RULE_CLEAR_SECONDS,
    RULE_WINDOW,
    RULE_INTERVAL
};

static struct db_alert_rule rule_of(const PGresult *r, int row)
{
    struct db_alert_rule rule = {.version = db_cell_num(r, row, RULE_VERSION),
                                 .window_ms = db_cell_num(r, row, RULE_WINDOW) * 1000,
                                 .gathers = truth(r, row, RULE_GATHERS)};
    rule.rule = (struct alert_rule){.below = truth(r, row, RULE_BELOW),
                                    .threshold = (int64_t)db_cell_num(r, row, RULE_THRESHOLD),
                                    .clear = (int64_t)db_cell_num(r, row, RULE_CLEAR),
                                    .hold_ms = db_cell_num(r, row, RULE_HOLD) * 1000,
                                    .clear_ms = db_cell_num(r, row, RULE_CLEAR_SECONDS) * 1000,
                                    .interval_ms = db_cell_num(r, row, RULE_INTERVAL) * 1000};
    snprintf(rule.name, sizeof rule.name, "%s", PQgetvalue(r, row, RULE_NAME));
    snprintf(rule.kind, sizeof rule.kind, "%s", PQgetvalue(r, row, RULE_KIND));
    return rule;
}

static void on_rules(void *arg, int code, const struct err *e, const PGresult *r)
{
    struct asking a;
    mem_take(&a, arg, sizeof a);
    size_t count = code ? 0 : (size_t)PQntuples(r);
    struct db_alert_rule *rules = mem_zalloc((count + 1) * sizeof *rules);
    for (size_t i = 0; i < count; i++)
        rules[i] = rule_of(r, (int)i);
    a.rules(a.arg, code, e, rules, count);
    free(rules);
}

void db_alert_rules(struct db_pool *pool, db_alert_rules_cb *cb, void *arg)
{
    static const struct db_stmt stmt = {"alert_watched_rules",
                                        "select name, kind, version, below, gathers, threshold, clear, "
                                        "hold_seconds, clear_seconds, window_seconds, interval_seconds from "
                                        "alert_watched_rules()",
                                        0, .class = DB_READ};
    struct asking a = {.rules = cb, .arg = arg};
    db_query(pool, &stmt, NULL, on_rules, mem_dup(&a, sizeof a));
}

/* --- evaluation --- */

void db_alert_gather(struct db_pool *pool, const char *rule, db_json_cb *cb, void *arg)
{
    static const struct db_stmt stmt = {"alert_gather", "select alert_gather($1)::text", 1,
                                        .class = DB_HISTORY};
    db_query_json(pool, &stmt, &rule, 0, NULL, cb, arg);
}

enum {
    LOOK_SUBJECT_KIND,
    LOOK_SUBJECT,
    LOOK_STATE,
    LOOK_HELD,
    LOOK_CLEARED,
    LOOK_TOLD,
    LOOK_SILENCED,
    LOOK_READING,
    LOOK_VALUE,
    LOOK_PROBLEM,
    LOOK_DETAIL,
    LOOK_ROOM
};

static enum alert_reading reading_of(const struct alert_rule *rule, const PGresult *r, int row)
{
    const char *reading = PQgetvalue(r, row, LOOK_READING);
    return !strcmp(reading, "value")    ? alert_read(rule, strtod(PQgetvalue(r, row, LOOK_VALUE), NULL))
           : !strcmp(reading, "absent") ? ALERT_CLEAR
                                        : ALERT_UNKNOWN;
}

static struct alert_row row_of(const struct alert_rule *rule, const PGresult *r, int row)
{
    return (struct alert_row){.now = {.state = alert_state_of(PQgetvalue(r, row, LOOK_STATE)),
                                      .held_ms = db_cell_num(r, row, LOOK_HELD),
                                      .clearing = db_cell(r, row, LOOK_CLEARED) != NULL,
                                      .cleared_ms = db_cell_num(r, row, LOOK_CLEARED),
                                      .told = truth(r, row, LOOK_TOLD),
                                      .silenced = truth(r, row, LOOK_SILENCED)},
                              .reading = reading_of(rule, r, row)};
}

static void on_look(void *arg, int code, const struct err *e, const PGresult *r)
{
    struct asking a;
    mem_take(&a, arg, sizeof a);
    size_t count = code ? 0 : (size_t)PQntuples(r);
    struct alert_row *rows = mem_zalloc((count + 1) * sizeof *rows);
    struct db_alert_subject *subjects = mem_zalloc((count + 1) * sizeof *subjects);
    for (int i = 0; i < (int)count; i++) {
        rows[i] = row_of(&a.rule, r, i);
        subjects[i] = (struct db_alert_subject){.kind = PQgetvalue(r, i, LOOK_SUBJECT_KIND),
                                                .name = PQgetvalue(r, i, LOOK_SUBJECT),
                                                .value = db_cell(r, i, LOOK_VALUE),
                                                .problem = db_cell(r, i, LOOK_PROBLEM),
                                                .detail = db_cell(r, i, LOOK_DETAIL)};
    }
    a.look(a.arg, code, e, rows, subjects, count, count ? db_cell_num(r, 0, LOOK_ROOM) : 0);
    free(rows);
    free(subjects);
}

void db_alert_look(struct db_pool *pool, const struct db_alert_rule *rule, const char *given,
                   db_alert_look_cb *cb, void *arg)
{
    static const struct db_stmt stmt = {
        "alert_look",
        "select subject_kind, subject, state, held_ms, cleared_ms, told, silenced, reading, value, problem, "
        "detail, room from alert_look($1, $2)",
        2, .class = DB_READ};
    struct asking a = {.look = cb, .rule = rule->rule, .arg = arg};
    const char *params[] = {rule->name, given};
    db_query(pool, &stmt, params, on_look, mem_dup(&a, sizeof a));
}

static bool is_open(enum alert_state state)
{
    return state == ALERT_PENDING || state == ALERT_FIRING;
}

static void put_change(struct json_text *t, const struct alert_row *row,
                       const struct db_alert_subject *subject, const char *value)
{
    const struct alert_episode *next = &row->step.next;
    if (!is_open(row->now.state) && !is_open(next->state))
        return;
    json_text_object(t, NULL);
    json_text_str(t, "subject_kind", subject->kind);
    json_text_str(t, "subject", subject->name);
    json_text_str(t, "was", alert_state_name(row->now.state));
    json_text_str(t, "state", alert_state_name(next->state));
    json_text_num(t, "held_ms", next->held_ms);
    if (next->clearing)
        json_text_num(t, "cleared_ms", next->cleared_ms);
    json_text_str(t, "value", value);
    json_text_str(t, "problem", subject->problem);
    json_text_raw(t, "detail", subject->detail);
    json_text_bool(t, "tells", row->step.tells);
    json_text_end(t);
}

static void put_changes(struct json_text *t, const struct db_alert_outcome *o)
{
    char others[24];
    snprintf(others, sizeof others, "%" PRIu64, o->others);
    json_text_array(t, NULL);
    for (size_t i = 0; i < o->count; i++)
        put_change(t, &o->rows[i], &o->subjects[i], i + 1 == o->count ? others : o->subjects[i].value);
    json_text_end(t);
}

void db_alert_apply(struct db_pool *pool, const struct db_alert_rule *rule,
                    const struct db_alert_outcome *outcome, db_json_cb *cb, void *arg)
{
    static const struct db_stmt stmt = {"alert_apply", "select alert_apply($1, $2, $3, $4)", 4};
    struct json_text t = {0};
    char version[24];
    snprintf(version, sizeof version, "%" PRIu64, rule->version);
    put_changes(&t, outcome);
    const char *params[] = {rule->name, version, t.text.data, outcome->problem};
    db_query_json(pool, &stmt, params, 0, NULL, cb, arg);
    json_text_fini(&t);
}

/* --- counts --- */

static uint64_t *count_of(struct db_alert_counts *counts, const char *state, const char *severity)
{
    if (!strcmp(state, "problem"))
        return &counts->problems;
    for (int i = 0; i < 3; i++) {
        if (!strcmp(severity, db_alert_severities[i]))
            return !strcmp(state, "pending") ? &counts->pending[i] : &counts->firing[i];
    }
    return NULL;
}

static void on_counts(void *arg, int code, const struct err *e, const PGresult *r)
{
    struct asking a;
    mem_take(&a, arg, sizeof a);
    struct db_alert_counts counts = {{0}};
    for (int i = 0; !code && i < PQntuples(r); i++) {
        uint64_t *count = count_of(&counts, PQgetvalue(r, i, 0), PQgetvalue(r, i, 1));
        if (count)
            *count = db_cell_num(r, i, 2);
    }
    a.counts(a.arg, code, e, &counts);
}

void db_alert_counts(struct db_pool *pool, db_alert_counts_cb *cb, void *arg)
{
    static const struct db_stmt stmt = {"alert_counts", "select state, severity, alerts from alert_counts()",
                                        0, .class = DB_READ};
    struct asking a = {.counts = cb, .arg = arg};
    db_query(pool, &stmt, NULL, on_counts, mem_dup(&a, sizeof a));
}

/* --- administrators --- */

void db_alert_list(struct db_pool *pool, const struct db_alert_filter *filter, db_page_cb *cb, void *arg)
{
    static const struct db_stmt stmt = {"list_alerts", "select * from list_alerts($1)", 1, .class = DB_READ};
    struct json_text t = {0};
    json_text_object(&t, NULL);
    json_text_str(&t, "state", filter->state);
    json_text_str(&t, "severity", filter->severity);
    json_text_str(&t, "rule", filter->rule);
    json_text_str(&t, "cursor", filter->cursor);
    json_text_bool(&t, "all", filter->all);
    json_text_num(&t, "limit", filter->limit);
    json_text_end(&t);
    const char *params[] = {t.text.data};
    db_query_page(pool, &stmt, params, ERR_INVALID, "cursor: is no alert's id", cb, arg);
    json_text_fini(&t);
}

void db_alert_get(struct db_pool *pool, const char *id, db_json_cb *cb, void *arg)
{
    static const struct db_stmt stmt = {
        "get_alert", "select alert_json(a)::text from alerts a where seq = alert_seq_of($1)", 1,
        .class = DB_READ};
    db_query_json(pool, &stmt, &id, ERR_NOT_FOUND, "There is no such alert", cb, arg);
}

void db_alert_rule_list(struct db_pool *pool, const char *cursor, unsigned limit, db_page_cb *cb, void *arg)
{
    static const struct db_stmt stmt = {"list_alert_rules", "select * from list_alert_rules($1, $2)", 2,
                                        .class = DB_READ};
    char most[16];
    snprintf(most, sizeof most, "%u", limit);
    const char *params[] = {cursor, most};
    db_query_page(pool, &stmt, params, ERR_INTERNAL, "No list", cb, arg);
}

void db_alert_rule_get(struct db_pool *pool, const char *name, db_json_cb *cb, void *arg)
{
    static const struct db_stmt stmt = {"get_alert_rule",
                                        "select alert_rule_json(r)::text from alert_rules r where name = $1",
                                        1, .class = DB_READ};
    db_query_json(pool, &stmt, &name, ERR_NOT_FOUND, "There is no such rule", cb, arg);
}

/* Runs an act: at most two words, then the actor. */
static void act(struct db_pool *pool, const struct db_stmt *stmt, const char *first, const char *second,
                const struct db_actor *actor, db_json_cb *cb, void *arg)
{
    CLEANUP(mem_free_ptr) char *who = db_actor_json(actor);
    const char *params[] = {first, stmt->params == 3 ? second : who, who};
    db_query_act(pool, stmt, params, cb, arg);
}

void db_alert_rule_create(struct db_pool *pool, const char *body, const struct db_actor *actor,
                          db_json_cb *cb, void *arg)
{
    static const struct db_stmt stmt = {"create_alert_rule", "select * from create_alert_rule($1, $2)", 2};
    act(pool, &stmt, body, NULL, actor, cb, arg);
}

void db_alert_rule_patch(struct db_pool *pool, const char *name, const char *body,
                         const struct db_actor *actor, db_json_cb *cb, void *arg)
{
    static const struct db_stmt stmt = {"patch_alert_rule",
                                        "select * from act_audited($3, 'alert_rule.patch', $1, $2, "
                                        "patch_alert_rule($1, $2, $3))",
                                        3};
    act(pool, &stmt, name, body, actor, cb, arg);
}

void db_alert_rule_delete(struct db_pool *pool, const char *name, const struct db_actor *actor,
                          db_json_cb *cb, void *arg)
{
    static const struct db_stmt stmt = {"delete_alert_rule",
                                        "select * from act_audited($2, 'alert_rule.delete', $1, null, "
                                        "delete_alert_rule($1, $2))",
                                        2};
    act(pool, &stmt, name, NULL, actor, cb, arg);
}

void db_alert_silence(struct db_pool *pool, enum db_alert_scope scope, const char *name, const char *body,
                      const struct db_actor *actor, db_json_cb *cb, void *arg)
{
    static const struct db_stmt
        alert = {"silence_alert",
                 "select * from act_audited($3, 'alert.silence', $1, $2, silence_alert($1, $2, $3))", 3},
        rule = {"silence_alert_rule",
                "select * from act_audited($3, 'alert.silence', $1, $2, silence_alert_rule($1, $2, $3))", 3};
    act(pool, scope == DB_ALERT_RULE ? &rule : &alert, name, body, actor, cb, arg);
}

void db_alert_unsilence(struct db_pool *pool, enum db_alert_scope scope, const char *name,
                        const struct db_actor *actor, db_json_cb *cb, void *arg)
{
    static const struct db_stmt
        alert = {"unsilence_alert",
                 "select * from act_audited($2, 'alert.unsilence', $1, null, unsilence_alert($1, $2))", 2},
        rule = {"unsilence_alert_rule",
                "select * from act_audited($2, 'alert.unsilence', $1, null, unsilence_alert_rule($1, $2))",
                2};
    act(pool, scope == DB_ALERT_RULE ? &rule : &alert, name, NULL, actor, cb, arg);
}
