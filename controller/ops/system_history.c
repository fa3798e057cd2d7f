/* What the system was like over time: GET /sandbox/system/stats/history. */
#include "controller/ops/ops.h"

#include "common/base/rfc3339.h"
#include "controller/db/db_system.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define USUAL_RANGE_MS 86400000u /* where the request does not say when it begins */
#define USUAL_STEP     60

struct question {
    char from[40], to[40], part[16], by[16], name[API_QUERY_MAX];
    uint32_t step_seconds;
};

static void word_of(const struct api_call *call, const char *name, const char *usual, char *out, size_t size)
{
    if (!http_query_get(call->exchange, name, out, size))
        snprintf(out, size, "%s", usual);
}

static void question_of(const struct controller *c, const struct api_call *call, struct question *q)
{
    uint64_t now = leader_wall_ms(c->leader), until_ns;
    char usual[RFC3339_LEN + 1], step[16];
    rfc3339_format(now, usual);
    word_of(call, "to", usual, q->to, sizeof q->to);
    uint64_t until = rfc3339_read(q->to, &until_ns) ? until_ns / 1000000 : now;
    rfc3339_format(until > USUAL_RANGE_MS ? until - USUAL_RANGE_MS : 0, usual);
    word_of(call, "from", usual, q->from, sizeof q->from);
    word_of(call, "part", "resources", q->part, sizeof q->part);
    word_of(call, "by", "system", q->by, sizeof q->by);
    word_of(call, "name", "", q->name, sizeof q->name);
    q->step_seconds = http_query_get(call->exchange, "step", step, sizeof step)
                          ? (uint32_t)strtoul(step, NULL, 10)
                          : USUAL_STEP;
}

static void read_history(struct controller *c, struct api_call *call, db_page_cb *cb, void *arg)
{
    struct question q;
    question_of(c, call, &q);
    struct db_system_range range = {.from = q.from,
                                    .to = q.to,
                                    .step_seconds = q.step_seconds,
                                    .part = q.part,
                                    .by = q.by,
                                    .name = q.name[0] ? q.name : NULL};
    db_system_history(c->reads, &range, cb, arg);
}

void ops_system_history(void *owner, struct api_call *call)
{
    struct question q;
    question_of(owner, call, &q);
    bool whole = !strcmp(q.by, "system");
    if (whole && q.name[0])
        ops_fail(call, ERR_INVALID, "name: only with by=node, by=region or by=tier");
    else if (!whole && !strcmp(q.part, "activity"))
        ops_fail(call, ERR_INVALID, "by: the activity of users is of the whole system only");
    else
        ops_read(owner, call, read_history);
}
