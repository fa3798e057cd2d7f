#include "controller/db/db_clock.h"

#include "common/base/mem.h"
#include "controller/db/db_query.h"
#include "controller/db/db_row.h"
#include "controller/db/db_text.h"

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

void db_clock_look(struct db_pool *pool, db_clock_cb *cb, void *arg)
{
    static const struct db_stmt stmt = {"clock_look", "select now_ms, boot_id, offset_ms from clock_look()",
                                        0};
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

static void add_moves(struct db_text *t, const struct db_clock_move *moves, size_t count)
{
    db_text_add(t, "[");
    for (size_t i = 0; i < count; i++)
        db_text_fmt(t, "%s[\"%s\",%" PRId64 ",%" PRId64 "]", i ? "," : "", moves[i].id.text, moves[i].from_ms,
                    moves[i].to_ms);
    db_text_add(t, "]");
}

void db_clock_stepped(struct db_pool *pool, const char *boot_id, int64_t offset_ms, int64_t step_ms,
                      const struct db_clock_move *moves, size_t count, db_json_cb *cb, void *arg)
{
    static const struct db_stmt stmt = {"clock_stepped", "select clock_stepped($1, $2, $3, $4)", 4};
    struct db_text rows = {0};
    char offset[24], step[24];
    snprintf(offset, sizeof offset, "%" PRId64, offset_ms);
    snprintf(step, sizeof step, "%" PRId64, step_ms);
    if (moves)
        add_moves(&rows, moves, count);
    const char *params[] = {boot_id, offset, step, moves ? rows.data : NULL};
    db_query_json(pool, &stmt, params, ERR_INTERNAL, "The clock's step had no answer", cb, arg);
    db_text_fini(&rows);
}
