/* Right-sizing: GET /sandbox/{id}/recommendations and GET /sandbox/recommendations (docs/right-sizes.md). */
#include "controller/ops/ops.h"

#include "common/base/mem.h"
#include "common/base/rfc3339.h"
#include "common/base/units.h"
#include "controller/core/limit.h"
#include "controller/db/db_right_size.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define AMOUNT_MAX 32

/* The limit that each kind is about. */
static const struct {
    enum limit_kind limit;
    const char *unit;
} kinds[RIGHT_SIZE_KINDS] = {
    [RIGHT_SIZE_MEMORY] = {LIMIT_MEMORY_BYTES, "bytes"},
    [RIGHT_SIZE_CPU] = {LIMIT_CPU_MILLIS, "millis"},
    [RIGHT_SIZE_DISK] = {LIMIT_STORAGE_BYTES, "bytes"},
    [RIGHT_SIZE_PIDS] = {LIMIT_PIDS, "count"},
};

#define LIVE_YES true
#define LIVE_NO  false
static const struct {
    uint64_t least;
    bool live; /* PATCH may change it */
} limits[] = {
#define LIMIT(KIND, name, UNIT, least, most, asked, live, ...) [LIMIT_##KIND] = {least, LIVE_##live},
#include "common/model/limit.def"
};

/* A subject whose rows are being read, and the answer so far. */
struct sizing {
    db_page_cb *cb;
    void *arg;
    bool list;
    struct json_text json;
    char *subject, *name; /* NULL: none yet */
    struct right_size *sizes;
    struct db_usage_row newest; /* of its sandboxes */
    uint64_t sandboxes, violations[RIGHT_SIZE_KINDS];
};

/* --- a recommendation --- */

static const char *amount(enum right_size_kind kind, uint64_t value, char out[static AMOUNT_MAX])
{
    if (kind == RIGHT_SIZE_CPU)
        snprintf(out, AMOUNT_MAX, "%" PRIu64 "m", value);
    else if (kind == RIGHT_SIZE_PIDS)
        snprintf(out, AMOUNT_MAX, "%" PRIu64, value);
    else
        units_format_bytes(value, out, AMOUNT_MAX);
    return out;
}

static void put_sentence(struct sizing *s, enum right_size_kind kind, uint64_t current,
                         const struct right_size_estimate *e)
{
    struct right_size_evidence evidence = right_size_evidence(s->sizes);
    char peak[AMOUNT_MAX], had[AMOUNT_MAX], now[AMOUNT_MAX];
    struct text text = {0};
    amount(kind, e->peak, peak);
    amount(kind, current, had);
    amount(kind, e->recommended, now);
    if (kind == RIGHT_SIZE_MEMORY && evidence.ooms + evidence.freezes)
        text_fmt(&text, "%" PRIu64 " ended at the memory limit. ", evidence.ooms + evidence.freezes);
    if (e->recommended > current)
        text_fmt(&text, "Up to %s of %s were used; a limit of %s leaves a margin.", peak, had, now);
    else
        text_fmt(&text, "Never more than %s of %s were used; a limit of %s holds that.", peak, had, now);
    if (e->recommended > current && e->recommended == s->newest.most[kind])
        text_add(&text, " The tier allows no more.");
    json_text_str(&s->json, "text", text.data);
    text_fini(&text);
}

static void put_time(struct json_text *json, const char *name, uint64_t unix_s)
{
    char at[RFC3339_LEN + 1];
    rfc3339_format(unix_s * 1000, at);
    json_text_str(json, name, at);
}

static void put_evidence(struct sizing *s, enum right_size_kind kind, const struct right_size_estimate *e)
{
    struct right_size_evidence evidence = right_size_evidence(s->sizes);
    json_text_object(&s->json, "evidence");
    json_text_num(&s->json, "sandboxes", s->sandboxes);
    json_text_num(&s->json, "samples", evidence.samples);
    put_time(&s->json, "from", evidence.first_s);
    put_time(&s->json, "to", evidence.last_s);
    json_text_num(&s->json, "peak", e->peak);
    json_text_num(&s->json, "percentile", e->percentile);
    json_text_num(&s->json, "usual", e->usual);
    json_text_num(&s->json, "lower", e->lower);
    json_text_num(&s->json, "target", e->target);
    json_text_num(&s->json, "upper", e->upper);
    json_text_bool(&s->json, "growing", e->growing);
    json_text_num(&s->json, "violations", s->violations[kind]);
    json_text_num(&s->json, "ooms", evidence.ooms);
    json_text_num(&s->json, "freezes", evidence.freezes);
    json_text_end(&s->json);
}

static void put_item(struct sizing *s, enum right_size_kind kind, const struct right_size_estimate *e)
{
    uint64_t current = s->newest.has[kind];
    json_text_object(&s->json, NULL);
    json_text_str(&s->json, "kind", right_size_kind_name(kind));
    json_text_str(&s->json, "field", limit_kind_name(kinds[kind].limit));
    json_text_str(&s->json, "unit", kinds[kind].unit);
    json_text_bool(&s->json, "live", limits[kinds[kind].limit].live);
    json_text_num(&s->json, "current", current);
    json_text_num(&s->json, "recommended", e->recommended);
    json_text_int(&s->json, "saving", (int64_t)current - (int64_t)e->recommended);
    json_text_real(&s->json, "confidence", e->confidence, 3);
    put_evidence(s, kind, e);
    put_sentence(s, kind, current, e);
    json_text_end(&s->json);
}

/* Why there is no recommendation, or none to make memory smaller; NULL: there is nothing to say. */
static const char *reason(const struct sizing *s, bool known, bool growing, bool any, char out[static 160])
{
    uint64_t samples = right_size_evidence(s->sizes).samples;
    if (!known)
        snprintf(out, 160, "too little evidence: %" PRIu64 " samples of at least %d, one each ten seconds",
                 samples, RIGHT_SIZE_SAMPLES_MIN);
    else if (growing)
        snprintf(out, 160, "its memory grows steadily, so no smaller limit of memory is recommended");
    else
        snprintf(out, 160, "its limits fit what it uses");
    return known && any && !growing ? NULL : out;
}

static void put_items(struct sizing *s)
{
    struct right_size_estimate e;
    bool known = false, growing = false, any = false;
    char why[160];
    json_text_array(&s->json, "items");
    for (enum right_size_kind kind = 0; kind < RIGHT_SIZE_KINDS; kind++) {
        struct right_size_limit limit = {.current = s->newest.has[kind],
                                         .least = limits[kinds[kind].limit].least,
                                         .most = s->newest.most[kind]};
        if (!right_size_estimate(s->sizes, kind, &limit, &e))
            continue;
        known = true;
        growing |= e.growing;
        any |= e.useful;
        if (e.useful)
            put_item(s, kind, &e);
    }
    json_text_end(&s->json);
    if (reason(s, known, growing, any, why))
        json_text_str(&s->json, "reason", why);
    else
        json_text_null(&s->json, "reason");
}

/* --- subjects --- */

static void end_subject(struct sizing *s)
{
    if (!s->subject)
        return;
    json_text_object(&s->json, NULL);
    json_text_str(&s->json, "subject", s->subject);
    json_text_str(&s->json, "name", s->name);
    put_items(s);
    json_text_end(&s->json);
    mem_free_ptr(&s->subject);
    mem_free_ptr(&s->name);
    right_size_free(s->sizes);
    s->sizes = NULL;
}

static void begin_subject(struct sizing *s, const struct db_usage_row *row)
{
    s->subject = mem_strdup(row->subject);
    s->name = mem_strdup(row->name);
    s->sizes = right_size_new(!strcmp(row->subject, "sandbox"));
    s->sandboxes = 0;
    memset(s->violations, 0, sizeof s->violations);
}

static void add_row(struct sizing *s, const struct db_usage_row *row)
{
    if (!s->subject || strcmp(s->subject, row->subject) || strcmp(s->name, row->name)) {
        end_subject(s);
        begin_subject(s, row);
    }
    if (!row->of_sandbox) {
        right_size_add(s->sizes, &row->window);
        return;
    }
    s->newest = *row;
    s->sandboxes++;
    for (size_t kind = 0; kind < RIGHT_SIZE_KINDS; kind++)
        s->violations[kind] += row->violations[kind];
    if (row->oom_bytes)
        right_size_oom(s->sizes, row->at_s, row->oom_bytes, row->frozen);
}

static void on_usage(void *arg, int code, const struct err *e, const struct db_usage_row *row)
{
    struct sizing *s = arg;
    if (row) {
        add_row(s, row);
        return;
    }
    end_subject(s);
    if (s->list) {
        json_text_end(&s->json);
        json_text_end(&s->json);
    }
    s->cb(s->arg, code, e, code ? NULL : s->json.text.data, NULL);
    json_text_fini(&s->json);
    free(s);
}

static struct sizing *sizing_new(bool list, db_page_cb *cb, void *arg)
{
    struct sizing *s = mem_zalloc(sizeof *s);
    *s = (struct sizing){.cb = cb, .arg = arg, .list = list};
    if (list) {
        json_text_object(&s->json, NULL);
        json_text_array(&s->json, "items");
    }
    return s;
}

/* --- handlers --- */

static void read_sandbox(struct controller *c, struct api_call *call, db_page_cb *cb, void *arg)
{
    db_usage_of_sandbox(c->reads, call->param[0], ops_owner(call), &c->defaults, on_usage,
                        sizing_new(false, cb, arg));
}

void ops_sandbox_recommendations(void *owner, struct api_call *call)
{
    struct sandbox_id id;
    if (ops_sandbox_id(call, &id))
        ops_read(owner, call, read_sandbox);
}

static void read_user(struct controller *c, struct api_call *call, db_page_cb *cb, void *arg)
{
    db_usage_of_user(c->reads, call->caller.user_id, &c->defaults, on_usage, sizing_new(true, cb, arg));
}

void ops_recommendations(void *owner, struct api_call *call)
{
    ops_read(owner, call, read_user);
}
