#include "controller/db/db_user.h"

#include "common/base/json_text.h"
#include "common/base/mem.h"
#include "controller/db/db_query.h"
#include "controller/db/db_row.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct finding {
    db_key_cb *cb;
    void *arg;
};

/*
 * Columns of find_key, with the violation levels of the tier in one text; the limits of the tier and the
 * overrides are arrays in the order of enum limit_kind.
 */
enum {
    COL_SHA256,
    COL_USER,
    COL_NAME,
    COL_KEY,
    COL_TIER,
    COL_ADMIN,
    COL_SCOPES,
    COL_REMAINING,
    COL_LEVELS,
    COL_LIMITS,
    COL_OVERRIDES,
    COL_WARM
};

static void copy(char *out, size_t size, const PGresult *r, int column)
{
    snprintf(out, size, "%s", PQgetvalue(r, 0, column));
}

static uint64_t number(const PGresult *r, int column)
{
    return strtoull(PQgetvalue(r, 0, column), NULL, 10);
}

static struct violation_levels levels(const char *numbers)
{
    struct violation_levels out;
    char *at = (char *)numbers;
#define TAKE(name) out.name = (uint32_t)strtoul(at, &at, 10);
    VIOLATION_LEVELS(TAKE)
#undef TAKE
    return out;
}

static void fill(struct db_key *key, const PGresult *r)
{
    struct caller *c = &key->caller;
    const char *hex = PQgetvalue(r, 0, COL_SHA256);
    for (int i = 0; i < 32; i++)
        sscanf(hex + 2 * i, "%2hhx", &key->sha256[i]);
    copy(c->user_id, sizeof c->user_id, r, COL_USER);
    copy(c->user_name, sizeof c->user_name, r, COL_NAME);
    copy(c->key_id, sizeof c->key_id, r, COL_KEY);
    copy(c->tier, sizeof c->tier, r, COL_TIER);
    c->admin = PQgetvalue(r, 0, COL_ADMIN)[0] == 't';
    c->scopes = (uint32_t)number(r, COL_SCOPES);
    key->expires = !PQgetisnull(r, 0, COL_REMAINING);
    key->remaining_ms = number(r, COL_REMAINING);
    c->levels = levels(PQgetvalue(r, 0, COL_LEVELS));
    db_cell_numbers(r, 0, COL_LIMITS, c->tier_limits.value, LIMIT_KIND_COUNT);
    c->warm_starts = PQgetvalue(r, 0, COL_WARM)[0] == 't';
    db_cell_numbers(r, 0, COL_OVERRIDES, c->overrides.value, LIMIT_KIND_COUNT);
}

static void on_found(void *arg, int code, const struct err *e, const PGresult *r)
{
    struct finding f;
    struct db_key key = {0};
    struct err none;
    mem_take(&f, arg, sizeof f);
    if (!code && PQntuples(r) == 0) {
        code = err_set(&none, ERR_UNAUTHENTICATED, "The API key is not valid");
        e = &none;
    }
    if (!code)
        fill(&key, r);
    f.cb(f.arg, code, e, code ? NULL : &key);
}

void db_key_find(struct db_pool *pool, const char *prefix, db_key_cb *cb, void *arg)
{
    static const struct db_stmt stmt = {
        "find_key",
        "select sha256, user_id, user_name, key_id, tier, admin, scopes, remaining_ms, "
        "violation_levels(violations), tier_limits, overrides, warm_starts from find_key($1) join tiers on "
        "name = tier",
        1, .class = DB_KEY};
    struct finding f = {cb, arg};
    const char *params[] = {prefix};
    db_query(pool, &stmt, params, on_found, mem_dup(&f, sizeof f));
}

/* --- keys that are in use --- */

struct reading {
    db_keys_cb *cb;
    void *arg;
};

static void on_keys(void *arg, int code, const struct err *e, const PGresult *r)
{
    struct reading reading;
    size_t count = code ? 0 : (size_t)PQntuples(r);
    struct key_status *status = mem_zalloc((count + 1) * sizeof *status);
    mem_take(&reading, arg, sizeof reading);
    for (size_t i = 0; i < count; i++) {
        int row = (int)i;
        snprintf(status[i].id, sizeof status[i].id, "%s", PQgetvalue(r, row, 0));
        status[i].admin = PQgetvalue(r, row, 1)[0] == 't';
        status[i].scopes = (uint32_t)db_cell_num(r, row, 2);
        status[i].expires = !PQgetisnull(r, row, 3);
        status[i].remaining_ms = db_cell_num(r, row, 3);
    }
    reading.cb(reading.arg, code, e, status, count);
    free(status);
}

void db_keys_now(struct db_pool *pool, const char *const *key_ids, size_t count, db_keys_cb *cb, void *arg)
{
    static const struct db_stmt stmt = {
        "keys_now", "select key_id, admin, scopes, remaining_ms from keys_now($1)", 1, .class = DB_KEY};
    struct reading *reading = mem_zalloc(sizeof *reading);
    struct json_text text = {0};
    json_text_array(&text, NULL);
    for (size_t i = 0; i < count; i++)
        json_text_str(&text, NULL, key_ids[i]);
    json_text_end(&text);
    *reading = (struct reading){cb, arg};
    const char *params[] = {text.text.data};
    db_query(pool, &stmt, params, on_keys, reading);
    json_text_fini(&text);
}

void db_key_prefixes(struct db_pool *pool, unsigned most, db_json_cb *cb, void *arg)
{
    static const struct db_stmt stmt = {"key_prefixes", "select live_key_prefixes($1)", 1, .class = DB_KEY};
    char number[16];
    snprintf(number, sizeof number, "%u", most);
    const char *params[] = {number};
    db_query_json(pool, &stmt, params, 0, NULL, cb, arg);
}
