#include "controller/db/db_clock.h"

#include "common/base/mem.h"
#include "controller/db/db_query.h"
#include "controller/db/db_row.h"
#include "common/base/json_text.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

struct looking {
    db_clock_cb *cb;
    void *arg;
};

static void on_look(void *arg, int code, const struct err *e, const PGresult *r)
{
    struct looking l = *(struct looking *)arg;
    struct db_clock clock = {0};
    free(arg);
    if (!code)
        clock = (struct db_clock){.now_ms = (int64_t)db_cell_num(r, 0, 0),
                                  .boot_id = db_cell(r, 0, 1),
                                  .offset_ms = (int64_t)db_cell_num(r, 0, 2)};
    l.cb(l.arg, code, e, code ? NULL : &clock);
}

void db_clock_sample(struct db_pool *pool, db_clock_cb *cb, void *arg)
{
    static const struct db_stmt stmt = {
        "clock_sample", "select now_ms, boot_id, offset_ms from clock_sample()", 0, .class = DB_READ};
    struct looking *l = mem_zalloc(sizeof *l);
    *l = (struct looking){cb, arg};
    db_query(pool, &stmt, NULL, on_look, l);
}

void db_clock_keep(struct db_pool *pool, const char *boot_id, int64_t offset_ms)
{
    static const struct db_stmt stmt = {"keep_clock_frame", "select keep_clock_frame($1, $2)", 2};
    char offset[24];
    const char *params[] = {boot_id, offset};
    snprintf(offset, sizeof offset, "%" PRId64, offset_ms);
    db_query_forget(pool, &stmt, params);
}

static void add_moves(struct json_text *t, const struct db_clock_move *moves, size_t count)
{
    json_text_array(t, NULL);
    for (size_t i = 0; i < count; i++) {
        json_text_array(t, NULL);
        json_text_str(t, NULL, moves[i].id.text);
        json_text_int(t, NULL, moves[i].from_ms);
        json_text_int(t, NULL, moves[i].to_ms);
        json_text_end(t);
    }
    json_text_end(t);
}

void db_clock_stepped(struct db_pool *pool, const char *boot_id, int64_t offset_ms, int64_t step_ms,
                      const struct db_clock_move *moves, size_t count, db_json_cb *cb, void *arg)
{
    static const struct db_stmt stmt = {"clock_stepped", "select clock_stepped($1, $2, $3, $4)", 4};
    struct json_text rows = {0};
    char offset[24], step[24];
    snprintf(offset, sizeof offset, "%" PRId64, offset_ms);
    snprintf(step, sizeof step, "%" PRId64, step_ms);
    if (moves)
        add_moves(&rows, moves, count);
    const char *params[] = {boot_id, offset, step, moves ? rows.text.data : NULL};
    db_query_json(pool, &stmt, params, ERR_INTERNAL, "The clock's step had no answer", cb, arg);
    json_text_fini(&rows);
}
