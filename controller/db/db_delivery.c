#include "controller/db/db_delivery.h"

#include "common/base/json_text.h"
#include "common/base/mem.h"
#include "controller/db/db_query.h"
#include "controller/db/db_row.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A statement under way, with the callback of one of the kinds. */
struct asking {
    unsigned most;
    db_delivery_made_cb *made;
    db_delivery_due_cb *due;
    db_delivery_waiting_cb *waiting;
    void *arg;
};

static void on_made(void *arg, int code, const struct err *e, const PGresult *r)
{
    struct asking a;
    mem_take(&a, arg, sizeof a);
    a.made(a.arg, code, e, !code && db_cell_num(r, 0, 0) >= a.most, !code && db_cell_num(r, 0, 1));
}

void db_delivery_make(struct db_pool *pool, unsigned most, db_delivery_made_cb *cb, void *arg)
{
    static const struct db_stmt stmt = {"make_deliveries", "select seen, made from make_deliveries($1)", 1};
    struct asking a = {.made = cb, .most = most, .arg = arg};
    char text[16];
    const char *params[] = {text};
    snprintf(text, sizeof text, "%u", most);
    db_query(pool, &stmt, params, on_made, mem_dup(&a, sizeof a));
}

enum {
    COL_WEBHOOK,
    COL_USER,
    COL_URL,
    COL_SEQ,
    COL_BODY,
    COL_TRIES,
    COL_TROUBLED,
    COL_SECRET,
    COL_KEY,
    COL_OLD,
    COL_SANDBOX
};

static struct db_delivery delivery_of(const PGresult *r, int row)
{
    struct db_delivery d = {.key.seq = db_cell_num(r, row, COL_SEQ),
                            .url = PQgetvalue(r, row, COL_URL),
                            .body = PQgetvalue(r, row, COL_BODY),
                            .tries = (unsigned)db_cell_num(r, row, COL_TRIES),
                            .troubled = PQgetvalue(r, row, COL_TROUBLED)[0] == 't',
                            .secret = PQgetvalue(r, row, COL_SECRET),
                            .secret_key = PQgetvalue(r, row, COL_KEY),
                            .old_secret = db_cell(r, row, COL_OLD),
                            .sandbox_id = db_cell(r, row, COL_SANDBOX)};
    snprintf(d.key.webhook, sizeof d.key.webhook, "%s", PQgetvalue(r, row, COL_WEBHOOK));
    snprintf(d.user, sizeof d.user, "%s", PQgetvalue(r, row, COL_USER));
    return d;
}

static void on_due(void *arg, int code, const struct err *e, const PGresult *r)
{
    struct asking a;
    mem_take(&a, arg, sizeof a);
    size_t count = code ? 0 : (size_t)PQntuples(r);
    struct db_delivery *due = mem_zalloc((count + 1) * sizeof *due);
    for (size_t i = 0; i < count; i++)
        due[i] = delivery_of(r, (int)i);
    a.due(a.arg, code, e, due, count);
    free(due);
}

static void put_busy(struct json_text *text, const struct db_delivery_key *busy, size_t count)
{
    json_text_array(text, NULL);
    for (size_t i = 0; i < count; i++) {
        char key[WEBHOOK_ID_MAX + 24];
        snprintf(key, sizeof key, "%s %" PRIu64, busy[i].webhook, busy[i].seq);
        json_text_str(text, NULL, key);
    }
    json_text_end(text);
}

void db_delivery_due(struct db_pool *pool, const struct db_delivery_key *busy, size_t busy_count,
                     unsigned most, db_delivery_due_cb *cb, void *arg)
{
    static const struct db_stmt stmt = {"due_deliveries",
                                        "select webhook_id, user_id, url, seq, body, tries, troubled, "
                                        "secret, secret_key, old_secret, sandbox_id from "
                                        "due_deliveries($1, $2, $3)",
                                        3};
    struct asking a = {.due = cb, .arg = arg};
    struct json_text text = {0};
    char limit[16], each[16];
    put_busy(&text, busy, busy_count);
    snprintf(limit, sizeof limit, "%u", most);
    snprintf(each, sizeof each, "%d", WEBHOOK_TURNS_OF_WEBHOOK);
    const char *params[] = {text.text.data, limit, each};
    db_query(pool, &stmt, params, on_due, mem_dup(&a, sizeof a));
    json_text_fini(&text);
}

void db_delivery_end(struct db_pool *pool, const struct db_delivery_key *key,
                     const struct db_delivery_try *what, db_json_cb *cb, void *arg)
{
    static const struct db_stmt stmt = {"end_try", "select end_try($1, $2, $3)::text", 3};
    struct json_text text = {0};
    char seq[24];
    json_text_object(&text, NULL);
    json_text_str(&text, "url", what->url);
    json_text_num(&text, "tries", what->tries);
    json_text_str(&text, "outcome", webhook_outcome_name(what->verdict.outcome));
    json_text_num(&text, "wait_ms", what->verdict.wait_ms);
    if (what->status)
        json_text_num(&text, "status", what->status);
    json_text_str(&text, "problem", what->problem[0] ? what->problem : NULL);
    json_text_str(&text, "excerpt", what->excerpt[0] ? what->excerpt : NULL);
    json_text_num(&text, "duration_ms", what->took_ms);
    json_text_bool(&text, "slow", what->took_ms > WEBHOOK_SLOW_MS);
    json_text_end(&text);
    snprintf(seq, sizeof seq, "%" PRIu64, key->seq);
    const char *params[] = {key->webhook, seq, text.text.data};
    db_query_json(pool, &stmt, params, 0, NULL, cb, arg);
    json_text_fini(&text);
}

void db_delivery_reseal(struct db_pool *pool, const struct db_delivery *d, const uint8_t *sealed, size_t len,
                        const char *key)
{
    static const struct db_stmt stmt = {"reseal_webhook", "select reseal_webhook($1, $2, $3, $4)::text", 4};
    struct text hex = {0};
    for (size_t i = 0; i < len; i++)
        text_fmt(&hex, "%02x", sealed[i]);
    const char *params[] = {d->key.webhook, d->secret_key, hex.data, key};
    db_query_forget(pool, &stmt, params);
    text_fini(&hex);
}

static void on_waiting(void *arg, int code, const struct err *e, const PGresult *r)
{
    struct asking a;
    mem_take(&a, arg, sizeof a);
    a.waiting(a.arg, code, e, code ? 0 : db_cell_num(r, 0, 0), code ? 0 : db_cell_num(r, 0, 1));
}

void db_delivery_waiting(struct db_pool *pool, db_delivery_waiting_cb *cb, void *arg)
{
    static const struct db_stmt stmt = {"deliveries_waiting",
                                        "select waiting, oldest_seconds from deliveries_waiting()", 0};
    struct asking a = {.waiting = cb, .arg = arg};
    db_query(pool, &stmt, NULL, on_waiting, mem_dup(&a, sizeof a));
}
