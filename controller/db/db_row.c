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

const char *db_cell(const PGresult *r, int row, int column)
{
    return PQgetisnull(r, row, column) ? NULL : PQgetvalue(r, row, column);
}

static bool desired_parse(const char *name, enum desired *out)
{
    *out = name[0] == 'r' ? DESIRED_RUNNING : name[0] == 'p' ? DESIRED_PAUSED : DESIRED_GONE;
    return name[0] == 'r' || name[0] == 'p' || name[0] == 'g';
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

/* Columns of the type sandbox_row. */
enum {
    ID,
    USER,
    NODE,
    STATE,
    DESIRED,
    REASON,
    GENERATION,
    REMAINING,
    EXPIRES,
    LIMITS,
    RESCHEDULED,
    WARM,
    BODY,
    SPEC,
    TIER
};

int db_row_fill(const PGresult *r, int n, int first, struct sandbox_row *row, struct err *e)
{
    struct desired_state *desired = &row->desired;
    if (!sandbox_id_parse(PQgetvalue(r, n, first + ID), &desired->id) ||
        !sandbox_state_parse(PQgetvalue(r, n, first + STATE), &row->state) ||
        !desired_parse(PQgetvalue(r, n, first + DESIRED), &desired->state) ||
        !sandbox_reason_parse(PQgetvalue(r, n, first + REASON), &desired->reason))
        return err_set(e, ERR_INTERNAL, "The database has a sandbox that this program cannot read");
    desired->generation = db_cell_num(r, n, first + GENERATION);
    desired->remaining_ms = db_cell_num(r, n, first + REMAINING);
    fill_limits(r, n, first + LIMITS, &desired->limits);
    row->user = PQgetvalue(r, n, first + USER);
    row->tier = PQgetvalue(r, n, first + TIER);
    row->node = PQgetvalue(r, n, first + NODE);
    row->expires_ms = (int64_t)db_cell_num(r, n, first + EXPIRES);
    row->rescheduled = PQgetvalue(r, n, first + RESCHEDULED)[0] == 't';
    row->warm = PQgetvalue(r, n, first + WARM)[0] == 't';
    row->json = db_cell(r, n, first + BODY);
    return 0;
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

typedef int row_fill(const PGresult *r, int n, struct sandbox_row *row, struct err *e);

struct reading {
    row_fill *fill;
    db_sandbox_rows_cb *cb;
    void *arg;
};

static int fill_whole(const PGresult *r, int n, struct sandbox_row *row, struct err *e)
{
    if (!PQgetisnull(r, n, SPEC)) /* as it is after its end */
        row->desired.spec =
            PQunescapeBytea((const unsigned char *)PQgetvalue(r, n, SPEC), &row->desired.spec_len);
    return db_row_fill(r, n, 0, row, e);
}

/* Columns of sandbox_marks(). */
static int fill_mark(const PGresult *r, int n, struct sandbox_row *row, struct err *e)
{
    row->desired.generation = db_cell_num(r, n, 1);
    if (sandbox_id_parse(PQgetvalue(r, n, 0), &row->desired.id) &&
        sandbox_state_parse(PQgetvalue(r, n, 2), &row->state))
        return 0;
    return err_set(e, ERR_INTERNAL, "The database has a sandbox that this program cannot read");
}

static void on_rows(void *arg, int code, const struct err *e, const PGresult *r)
{
    struct reading reading = *(struct reading *)arg;
    size_t count = code ? 0 : (size_t)PQntuples(r), i;
    struct sandbox_row *rows = mem_zalloc((count + 1) * sizeof *rows);
    struct err bad;
    free(arg);
    for (i = 0; i < count; i++) {
        int wrong = reading.fill(r, (int)i, &rows[i], &bad);
        if (wrong) {
            code = wrong;
            e = &bad;
        }
    }
    reading.cb(reading.arg, code, e, code ? NULL : rows, code ? 0 : count);
    for (i = 0; i < count; i++)
        PQfreemem((void *)(uintptr_t)rows[i].desired.spec);
    free(rows);
}

static struct reading *reading_new(row_fill *fill_row, db_sandbox_rows_cb *cb, void *arg)
{
    struct reading *reading = mem_zalloc(sizeof *reading);
    *reading = (struct reading){fill_row, cb, arg};
    return reading;
}

void db_sandbox_live(struct db_pool *pool, db_sandbox_rows_cb *cb, void *arg)
{
    static const struct db_stmt stmt = {"live_sandboxes", "select * from live_sandboxes()", 0,
                                        .class = DB_READ};
    db_query(pool, &stmt, NULL, on_rows, reading_new(fill_whole, cb, arg));
}

void db_sandbox_marks(struct db_pool *pool, db_sandbox_rows_cb *cb, void *arg)
{
    static const struct db_stmt stmt = {"sandbox_marks", "select * from sandbox_marks()", 0,
                                        .class = DB_READ};
    db_query(pool, &stmt, NULL, on_rows, reading_new(fill_mark, cb, arg));
}

void db_sandbox_read(struct db_pool *pool, const struct sandbox_id *ids, size_t count, db_sandbox_rows_cb *cb,
                     void *arg)
{
    static const struct db_stmt stmt = {"read_sandboxes", "select * from read_sandboxes($1)", 1,
                                        .class = DB_READ};
    struct text text = {0};
    text_add(&text, "{");
    for (size_t i = 0; i < count; i++)
        text_fmt(&text, "%s%s", i ? "," : "", ids[i].text);
    text_add(&text, "}");
    const char *params[] = {text.data};
    db_query(pool, &stmt, params, on_rows, reading_new(fill_whole, cb, arg));
    text_fini(&text);
}
