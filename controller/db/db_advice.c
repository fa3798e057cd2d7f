#include "controller/db/db_advice.h"

#include "common/base/json_text.h"
#include "common/base/mem.h"
#include "controller/db/db_query.h"
#include "controller/db/db_row.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- stored rows --- */

/* A statement under way, with the callback of one of the kinds. */
struct asking {
    db_advice_stored_cb *stored;
    db_advice_counts_cb *counts;
    void *arg;
};

enum {
    ROW_RULE,
    ROW_SUBJECT_KIND,
    ROW_SUBJECT,
    ROW_STATE,
    ROW_HIDDEN,
    ROW_WEIGHT,
    ROW_SEVERITY,
    ROW_STATE_MS,
    ROW_ROOM
};

static struct advice_row row_of(const PGresult *r, int n)
{
    return (struct advice_row){.rule = advice_rule_of(PQgetvalue(r, n, ROW_RULE)),
                               .subject_kind = PQgetvalue(r, n, ROW_SUBJECT_KIND),
                               .subject = PQgetvalue(r, n, ROW_SUBJECT),
                               .rule_name = PQgetvalue(r, n, ROW_RULE),
                               .state = advice_state_of(PQgetvalue(r, n, ROW_STATE)),
                               .hidden = PQgetvalue(r, n, ROW_HIDDEN)[0] == 't',
                               .weight_then = strtod(PQgetvalue(r, n, ROW_WEIGHT), NULL),
                               .severity_then = advice_severity_of(PQgetvalue(r, n, ROW_SEVERITY)),
                               .state_ms = db_cell_num(r, n, ROW_STATE_MS)};
}

static void on_stored(void *arg, int code, const struct err *e, const PGresult *r)
{
    struct asking a;
    mem_take(&a, arg, sizeof a);
    size_t count = code ? 0 : (size_t)PQntuples(r);
    struct advice_row *rows = mem_zalloc((count + 1) * sizeof *rows);
    for (size_t i = 0; i < count; i++)
        rows[i] = row_of(r, (int)i);
    a.stored(a.arg, code, e, rows, count, count ? db_cell_num(r, 0, ROW_ROOM) : ADVICE_OPENS_MAX);
    free(rows);
}

void db_advice_stored(struct db_pool *pool, db_advice_stored_cb *cb, void *arg)
{
    static const struct db_stmt stmt = {"recommendations_stored",
                                        "select rule, subject_kind, subject, state, hidden, weight_then, "
                                        "severity_then, state_ms, room from recommendations_stored()",
                                        0, .class = DB_READ};
    struct asking a = {.stored = cb, .arg = arg};
    db_query(pool, &stmt, NULL, on_stored, mem_dup(&a, sizeof a));
}

static void put_finding(struct json_text *t, const struct advice_finding *f)
{
    char weight[32];
    snprintf(weight, sizeof weight, "%.17g", f->weight);
    json_text_str(t, "kind", advice_kind_name(advice_rule_kind(f->rule)));
    json_text_str(t, "severity", advice_severity_name(f->severity));
    json_text_str(t, "sentence", f->sentence);
    json_text_raw(t, "weight", weight);
    json_text_raw(t, "evidence", f->evidence);
    json_text_raw(t, "effect", f->effect);
}

static void put_change(struct json_text *t, const struct advice_change *c)
{
    json_text_object(t, NULL);
    json_text_str(t, "act", advice_act_name(c->act));
    json_text_str(t, "was", c->row ? advice_state_name(c->row->state) : NULL);
    json_text_str(t, "rule", c->row ? c->row->rule_name : advice_rule_name(c->finding->rule));
    json_text_str(t, "subject_kind", c->row ? c->row->subject_kind : c->finding->subject_kind);
    json_text_str(t, "subject", c->row ? c->row->subject : c->finding->subject);
    if (c->finding)
        put_finding(t, c->finding);
    json_text_end(t);
}

void db_advice_apply(struct db_pool *pool, const struct advice_change *changes, size_t count,
                     uint64_t took_ms, const char *problem, db_json_cb *cb, void *arg)
{
    static const struct db_stmt stmt = {"recommendations_apply",
                                        "select recommendations_apply($1, $2, $3)::text", 3};
    struct json_text t = {0};
    char took[24];
    snprintf(took, sizeof took, "%" PRIu64, took_ms < INT32_MAX ? took_ms : INT32_MAX);
    json_text_array(&t, NULL);
    for (size_t i = 0; i < count; i++)
        put_change(&t, &changes[i]);
    json_text_end(&t);
    const char *params[] = {t.text.data, took, problem};
    db_query_json(pool, &stmt, params, 0, NULL, cb, arg);
    json_text_fini(&t);
}

static void on_counts(void *arg, int code, const struct err *e, const PGresult *r)
{
    struct asking a;
    mem_take(&a, arg, sizeof a);
    struct db_advice_counts counts = {{0}};
    for (int i = 0; !code && i < PQntuples(r); i++) {
        for (int k = 0; k < ADVICE_KINDS; k++) {
            if (!strcmp(PQgetvalue(r, i, 0), advice_kind_name((enum advice_kind)k)))
                counts.open[k] = db_cell_num(r, i, 1);
        }
    }
    a.counts(a.arg, code, e, &counts);
}

void db_advice_counts(struct db_pool *pool, db_advice_counts_cb *cb, void *arg)
{
    static const struct db_stmt stmt = {
        "recommendation_counts", "select kind, many from recommendation_counts()", 0, .class = DB_READ};
    struct asking a = {.counts = cb, .arg = arg};
    db_query(pool, &stmt, NULL, on_counts, mem_dup(&a, sizeof a));
}

/* --- administrators --- */

void db_advice_list(struct db_pool *pool, const struct db_advice_filter *filter, db_page_cb *cb, void *arg)
{
    static const struct db_stmt stmt = {"list_recommendations", "select * from list_recommendations($1)", 1,
                                        .class = DB_READ};
    struct json_text t = {0};
    json_text_object(&t, NULL);
    json_text_str(&t, "kind", filter->kind);
    json_text_str(&t, "state", filter->state);
    json_text_str(&t, "cursor", filter->cursor);
    json_text_num(&t, "limit", filter->limit);
    json_text_end(&t);
    const char *params[] = {t.text.data};
    db_query_page(pool, &stmt, params, ERR_INVALID, "cursor: is no recommendation's id", cb, arg);
    json_text_fini(&t);
}

void db_advice_get(struct db_pool *pool, const char *id, db_json_cb *cb, void *arg)
{
    static const struct db_stmt stmt = {
        "get_recommendation",
        "select recommendation_json(r)::text from recommendations r where seq = "
        "recommendation_seq_of($1) and hidden_at is null",
        1, .class = DB_READ};
    db_query_json(pool, &stmt, &id, ERR_NOT_FOUND, "There is no such recommendation", cb, arg);
}

void db_advice_patch(struct db_pool *pool, const char *id, const char *body, const struct db_actor *actor,
                     db_json_cb *cb, void *arg)
{
    static const struct db_stmt stmt = {"patch_recommendation",
                                        "select * from act_audited($3, 'recommendation.patch', $1, $2, "
                                        "patch_recommendation($1, $2, $3))",
                                        3};
    CLEANUP(mem_free_ptr) char *who = db_actor_json(actor);
    const char *params[] = {id, body, who};
    db_query_act(pool, &stmt, params, cb, arg);
}
