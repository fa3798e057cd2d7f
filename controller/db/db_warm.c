#include "controller/db/db_warm.h"

#include "common/base/mem.h"
#include "controller/db/db_query.h"
#include "controller/db/db_row.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

struct writing {
    db_warm_cb *cb;
    void *arg;
};

static void on_written(void *arg, int code, const struct err *e, const PGresult *r)
{
    struct writing writing = *(struct writing *)arg;
    free(arg);
    writing.cb(writing.arg, code, e);
}

static struct writing *writing_new(db_warm_cb *cb, void *arg)
{
    struct writing *writing = mem_zalloc(sizeof *writing);
    *writing = (struct writing){cb, arg};
    return writing;
}

void db_warm_add(struct db_pool *pool, const struct warm_row *row, db_warm_cb *cb, void *arg)
{
    static const struct db_stmt stmt = {"add_warm_member", "select add_warm_member($1, $2, $3, $4, $5, $6)",
                                        6};
    char storage[24], shm[24], memory[24];
    const char *params[] = {row->id.text, row->node, row->class.image, storage, shm, memory};
    snprintf(storage, sizeof storage, "%" PRIu64, row->class.storage_bytes);
    snprintf(shm, sizeof shm, "%" PRIu64, row->class.shm_bytes);
    snprintf(memory, sizeof memory, "%u", WARM_MEMORY_BYTES);
    db_query(pool, &stmt, params, on_written, writing_new(cb, arg));
}

void db_warm_drop(struct db_pool *pool, const struct sandbox_id *id, db_warm_cb *cb, void *arg)
{
    static const struct db_stmt stmt = {"drop_warm_member", "select drop_warm_member($1)", 1};
    const char *params[] = {id->text};
    db_query(pool, &stmt, params, on_written, writing_new(cb, arg));
}

struct listing {
    db_warm_rows_cb *cb;
    void *arg;
};

/* Columns of list_warm_members. */
enum { ID, NODE, IMAGE, STORAGE, SHM };

static void on_listed(void *arg, int code, const struct err *e, const PGresult *r)
{
    struct listing listing = *(struct listing *)arg;
    size_t count = code ? 0 : (size_t)PQntuples(r), n = 0;
    struct warm_row *rows = mem_zalloc((count + 1) * sizeof *rows);
    free(arg);
    for (size_t i = 0; i < count; i++) {
        struct warm_row *row = &rows[n];
        if (!sandbox_id_parse(PQgetvalue(r, (int)i, ID), &row->id))
            continue;
        row->node = PQgetvalue(r, (int)i, NODE);
        snprintf(row->class.image, sizeof row->class.image, "%s", PQgetvalue(r, (int)i, IMAGE));
        row->class.storage_bytes = db_cell_num(r, (int)i, STORAGE);
        row->class.shm_bytes = db_cell_num(r, (int)i, SHM);
        n++;
    }
    listing.cb(listing.arg, code, e, code ? NULL : rows, n);
    free(rows);
}

void db_warm_list(struct db_pool *pool, db_warm_rows_cb *cb, void *arg)
{
    static const struct db_stmt stmt = {"list_warm_members", "select * from list_warm_members()", 0,
                                        .class = DB_READ};
    struct listing *listing = mem_zalloc(sizeof *listing);
    *listing = (struct listing){cb, arg};
    db_query(pool, &stmt, NULL, on_listed, listing);
}

struct asking_floors {
    db_warm_floors_cb *cb;
    void *arg;
};

/* Columns of warm_floors. */
enum { FLOOR_IMAGE, FLOOR_STORAGE, FLOOR_SHM, FLOOR_MEMORY, FLOOR_LEAST };

static void on_floors(void *arg, int code, const struct err *e, const PGresult *r)
{
    struct asking_floors asking = *(struct asking_floors *)arg;
    size_t count = code ? 0 : (size_t)PQntuples(r);
    struct db_warm_floor *floors = mem_zalloc((count + 1) * sizeof *floors);
    free(arg);
    for (size_t i = 0; i < count; i++)
        floors[i] = (struct db_warm_floor){.image = PQgetvalue(r, (int)i, FLOOR_IMAGE),
                                           .storage_bytes = db_cell_num(r, (int)i, FLOOR_STORAGE),
                                           .shm_bytes = db_cell_num(r, (int)i, FLOOR_SHM),
                                           .memory_bytes = db_cell_num(r, (int)i, FLOOR_MEMORY),
                                           .least = (uint32_t)db_cell_num(r, (int)i, FLOOR_LEAST)};
    asking.cb(asking.arg, code, e, floors, count);
    free(floors);
}

void db_warm_floors(struct db_pool *pool, db_warm_floors_cb *cb, void *arg)
{
    static const struct db_stmt stmt = {"warm_floors", "select * from warm_floors()", 0, .class = DB_READ};
    struct asking_floors *asking = mem_zalloc(sizeof *asking);
    *asking = (struct asking_floors){cb, arg};
    db_query(pool, &stmt, NULL, on_floors, asking);
}
