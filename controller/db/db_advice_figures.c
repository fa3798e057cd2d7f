/* Reads the figures of the advice, one question after another: each takes one connection for a moment. */
#include "controller/db/db_advice.h"

#include "common/base/mem.h"
#include "controller/db/db_query.h"
#include "controller/db/db_row.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static double real(const PGresult *r, int row, int column)
{
    const char *cell = db_cell(r, row, column);
    return cell ? strtod(cell, NULL) : 0;
}

static bool truth(const PGresult *r, int row, int column)
{
    return PQgetvalue(r, row, column)[0] == 't';
}

static void name(const PGresult *r, int row, int column, char *out, size_t size)
{
    snprintf(out, size, "%s", PQgetvalue(r, row, column));
}

/* Of an array column; 0 for a null. */
static void reals(const PGresult *r, int row, int column, double out[static ADVICE_RESOURCES])
{
    const char *cell = db_cell(r, row, column);
    for (size_t i = 0; i < ADVICE_RESOURCES; i++) {
        out[i] = cell ? strtod(cell + 1, NULL) : 0; /* past the brace or the comma; NULL reads as 0 */
        cell = cell ? strchr(cell + 1, ',') : NULL;
    }
}

/* --- days --- */

static struct advice_area *area_of(struct advice_figures *f, const char *of)
{
    struct advice_area *last = f->area_count ? &f->areas[f->area_count - 1] : NULL;
    if (last && !strcmp(last->name, of))
        return last;
    struct advice_area *area = &f->areas[f->area_count++];
    snprintf(area->name, sizeof area->name, "%s", of);
    return area;
}

static size_t names_of(const PGresult *r, int column)
{
    size_t count = 0;
    for (int i = 0; i < PQntuples(r); i++)
        count += !i || strcmp(PQgetvalue(r, i, column), PQgetvalue(r, i - 1, column)) != 0;
    return count;
}

/* In the order of names, then of days. */
static void take_days(struct advice_figures *f, const PGresult *r)
{
    f->areas = mem_zalloc((names_of(r, 0) + 1) * sizeof *f->areas);
    for (int i = 0; i < PQntuples(r); i++) {
        struct advice_area *area = area_of(f, PQgetvalue(r, i, 0));
        double peak[ADVICE_RESOURCES];
        if (area->days >= TREND_POINTS_MAX)
            continue;
        reals(r, i, 2, area->capacity);
        reals(r, i, 3, peak);
        for (unsigned n = 0; n < ADVICE_RESOURCES; n++)
            area->peak[n][area->days] = (struct trend_point){real(r, i, 1), peak[n]};
        area->days++;
    }
}

/* --- nodes, starts, tiers, queues --- */

static void take_nodes(struct advice_figures *f, const PGresult *r)
{
    f->node_count = (size_t)PQntuples(r);
    f->nodes = mem_zalloc((f->node_count + 1) * sizeof *f->nodes);
    for (int i = 0; i < (int)f->node_count; i++) {
        struct advice_node *n = &f->nodes[i];
        name(r, i, 0, n->name, sizeof n->name);
        name(r, i, 1, n->region, sizeof n->region);
        n->ready = truth(r, i, 2);
        n->cordoned = truth(r, i, 3);
        n->known = truth(r, i, 4);
        reals(r, i, 5, n->capacity);
        reals(r, i, 6, n->reserved);
        reals(r, i, 7, n->used);
    }
}

static struct advice_starts starts_of(const PGresult *r, int i)
{
    struct advice_starts s = {.count = real(r, i, 2),
                              .warm = real(r, i, 3),
                              .control_ms = real(r, i, 4),
                              .turn_ms = real(r, i, 5),
                              .disk_ms = real(r, i, 6),
                              .docker_ms = real(r, i, 7),
                              .whole_ms = real(r, i, 8),
                              .pulls = real(r, i, 9),
                              .pull_ms = real(r, i, 10),
                              .pull_sum_ms = real(r, i, 11)};
    name(r, i, 1, s.name, sizeof s.name);
    return s;
}

static void take_starts(struct advice_figures *f, const PGresult *r)
{
    size_t count = (size_t)PQntuples(r);
    f->node_starts = mem_zalloc((count + 1) * sizeof *f->node_starts);
    f->image_starts = mem_zalloc((count + 1) * sizeof *f->image_starts);
    for (int i = 0; i < (int)count; i++) {
        if (truth(r, i, 0))
            f->image_starts[f->image_start_count++] = starts_of(r, i);
        else
            f->node_starts[f->node_start_count++] = starts_of(r, i);
    }
}

static void take_tiers(struct advice_figures *f, const PGresult *r)
{
    f->tier_count = (size_t)PQntuples(r);
    f->tiers = mem_zalloc((f->tier_count + 1) * sizeof *f->tiers);
    for (int i = 0; i < (int)f->tier_count; i++) {
        struct advice_tier *t = &f->tiers[i];
        *t = (struct advice_tier){.memory_limit = real(r, i, 1),
                                  .max_sandboxes = real(r, i, 2),
                                  .creates = real(r, i, 3),
                                  .users = real(r, i, 4),
                                  .memory_most = real(r, i, 5),
                                  .ended = real(r, i, 6),
                                  .killed = real(r, i, 7),
                                  .live_users = real(r, i, 8),
                                  .full_users = real(r, i, 9),
                                  .known = truth(r, i, 10)};
        name(r, i, 0, t->name, sizeof t->name);
        reals(r, i, 12, t->reserved); /* 11: the capacity, which a tier has not */
        reals(r, i, 13, t->used);
    }
}

static void take_queues(struct advice_figures *f, const PGresult *r)
{
    f->queues = (struct advice_queues){.known = truth(r, 0, 0),
                                       .creates = real(r, 0, 1),
                                       .no_capacity = real(r, 0, 2),
                                       .database_mean = real(r, 0, 3),
                                       .creates_mean = real(r, 0, 4)};
}

/* --- one after another --- */

static const struct part {
    struct db_stmt stmt;
    void (*take)(struct advice_figures *f, const PGresult *r);
} parts[] = {
    {{"advice_days", "select * from advice_days(92)", 0, .class = DB_READ}, take_days},
    {{"advice_nodes", "select * from advice_nodes()", 0, .class = DB_READ}, take_nodes},
    {{"advice_starts", "select * from advice_starts()", 0, .class = DB_READ}, take_starts},
    {{"advice_tiers", "select * from advice_tiers($1)", 1, .class = DB_READ}, take_tiers},
    {{"advice_queues", "select * from advice_queues()", 0, .class = DB_READ}, take_queues},
};

struct reading {
    struct db_pool *pool;
    const struct db_defaults *defaults;
    struct advice_figures figures;
    size_t part;
    db_advice_figures_cb *cb;
    void *arg;
};

static void ask(struct reading *reading);

static void on_part(void *arg, int code, const struct err *e, const PGresult *r)
{
    struct reading *reading = arg;
    if (!code)
        parts[reading->part++].take(&reading->figures, r);
    if (!code && reading->part < ARRAY_LEN(parts)) {
        ask(reading);
        return;
    }
    if (code)
        advice_figures_fini(&reading->figures);
    reading->cb(reading->arg, code, e, &reading->figures);
    free(reading);
}

static void ask(struct reading *reading)
{
    const struct db_stmt *stmt = &parts[reading->part].stmt;
    CLEANUP(mem_free_ptr) char *defaults = stmt->params ? db_defaults_json(reading->defaults) : NULL;
    const char *params[] = {defaults};
    db_query(reading->pool, stmt, params, on_part, reading);
}

void db_advice_figures(struct db_pool *pool, const struct db_defaults *defaults, db_advice_figures_cb *cb,
                       void *arg)
{
    struct reading *reading = mem_zalloc(sizeof *reading);
    *reading = (struct reading){.pool = pool, .defaults = defaults, .cb = cb, .arg = arg};
    ask(reading);
}
