#include "controller/db/db_system.h"

#include "common/base/text.h"
#include "controller/core/starts.h"
#include "controller/db/db_query.h"

#include <inttypes.h>
#include <stdio.h>

void db_system_sample_add(struct db_pool *pool, const struct db_system_sample *sample, db_json_cb *cb,
                          void *arg)
{
    static const struct db_stmt stmt = {"add_system_sample",
                                        "select add_system_sample($1, $2, $3, $4, $5)::text", 5};
    char at[24], epoch[24], covered[24];
    const char *params[] = {at, epoch, covered, sample->counts_only ? "t" : "f", sample->rows};
    snprintf(at, sizeof at, "%" PRIu64, sample->unix_ms);
    snprintf(epoch, sizeof epoch, "%" PRIu64, sample->epoch);
    snprintf(covered, sizeof covered, "%" PRIu64, sample->covered_ms);
    db_query_json(pool, &stmt, params, 0, "", cb, arg);
}

/* The upper bounds of the buckets of starts, but for the last one, which has none. */
static void put_bounds(struct text *bounds)
{
    text_add(bounds, "{");
    for (size_t i = 0; i < histogram_bound_count(&starts_bounds); i++)
        text_fmt(bounds, "%s%" PRIu64, i ? "," : "", starts_bounds.us[i] / 1000);
    text_add(bounds, "}");
}

void db_system_history(struct db_pool *pool, const struct db_system_range *range, db_page_cb *cb, void *arg)
{
    static const struct db_stmt stmt = {"system_history", "select system_history($1, $2, $3, $4, $5, $6, $7)",
                                        7};
    struct text bounds = {0};
    char step[16];
    put_bounds(&bounds);
    const char *params[] = {range->from, range->to, step, range->part, range->by, range->name, bounds.data};
    snprintf(step, sizeof step, "%u", range->step_seconds);
    db_query_page(pool, &stmt, params, ERR_INVALID, "from must not be later than to", cb, arg);
    text_fini(&bounds);
}
