#include "controller/db/db_right_size.h"

#include "common/base/mem.h"
#include "controller/db/db_query.h"
#include "controller/db/db_row.h"

#include <stdlib.h>

/* Columns of the type right_size_row. */
enum {
    SUBJECT,
    NAME,
    LIVE,
    HAS,
    MOST,
    VIOLATIONS,
    OOM_BYTES,
    FROZEN,
    AT,
    FIRST_AT,
    LAST_AT,
    SAMPLES,
    MEMORY_KIB,
    CPU_MILLIS,
    DISK_BYTES,
    PIDS
};

struct asking {
    db_usage_cb *cb;
    void *arg;
    bool must_exist;
};

static void fill_sandbox(const PGresult *r, int n, struct db_usage_row *row)
{
    row->live = PQgetvalue(r, n, LIVE)[0] == 't';
    row->frozen = PQgetvalue(r, n, FROZEN)[0] == 't';
    row->oom_bytes = db_cell_num(r, n, OOM_BYTES);
    row->at_s = db_cell_num(r, n, AT);
    db_cell_numbers(r, n, HAS, row->has, RIGHT_SIZE_KINDS);
    db_cell_numbers(r, n, MOST, row->most, RIGHT_SIZE_KINDS);
    db_cell_numbers(r, n, VIOLATIONS, row->violations, RIGHT_SIZE_KINDS);
}

static void fill_minutes(const PGresult *r, int n, int column, int64_t out[static RIGHT_SIZE_MINUTES])
{
    uint64_t numbers[RIGHT_SIZE_MINUTES];
    db_cell_numbers(r, n, column, numbers, RIGHT_SIZE_MINUTES);
    for (size_t i = 0; i < RIGHT_SIZE_MINUTES; i++)
        out[i] = (int64_t)numbers[i];
}

static void fill_window(const PGresult *r, int n, struct right_size_window *w)
{
    w->at_s = db_cell_num(r, n, AT);
    w->first_s = db_cell_num(r, n, FIRST_AT);
    w->last_s = db_cell_num(r, n, LAST_AT);
    w->disk_bytes = (int64_t)db_cell_num(r, n, DISK_BYTES);
    w->pids = (int64_t)db_cell_num(r, n, PIDS);
    fill_minutes(r, n, MEMORY_KIB, w->memory_kib);
    fill_minutes(r, n, CPU_MILLIS, w->cpu_millis);
}

static void give_row(const struct asking *asking, const PGresult *r, int n)
{
    struct db_usage_row row = {.subject = PQgetvalue(r, n, SUBJECT), .name = PQgetvalue(r, n, NAME)};
    row.window.samples = db_cell_num(r, n, SAMPLES);
    row.of_sandbox = !row.window.samples;
    if (row.of_sandbox)
        fill_sandbox(r, n, &row);
    else
        fill_window(r, n, &row.window);
    asking->cb(asking->arg, 0, NULL, &row);
}

static void on_rows(void *arg, int code, const struct err *e, const PGresult *r)
{
    struct asking asking = *(struct asking *)arg;
    struct err missing;
    free(arg);
    if (!code && asking.must_exist && !PQntuples(r)) {
        code = err_set(&missing, ERR_NOT_FOUND, "There is no such sandbox");
        e = &missing;
    }
    for (int n = 0; !code && n < PQntuples(r); n++)
        give_row(&asking, r, n);
    asking.cb(asking.arg, code, e, NULL);
}

static struct asking *asking_new(db_usage_cb *cb, void *arg, bool must_exist)
{
    struct asking *asking = mem_zalloc(sizeof *asking);
    *asking = (struct asking){.cb = cb, .arg = arg, .must_exist = must_exist};
    return asking;
}

void db_usage_of_sandbox(struct db_pool *pool, const char *id, const char *owner,
                         const struct db_defaults *defaults, db_usage_cb *cb, void *arg)
{
    static const struct db_stmt stmt = {
        "right_size_of_sandbox", "select * from right_size_of_sandbox($1, $2, $3)", 3, .class = DB_READ};
    CLEANUP(mem_free_ptr) char *json = db_defaults_json(defaults);
    const char *params[] = {id, owner, json};
    db_query(pool, &stmt, params, on_rows, asking_new(cb, arg, true));
}

void db_usage_of_user(struct db_pool *pool, const char *user_id, const struct db_defaults *defaults,
                      db_usage_cb *cb, void *arg)
{
    static const struct db_stmt stmt = {"right_sizes_of_user", "select * from right_sizes_of_user($1, $2)", 2,
                                        .class = DB_READ};
    CLEANUP(mem_free_ptr) char *json = db_defaults_json(defaults);
    const char *params[] = {user_id, json};
    db_query(pool, &stmt, params, on_rows, asking_new(cb, arg, false));
}
