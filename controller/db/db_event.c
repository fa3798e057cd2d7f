#include "controller/db/db_event.h"

#include "common/base/json_text.h"
#include "common/base/mem.h"
#include "controller/db/db_query.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void filter_text(struct json_text *t, const struct db_event_filter *filter)
{
    json_text_object(t, NULL);
    json_text_str(t, "owner", filter->owner);
    json_text_str(t, "user", filter->user);
    json_text_str(t, "sandbox_id", filter->sandbox_id);
    json_text_str(t, "type", filter->type);
    json_text_str(t, "after", filter->after);
    json_text_num(t, "limit", filter->limit);
    json_text_end(t);
}

void db_event_list(struct db_pool *pool, const struct db_event_filter *filter, db_page_cb *cb, void *arg)
{
    static const struct db_stmt stmt = {"list_events", "select * from list_events($1)", 1, .class = DB_READ};
    struct json_text t = {0};
    filter_text(&t, filter);
    const char *params[] = {t.text.data};
    db_query_page(pool, &stmt, params, ERR_INVALID, "cursor: is no event's id", cb, arg);
    json_text_fini(&t);
}

/* --- streams --- */

struct asked {
    db_event_start_cb *start_cb;
    db_event_page_cb *page_cb;
    void *arg;
};

static struct asked *asked_new(db_event_start_cb *start_cb, db_event_page_cb *page_cb, void *arg)
{
    struct asked *a = mem_zalloc(sizeof *a);
    *a = (struct asked){.start_cb = start_cb, .page_cb = page_cb, .arg = arg};
    return a;
}

static int fault_of(const PGresult *r, struct err *e)
{
    const char *fault = PQgetvalue(r, 0, 4);
    return PQgetisnull(r, 0, 4) ? 0
           : !strcmp(fault, "events_gone")
               ? err_set(e, ERR_EVENTS_GONE,
                         "events after this one are not kept any more; begin again without a "
                         "position, and read what there is from the list")
               : err_set(e, ERR_INVALID, "Last-Event-ID: is no event's id");
}

static void on_start(void *arg, int code, const struct err *e, const PGresult *r)
{
    struct asked a = *(struct asked *)arg;
    struct db_event_start start;
    struct err fault;
    free(arg);
    if (!code && (code = fault_of(r, &fault)))
        e = &fault;
    if (code) {
        a.start_cb(a.arg, code, e, NULL);
        return;
    }
    start = (struct db_event_start){.after = strtoull(PQgetvalue(r, 0, 0), NULL, 10),
                                    .head = strtoull(PQgetvalue(r, 0, 1), NULL, 10),
                                    .shown = strtoull(PQgetvalue(r, 0, 2), NULL, 10),
                                    .owner = PQgetisnull(r, 0, 3) ? NULL : PQgetvalue(r, 0, 3)};
    a.start_cb(a.arg, 0, NULL, &start);
}

void db_event_start(struct db_pool *pool, const struct db_event_filter *filter, db_event_start_cb *cb,
                    void *arg)
{
    static const struct db_stmt stmt = {"event_start", "select * from event_start($1)", 1, .class = DB_READ};
    struct json_text t = {0};
    filter_text(&t, filter);
    const char *params[] = {t.text.data};
    db_query(pool, &stmt, params, on_start, asked_new(cb, NULL, arg));
    json_text_fini(&t);
}

/* The last row says how far the page reached. */
static void on_page(void *arg, int code, const struct err *e, const PGresult *r)
{
    struct asked a = *(struct asked *)arg;
    struct event_row rows[DB_EVENTS_MAX];
    struct event_page page = {.rows = rows};
    free(arg);
    if (code) {
        a.page_cb(a.arg, code, e, NULL);
        return;
    }
    for (int i = 0; i < PQntuples(r); i++) {
        uint64_t seq = strtoull(PQgetvalue(r, i, 0), NULL, 10);
        if (PQgetisnull(r, i, 4)) {
            page.reached = seq;
            page.gone = !PQgetisnull(r, i, 1);
        } else if (page.count < DB_EVENTS_MAX) {
            rows[page.count++] = (struct event_row){.seq = seq,
                                                    .type = PQgetvalue(r, i, 1),
                                                    .user = PQgetvalue(r, i, 2),
                                                    .sandbox = PQgetvalue(r, i, 3),
                                                    .json = PQgetvalue(r, i, 4)};
        }
    }
    a.page_cb(a.arg, 0, NULL, &page);
}

void db_event_page(struct db_pool *pool, const struct event_filter *filter, uint64_t after, unsigned most,
                   db_event_page_cb *cb, void *arg)
{
    static const struct db_stmt stmt = {"event_page", "select * from event_page($1, $2, $3)", 3,
                                        .class = DB_READ};
    const struct db_event_filter of = {
        .owner = filter->user, .sandbox_id = filter->sandbox, .type = filter->type};
    struct json_text t = {0};
    char seq[24], limit[16];
    filter_text(&t, &of);
    snprintf(seq, sizeof seq, "%" PRIu64, after);
    snprintf(limit, sizeof limit, "%u", most);
    const char *params[] = {t.text.data, seq, limit};
    db_query(pool, &stmt, params, on_page, asked_new(NULL, cb, arg));
    json_text_fini(&t);
}
