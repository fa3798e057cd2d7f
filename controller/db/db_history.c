#include "controller/db/db_history.h"

#include "controller/db/db_query.h"
#include "common/base/json_text.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define SAMPLES_MAX 4096

/* The parameters of add_samples after node, days and id, each with the offset of its value in a sample. */
#define COLUMN(member)                                                                                       \
    {                                                                                                        \
        offsetof(struct sample, member), sizeof(((struct sample *)0)->member)                                \
    }
static const struct {
    size_t offset, size;
} columns[] = {
    COLUMN(number),
    COLUMN(ago_ms),
    COLUMN(memory_used_bytes),
    COLUMN(memory_unreclaimable_bytes),
    COLUMN(memory_limit_bytes),
    COLUMN(cpu_centi),
    COLUMN(throttled_centi),
    COLUMN(disk_used_bytes),
    COLUMN(disk_limit_bytes),
    COLUMN(rx_bytes),
    COLUMN(tx_bytes),
    COLUMN(pids),
    COLUMN(pids_limit),
};

/* SQL integers are signed: a larger value comes from a broken counter and is cut. */
static uint64_t value_of(const struct sample *s, size_t column)
{
    const char *at = (const char *)s + columns[column].offset;
    if (columns[column].size == sizeof(uint32_t)) {
        uint32_t value = *(const uint32_t *)(const void *)at;
        return value > INT32_MAX ? INT32_MAX : value;
    }
    uint64_t value = *(const uint64_t *)(const void *)at;
    return value > INT64_MAX ? INT64_MAX : value;
}

void db_samples_add(struct db_pool *pool, const char *node, uint64_t keep_days, const struct sample *samples,
                    size_t count, db_json_cb *cb, void *arg)
{
    static const struct db_stmt stmt = {
        "add_samples",
        "select refused::text from add_samples($1, $2, $3, $4, $5, $6, $7, $8, "
        "$9, $10, $11, $12, $13, $14, $15, $16)",
        16, .class = DB_HISTORY};
    struct text text[1 + ARRAY_LEN(columns)] = {{0}};
    char days[24];
    const char *params[2 + ARRAY_LEN(text)] = {node, days};
    if (count > SAMPLES_MAX)
        abort();
    snprintf(days, sizeof days, "%" PRIu64, keep_days);
    for (size_t c = 0; c < ARRAY_LEN(text); c++) {
        text_add(&text[c], "{");
        for (size_t i = 0; i < count; i++) {
            if (i)
                text_add(&text[c], ",");
            if (c == 0)
                text_add(&text[c], samples[i].id.text);
            else
                text_fmt(&text[c], "%" PRIu64, value_of(&samples[i], c - 1));
        }
        text_add(&text[c], "}");
        params[2 + c] = text[c].data;
    }
    db_query_json(pool, &stmt, params, 0, "", cb, arg);
    for (size_t c = 0; c < ARRAY_LEN(text); c++)
        text_fini(&text[c]);
}

void db_samples_history(struct db_pool *pool, const char *sandbox_id, const char *from, const char *to,
                        uint32_t step_seconds, const struct db_history_terms *kept, db_page_cb *cb, void *arg)
{
    static const struct db_stmt stmt = {"stats_history", "select stats_history($1, $2, $3, $4, $5)", 5,
                                        .class = DB_READ};
    char step[16], days[80];
    const char *params[] = {sandbox_id, from, to, step, days};
    snprintf(step, sizeof step, "%u", step_seconds);
    snprintf(days, sizeof days, "{%" PRIu64 ",%" PRIu64 ",%" PRIu64 "}", kept->sample_days, kept->minute_days,
             kept->hour_days);
    db_query_page(pool, &stmt, params, ERR_INVALID, "from must not be later than to", cb, arg);
}

static void violation_text(struct json_text *t, const struct violation_report *report)
{
    static const char *const kinds[] = {"memory", "cpu", "disk", "pids"};
    json_text_object(t, NULL);
    json_text_str(t, "sandbox_id", report->id.text);
    json_text_bool(t, "opened", report->opened);
    json_text_num(t, "number", report->number);
    json_text_num(t, "ago_ms", report->ago_ms);
    json_text_str(t, "kind", kinds[report->kind & 3]);
    json_text_str(t, "level", report->critical ? "critical" : "warning");
    json_text_real(t, "percent", report->percent_centi / 100.0, 2);
    json_text_num(t, "limit", report->limit);
    if (!report->opened)
        json_text_num(t, "swings", report->swings);
    json_text_end(t);
}

void db_violations_add(struct db_pool *pool, const char *node, const struct violation_report *report,
                       size_t count, db_json_cb *cb, void *arg)
{
    static const struct db_stmt stmt = {"add_violations", "select add_violations($1, $2)::text", 2,
                                        .class = DB_HISTORY};
    struct json_text t = {0};
    json_text_array(&t, NULL);
    for (size_t i = 0; i < count; i++)
        violation_text(&t, &report[i]);
    json_text_end(&t);
    const char *params[] = {node, t.text.data};
    db_query_json(pool, &stmt, params, 0, "", cb, arg);
    json_text_fini(&t);
}
