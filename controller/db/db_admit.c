#include "controller/db/db_admit.h"

#include "common/io/loop.h"
#include "common/base/mem.h"
#include "controller/db/db_query.h"
#include "controller/db/db_row.h"
#include "common/base/json_text.h"

#include <stdlib.h>
#include <string.h>

#define WAITING_MAX 4096
#define BATCH_MAX   64
#define LIFE_MS     5000
#define AGAIN_MS    100

struct admitting {
    STAILQ_ENTRY(admitting) link;
    char *json; /* the request as JSON for the SQL function */
    db_admit_cb *cb;
    void *arg;
    uint64_t until_ms;
    bool alone; /* it was in a batch that failed: send it alone */
};
STAILQ_HEAD(admitting_list, admitting);

struct db_admit {
    struct loop *loop;
    struct db_pool *pool;
    char *defaults;
    struct admitting_list waiting, batch, refused;
    unsigned waiting_count;
    bool on_its_way, cancelled;
    struct later tell_refused;
    struct timer next; /* the next batch: in the next turn, or after a pause */
};

static void send_batch(void *arg);

static void finish(struct admitting *a, int code, const struct err *e, const struct db_admit_result *r)
{
    a->cb(a->arg, code, e, r);
    free(a->json);
    free(a);
}

static void fail(struct admitting *a, int code, const char *why)
{
    struct err e;
    err_set(&e, code, "%s", why);
    finish(a, code, &e, NULL);
}

/* Outcomes as the SQL function names them, in the order of enum db_admit_outcome. */
static const char *const outcomes[] = {"admitted",       "quota_exceeded",       "no_capacity",
                                       "replay",         "idempotency_mismatch", "registry_not_allowed",
                                       "unauthenticated"};

/* Columns of the type admission, from its outcome on; the last is a row's first. */
enum { OUTCOME, SCOPE, MAX, USED, STATUS, BODY, SANDBOX, MADE };

static void finish_row(struct admitting *a, const PGresult *r, int n)
{
    struct db_admit_result result = {
        .scope = db_cell(r, n, SCOPE),
        .limit = db_cell_num(r, n, MAX),
        .used = db_cell_num(r, n, USED),
        .id = db_cell(r, n, SANDBOX),
        .json = db_cell(r, n, BODY),
        .status = (int)db_cell_num(r, n, STATUS),
    };
    struct err e;
    size_t i = 0;
    while (i < ARRAY_LEN(outcomes) && strcmp(PQgetvalue(r, n, OUTCOME), outcomes[i]))
        i++;
    result.outcome = (enum db_admit_outcome)i;
    if (i == ARRAY_LEN(outcomes))
        fail(a, ERR_INTERNAL, "The database gave an answer that this program does not know");
    else if (result.outcome == DB_ADMITTED && db_row_fill(r, n, MADE, &result.row, &e))
        finish(a, e.code, &e, NULL);
    else
        finish(a, 0, NULL, &result);
}

static struct admitting *take(struct admitting_list *list)
{
    struct admitting *a = STAILQ_FIRST(list);
    if (a)
        STAILQ_REMOVE_HEAD(list, link);
    return a;
}

/*
 * The batch failed, or its result is unknown: its requests wait again, or fail if they have waited too long.
 */
static void batch_failed(struct db_admit *admit, int code, const struct err *e)
{
    struct admitting_list again = STAILQ_HEAD_INITIALIZER(again);
    bool single = STAILQ_FIRST(&admit->batch) && !STAILQ_NEXT(STAILQ_FIRST(&admit->batch), link);
    bool lost = code == ERR_DATABASE_UNAVAILABLE;
    enum db_trouble trouble = db_pool_trouble(admit->pool);
    bool hopeless = trouble == DB_IS_READ_ONLY || trouble == DB_DISK_FULL;
    struct admitting *a;
    while ((a = take(&admit->batch))) {
        bool over = lost ? hopeless || loop_now_ms() >= a->until_ms : single;
        if (over || code == ERR_CANCELLED) {
            finish(a, code, e, NULL);
            continue;
        }
        a->alone = a->alone || !lost;
        admit->waiting_count++;
        STAILQ_INSERT_TAIL(&again, a, link);
    }
    STAILQ_CONCAT(&again, &admit->waiting);
    STAILQ_CONCAT(&admit->waiting, &again);
}

static void on_batch(void *arg, int code, const struct err *e, const PGresult *r)
{
    struct db_admit *admit = arg;
    struct admitting *a;
    admit->on_its_way = false;
    if (admit->cancelled) {
        free(admit->defaults);
        free(admit);
        return;
    }
    if (code)
        batch_failed(admit, code, e);
    else
        for (int n = 0; (a = take(&admit->batch)); n++)
            finish_row(a, r, n);
    if (!STAILQ_EMPTY(&admit->waiting))
        timer_start(&admit->next, admit->loop, code == ERR_DATABASE_UNAVAILABLE ? AGAIN_MS : 0, send_batch,
                    admit);
}

/* Fills the batch from the waiting requests: up to the first that has to go alone, or only that one. */
static void gather(struct db_admit *admit, struct json_text *text)
{
    struct admitting *a;
    size_t count = 0;
    bool alone = false;
    while ((a = STAILQ_FIRST(&admit->waiting)) && count < BATCH_MAX && !alone && !(a->alone && count)) {
        STAILQ_REMOVE_HEAD(&admit->waiting, link);
        STAILQ_INSERT_TAIL(&admit->batch, a, link);
        admit->waiting_count--;
        json_text_raw(text, NULL, a->json);
        alone = a->alone;
        count++;
    }
}

static void send_batch(void *arg)
{
    static const struct db_stmt stmt = {"admit",
                                        "select outcome, scope, max, used, status, body, sandbox_id, "
                                        "(made).* from admit($1, $2) order by ord",
                                        2, .class = DB_ADMIT};
    struct db_admit *admit = arg;
    struct json_text text = {0};
    if (admit->on_its_way || STAILQ_EMPTY(&admit->waiting))
        return;
    json_text_array(&text, NULL);
    gather(admit, &text);
    json_text_end(&text);
    const char *params[] = {text.text.data, admit->defaults};
    admit->on_its_way = true;
    db_query(admit->pool, &stmt, params, on_batch, admit);
    json_text_fini(&text);
}

static void tell_refused(void *arg)
{
    struct db_admit *admit = arg;
    struct admitting_list now = STAILQ_HEAD_INITIALIZER(now);
    struct admitting *a;
    STAILQ_CONCAT(&now, &admit->refused);
    while ((a = take(&now)))
        fail(a, ERR_DATABASE_UNAVAILABLE, "Too many creates wait for the database");
}

static const char *or_empty(const char *s)
{
    return s ? s : "";
}

static void add_limits(struct json_text *t, const struct sandbox_limits *l)
{
#define LIMIT(KIND, name, ...) json_text_num(t, #name, l->name);
#include "common/model/limit.def"
}

static char *request_json(const struct db_admit_request *request)
{
    const struct sandbox_request *asked = request->asked;
    struct json_text t = {0};
    json_text_object(&t, NULL);
    json_text_str(&t, "id", request->id);
    json_text_str(&t, "user_id", request->actor.user_id);
    json_text_str(&t, "key_id", request->actor.key_id);
    json_text_str(&t, "name", or_empty(asked->name));
    json_text_str(&t, "image", or_empty(asked->spec.image));
    json_text_str(&t, "template", or_empty(asked->template));
    json_text_str(&t, "image_ref", or_empty(request->image_ref));
    json_text_str(&t, "image_digest", or_empty(request->image_digest));
    json_text_bool(&t, "any_tier", request->any_tier);
    json_text_str(&t, "node", or_empty(request->node));
    json_text_str(&t, "region", or_empty(request->region));
    json_text_str(&t, "runtime", or_empty(asked->spec.runtime));
    json_text_str(&t, "network", asked->spec.network == NETWORK_EGRESS ? "egress" : "none");
    json_text_str(&t, "restart", asked->restart_elsewhere ? "elsewhere" : "never");
    json_text_raw(&t, "labels", asked->labels ? asked->labels : "{}");
    add_limits(&t, &request->limits);
    json_text_num(&t, "shm_bytes", asked->spec.shm_bytes);
    json_text_num(&t, "enforced", request->enforced);
    json_text_bool(&t, "warm", request->warm);
    json_text_num(&t, "lifetime_seconds", request->lifetime_seconds);
    json_text_hex(&t, "spec", request->spec, request->spec_len);
    json_text_str(&t, "env_key", or_empty(request->env_key));
    json_text_str(&t, "request_id", or_empty(request->actor.request_id));
    json_text_str(&t, "address", or_empty(request->actor.address));
    if (request->actor.idempotency_key) {
        json_text_str(&t, "idempotency_key", request->actor.idempotency_key);
        json_text_hex(&t, "body_sha256", request->actor.body_sha256, sizeof request->actor.body_sha256);
    }
    json_text_end(&t);
    return t.text.data;
}

void db_admit(struct db_admit *admit, const struct db_admit_request *request, db_admit_cb *cb, void *arg)
{
    struct admitting *a = mem_zalloc(sizeof *a);
    if (admit->waiting_count < WAITING_MAX)
        a->json = request_json(request);
    a->cb = cb;
    a->arg = arg;
    a->until_ms = loop_now_ms() + LIFE_MS;
    if (!a->json) {
        STAILQ_INSERT_TAIL(&admit->refused, a, link);
        later_call(&admit->tell_refused, admit->loop, tell_refused, admit);
        return;
    }
    STAILQ_INSERT_TAIL(&admit->waiting, a, link);
    admit->waiting_count++;
    if (!admit->on_its_way && !timer_armed(&admit->next))
        timer_start(&admit->next, admit->loop, 0, send_batch, admit);
}

struct db_admit *db_admit_new(struct loop *loop, struct db_pool *pool, const struct db_defaults *defaults)
{
    struct db_admit *admit = mem_zalloc(sizeof *admit);
    admit->loop = loop;
    admit->pool = pool;
    admit->defaults = db_defaults_json(defaults);
    STAILQ_INIT(&admit->waiting);
    STAILQ_INIT(&admit->batch);
    STAILQ_INIT(&admit->refused);
    return admit;
}

void db_admit_set_defaults(struct db_admit *admit, const struct db_defaults *defaults)
{
    free(admit->defaults);
    admit->defaults = db_defaults_json(defaults);
}

void db_admit_free(struct db_admit *admit)
{
    struct admitting *a;
    if (!admit)
        return;
    timer_stop(&admit->next);
    later_cancel(&admit->tell_refused);
    while ((a = take(&admit->batch)) || (a = take(&admit->waiting)) || (a = take(&admit->refused)))
        fail(a, ERR_CANCELLED, "The controller is stopping");
    /* The pool still has the callback of a batch, which frees the rest. */
    admit->cancelled = true;
    if (!admit->on_its_way) {
        free(admit->defaults);
        free(admit);
    }
}
