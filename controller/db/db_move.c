#include "common/base/mem.h"
#include "controller/core/stats.h"
#include "controller/db/db_query.h"
#include "controller/db/db_row.h"
#include "controller/db/db_sandbox.h"
#include "common/base/json_text.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define MOVES_MAX 256

struct moving {
    db_move_cb *cb;
    void *arg;
};

/* Outcomes as the SQL function names them, in the order of enum db_move_outcome. */
static const char *const outcomes[] = {"ok", "same", "wrong_state", "not_found"};

/* Columns of the type sandbox_moved. */
enum { ORD, OUTCOME, STATE, BODY, EVENT, USER };

static void fill(struct db_move_result *m, const PGresult *r, int n)
{
    const char *state = db_cell(r, n, STATE);
    for (size_t i = 0; i < ARRAY_LEN(outcomes); i++) {
        if (strcmp(PQgetvalue(r, n, OUTCOME), outcomes[i]) == 0)
            m->outcome = (enum db_move_outcome)i;
    }
    if (state && !sandbox_state_parse(state, &m->state))
        m->outcome = DB_MOVE_REFUSED;
    m->json = db_cell(r, n, BODY);
    m->event = db_cell(r, n, EVENT);
    m->user_id = db_cell(r, n, USER);
}

static void on_moved(void *arg, int code, const struct err *e, const PGresult *r)
{
    struct moving m = *(struct moving *)arg;
    size_t count = code ? 0 : (size_t)PQntuples(r);
    struct db_move_result *results = mem_zalloc((count + 1) * sizeof *results);
    free(arg);
    for (size_t i = 0; i < count; i++)
        fill(&results[i], r, (int)i);
    m.cb(m.arg, code, e, results, count);
    free(results);
}

static void add_start(struct json_text *t, const struct start_times *times)
{
    json_text_object(t, "start_ms");
    for (unsigned i = 0; i < START_TIME_COUNT; i++) {
        if (start_times_has(times, (enum start_time)i))
            json_text_num(t, start_time_name((enum start_time)i), times->ms[i]);
    }
    json_text_end(t);
}

static void add_move(struct json_text *t, const struct sandbox_move *m)
{
    const struct sandbox_status *s = &m->status;
    bool ends = sandbox_state_terminal(m->to);
    json_text_object(t, NULL);
    json_text_str(t, "id", s->id.text);
    json_text_str(t, "to", sandbox_state_name(m->to));
    json_text_array(t, "from");
    json_text_str(t, NULL, sandbox_state_name(m->from));
    json_text_end(t);
    if (s->reason != REASON_NONE)
        json_text_str(t, "reason", sandbox_reason_name(s->reason));
    if (s->generation)
        json_text_num(t, "generation", s->generation);
    if (s->detail[0])
        json_text_str(t, "detail", s->detail);
    if (s->has_exit_code)
        json_text_int(t, "exit_code", s->exit_code);
    if (m->to == SANDBOX_RUNNING && m->from == SANDBOX_STARTING)
        json_text_bool(t, "warm", s->warm);
    if (m->to == SANDBOX_RUNNING) {
        json_text_num(t, "enforced", s->enforced);
        json_text_str(t, "exec", s->by_docker ? "docker" : "init");
    }
    if (s->ran)
        json_text_num(t, "started_ago_ms", s->started_ago_ms);
    json_text_num(t, "ended_ago_ms", s->ended_ago_ms);
    if (m->to != SANDBOX_STARTING && s->start.measured)
        add_start(t, &s->start);
    if (ends) {
        json_text_int(t, "late_ms", m->late_ms);
        json_text_bool(t, "unheard", m->unheard);
    }
    if (ends && s->has_last) {
        char figures[STATS_JSON_MAX];
        stats_figures_json(&s->last, figures);
        json_text_raw(t, "figures", figures);
    }
    json_text_end(t);
}

void db_sandbox_move(struct db_pool *pool, const struct sandbox_move *moves, size_t count, db_move_cb *cb,
                     void *arg)
{
    static const struct db_stmt stmt = {"move_sandboxes", "select * from move_sandboxes($1) order by ord", 1,
                                        .class = DB_MOVE};
    struct moving *m = mem_zalloc(sizeof *m);
    struct json_text text = {0};
    if (count > MOVES_MAX)
        abort();
    *m = (struct moving){cb, arg};
    json_text_array(&text, NULL);
    for (size_t i = 0; i < count; i++)
        add_move(&text, &moves[i]);
    json_text_end(&text);
    const char *params[] = {text.text.data};
    db_query(pool, &stmt, params, on_moved, m);
    json_text_fini(&text);
}
