#include "controller/db/db_row.h"

#include "common/base/mem.h"
#include "controller/db/db_query.h"
#include "common/base/json_text.h"

#include <stdlib.h>
#include <string.h>

uint64_t db_cell_num(const PGresult *r, int row, int column)
{
    return strtoull(PQgetvalue(r, row, column), NULL, 10);
}

int64_t db_named_cell(const PGresult *r, int row, const char *column)
{
    int at = PQfnumber(r, column);
    return at < 0 ? 0 : strtoll(PQgetvalue(r, row, at), NULL, 10);
}

const char *db_cell(const PGresult *r, int row, int column)
{
    return PQgetisnull(r, row, column) ? NULL : PQgetvalue(r, row, column);
}

static bool desired_parse(const char *name, enum desired *out)
{
    *out = name[0] == 'r' ? DESIRED_RUNNING : name[0] == 'p' ? DESIRED_PAUSED : DESIRED_GONE;
    return name[0] == 'r' || name[0] == 'p' || name[0] == 'g';
}

/* Fills the columns that a change and a live row share, from id on, except the node. */
static int fill(const PGresult *r, int n, int id, int state, struct db_sandbox_row *row, struct err *e)
{
    if (!sandbox_id_parse(PQgetvalue(r, n, id), &row->id) ||
        !sandbox_state_parse(PQgetvalue(r, n, state), &row->state) ||
        !desired_parse(PQgetvalue(r, n, state + 1), &row->desired) ||
        !sandbox_reason_parse(PQgetvalue(r, n, state + 2), &row->desired_reason))
        return err_set(e, ERR_INTERNAL, "The database has a sandbox that this program cannot read");
    row->generation = db_cell_num(r, n, state + 3);
    row->remaining_ms = db_cell_num(r, n, state + 4);
    row->expires_ms = db_named_cell(r, n, "expires_ms");
    return 0;
}

/*
 * Reads a number from an array in PostgreSQL's text form, such as {1,NULL,3}, and moves *at behind it. 0 for
 * null.
 */
static uint64_t next_number(const char **at)
{
    *at += strspn(*at, "{,");
    uint64_t n = strtoull(*at, NULL, 10);
    *at += strcspn(*at, ",}");
    return n;
}

void db_cell_numbers(const PGresult *r, int row, int column, uint64_t *out, size_t count)
{
    const char *at = PQgetvalue(r, row, column);
    for (size_t i = 0; i < count; i++)
        out[i] = next_number(&at);
}

static void fill_limits(const PGresult *r, int n, int column, struct sandbox_limits *l)
{
    const char *at = PQgetvalue(r, n, column);
#define LIMIT(KIND, name, ...) l->name = next_number(&at);
#include "common/model/limit.def"
}

int db_row_change(const PGresult *r, int column, struct db_sandbox_row *row, struct err *e)
{
    row->node = PQgetvalue(r, 0, column + 1);
    fill_limits(r, 0, column + 7, &row->limits);
    return fill(r, 0, column, column + 2, row, e);
}

char *db_defaults_json(const struct db_defaults *d)
{
    struct json_text text = {0};
    json_text_object(&text, NULL);
    json_text_num(&text, "max_sandboxes", d->max_sandboxes);
    json_text_num(&text, "max_key_sandboxes", d->max_key_sandboxes);
#define LIMIT(KIND, name, ...)                                                                               \
    if (d->name)                                                                                             \
        json_text_num(&text, #name, d->name);
#define LIMIT_TIME(KIND, name, ...)                                                                          \
    if (d->name)                                                                                             \
        json_text_num(&text, #name, d->name);
#include "common/model/limit.def"
    json_text_num(&text, "max_total_sandboxes", d->max_total_sandboxes);
    json_text_end(&text);
    return text.text.data;
}

typedef int row_fill(const PGresult *r, int n, struct db_sandbox_row *row, struct err *e);

struct reading {
    row_fill *fill;
    db_sandbox_rows_cb *cb;
    void *arg;
};

/* Columns of live_sandboxes(). */
enum { ID, USER, KEY, TIER, NODE, REGION, STATE, AGE = 11, LIMITS, RESTART, RESCHEDULED, SPEC };

static int fill_live(const PGresult *r, int n, struct db_sandbox_row *row, struct err *e)
{
    row->user_id = PQgetvalue(r, n, USER);
    row->key_id = PQgetvalue(r, n, KEY);
    row->tier = PQgetvalue(r, n, TIER);
    row->node = PQgetvalue(r, n, NODE);
    row->region = PQgetvalue(r, n, REGION);
    row->age_ms = db_cell_num(r, n, AGE);
    fill_limits(r, n, LIMITS, &row->limits);
    row->restart_elsewhere = PQgetvalue(r, n, RESTART)[0] == 'e';
    row->rescheduled = PQgetvalue(r, n, RESCHEDULED)[0] == 't';
    row->spec = PQunescapeBytea((const unsigned char *)PQgetvalue(r, n, SPEC), &row->spec_len);
    int body = PQfnumber(r, "body");
    row->json = body < 0 ? NULL : db_cell(r, n, body);
    return fill(r, n, ID, STATE, row, e);
}

/* Columns of sandbox_marks(). */
static int fill_mark(const PGresult *r, int n, struct db_sandbox_row *row, struct err *e)
{
    row->generation = db_cell_num(r, n, 1);
    if (sandbox_id_parse(PQgetvalue(r, n, 0), &row->id) &&
        sandbox_state_parse(PQgetvalue(r, n, 2), &row->state))
        return 0;
    return err_set(e, ERR_INTERNAL, "The database has a sandbox that this program cannot read");
}

static void on_rows(void *arg, int code, const struct err *e, const PGresult *r)
{
    struct reading f = *(struct reading *)arg;
    size_t count = code ? 0 : (size_t)PQntuples(r), i;
    struct db_sandbox_row *rows = mem_zalloc((count + 1) * sizeof *rows);
    struct err bad;
    free(arg);
    for (i = 0; i < count; i++) {
        int wrong = f.fill(r, (int)i, &rows[i], &bad);
        if (wrong) {
            code = wrong;
            e = &bad;
        }
    }
    f.cb(f.arg, code, e, code ? NULL : rows, code ? 0 : count);
    for (i = 0; i < count; i++)
        PQfreemem((void *)(uintptr_t)rows[i].spec);
    free(rows);
}

static struct reading *reading_new(row_fill *fill_row, db_sandbox_rows_cb *cb, void *arg)
{
    struct reading *f = mem_zalloc(sizeof *f);
    *f = (struct reading){fill_row, cb, arg};
    return f;
}

void db_sandbox_live(struct db_pool *pool, db_sandbox_rows_cb *cb, void *arg)
{
    static const struct db_stmt stmt = {"live_sandboxes",
                                        "select l.*, expires_ms(l.id) from live_sandboxes() l", 0};
    db_query(pool, &stmt, NULL, on_rows, reading_new(fill_live, cb, arg));
}

void db_sandbox_marks(struct db_pool *pool, db_sandbox_rows_cb *cb, void *arg)
{
    static const struct db_stmt stmt = {"sandbox_marks", "select * from sandbox_marks()", 0};
    db_query(pool, &stmt, NULL, on_rows, reading_new(fill_mark, cb, arg));
}

void db_sandbox_read(struct db_pool *pool, const struct sandbox_id *ids, size_t count, db_sandbox_rows_cb *cb,
                     void *arg)
{
    static const struct db_stmt stmt = {"read_sandboxes",
                                        "select r.*, expires_ms(r.id) from read_sandboxes($1) r", 1};
    struct text text = {0};
    text_add(&text, "{");
    for (size_t i = 0; i < count; i++)
        text_fmt(&text, "%s%s", i ? "," : "", ids[i].text);
    text_add(&text, "}");
    const char *params[] = {text.data};
    db_query(pool, &stmt, params, on_rows, reading_new(fill_live, cb, arg));
    text_fini(&text);
}
