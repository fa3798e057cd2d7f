#include "controller/db/db_upkeep.h"

#include "common/io/boot_clock.h"
#include "common/io/log.h"
#include "common/io/loop.h"
#include "common/base/mem.h"
#include "common/io/worker.h"
#include "controller/db/db_sync.h"
#include "common/base/json_text.h"

#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define ROUND_MS     60000 /* between rounds */
#define SOON_MS      1000  /* to the next round where more remains */
#define STEP_MS      5000  /* time for the batches of one step in a round */
#define BATCH_MS     200   /* target time of a batch */
#define BATCH_FIRST  500
#define BATCH_LEAST  10
#define BATCH_MOST   20000
#define OVERDUE_SAID 3600    /* seconds; below this neither an overdue step nor a held-back term is logged */
#define SAID_AGAIN   3600000 /* at most one warning of a step in this time */
#define STATEMENT_MS 10000   /* the server ends what takes longer */
#define ANSWER_DAYS  1       /* days that answers for repeated requests are kept */
#define HELD         "a session that has been in a transaction for long holds the old days (pg_stat_activity): end it"

enum term {
    TERM_NONE,
    TERM_SAMPLES,
    TERM_MINUTES,
    TERM_HOURS,
    TERM_ACTIVITY,
    TERM_SYSTEM_SAMPLES,
    TERM_SYSTEM,
    TERM_EVENTS,
    TERM_ANSWERS,
    TERM_DELIVERIES,
    TERM_SANDBOXES,
    TERM_KEYS,
    TERM_USERS,
    TERM_NODES,
    TERM_AUDIT,
    TERM_COUNT
};

/*
 * The steps. sql: a batch ($1 days, $2 maximum, $3 after), or a statement that answers the statement to run
 * next.
 */
static const struct step_row {
    const char *name;
    enum term term;
    bool statements;
    const char *sql;
    const char *advice;
} rows[DB_UPKEEP_STEPS] = {
    {"partitions", TERM_NONE, false, "select 0, ensure_partitions(7), ''",
     "without a day's partition its samples make one; may this program's user create tables?"},
    {"packing", TERM_SAMPLES, false, "select * from upkeep_packing($1, $2, $3)",
     "samples come faster than they are packed, or it is held up: look for long transactions and slow disks"},
    {"samples", TERM_SAMPLES, true, "select next_detach($1, 'samples')", HELD},
    {"sample_rows", TERM_SAMPLES, true, "select next_detach($1, 'sample_rows')", HELD},
    {"sample_blocks", TERM_SAMPLES, true, "select next_detach($1, 'sample_blocks')", HELD},
    {"minute_blocks", TERM_MINUTES, true, "select next_detach($1, 'minute_blocks')", HELD},
    {"hour_blocks", TERM_HOURS, true, "select next_detach($1, 'hour_blocks')", HELD},
    {"usage_windows", TERM_SAMPLES, true, "select next_detach($1, 'usage_windows')", HELD},
    {"activity", TERM_ACTIVITY, true, "select next_detach($1, 'activity')", HELD},
    {"rollups", TERM_SYSTEM, false, "select * from upkeep_rollups($1, $2, $3)",
     "the history of the system is read from its samples until then; look for long transactions and slow "
     "disks"},
    {"system_samples", TERM_SYSTEM_SAMPLES, true, "select next_detach($1, 'system_samples')", HELD},
    {"system_rollups", TERM_SYSTEM, false, "select * from upkeep_system_rollups($1, $2, $3)",
     "look for long transactions and slow disks, or raise keep_system_days"},
    {"usage_rollups", TERM_SYSTEM, false, "select * from upkeep_usage_rollups($1, $2, $3)",
     "look for long transactions and slow disks, or raise keep_system_days"},
    {"events", TERM_EVENTS, false, "select * from upkeep_events($1, $2, $3)",
     "they come faster than they go, or their removal is held up: look for long transactions and slow disks, "
     "or "
     "raise keep_event_days"},
    {"notifications", TERM_EVENTS, false, "select * from upkeep_notifications($1, $2, $3)",
     "look for long transactions and slow disks, or raise keep_event_days"},
    {"alerts", TERM_EVENTS, false, "select * from upkeep_alerts($1, $2, $3)",
     "look for long transactions and slow disks, or raise keep_event_days"},
    {"answers", TERM_ANSWERS, false, "select * from upkeep_answers($1, $2, $3)",
     "look for long transactions and slow disks"},
    {"ports", TERM_ANSWERS, false, "select * from upkeep_ports($1, $2, $3)",
     "look for long transactions and slow disks"},
    {"deliveries", TERM_DELIVERIES, false, "select * from upkeep_deliveries($1, $2, $3)",
     "look for long transactions and slow disks, or raise keep_delivery_days"},
    {"webhooks", TERM_DELIVERIES, false, "select * from upkeep_webhooks($2, $3) where $1::integer > 0",
     "look for long transactions and slow disks"},
    {"sandboxes", TERM_SANDBOXES, false, "select * from upkeep_sandboxes($1, $2, $3)",
     "look for long transactions and slow disks, or raise keep_sandbox_days"},
    {"keys", TERM_KEYS, false, "select * from upkeep_keys($1, $2, $3)",
     "look for long transactions, or raise keep_key_days"},
    {"users", TERM_USERS, false, "select * from upkeep_users($1, $2, $3)",
     "look for long transactions, or raise keep_user_days"},
    {"nodes", TERM_NODES, false, "select * from upkeep_nodes($1, $2, $3)",
     "look for long transactions, or raise keep_node_days"},
    {"audit", TERM_AUDIT, false, "select * from upkeep_audit($1, $2, $3)",
     "look for long transactions and slow disks, or raise keep_audit_days"},
};

struct db_upkeep {
    struct loop *loop;
    struct worker *worker;
    struct db_upkeep_conf conf;
    char *url;
    struct timer timer;
    struct db_upkeep_step step[DB_UPKEEP_STEPS];
    uint64_t said_ms[DB_UPKEEP_STEPS];
    uint64_t batch[DB_UPKEEP_STEPS]; /* rows of the last batch; 0: there was none */
    bool more;
    uint64_t whole_ms; /* time of the last complete round, or of the start */
    uint64_t held_seconds, held_said_ms;
    /* Shared with the thread, to cancel a round. */
    pthread_mutex_t lock;
    bool stopping;
    int socket; /* of the connection under way; -1: none */
};

/* One round. Belongs to the thread until it is answered. */
struct round {
    struct db_upkeep *upkeep; /* only lock, stopping and socket */
    const char *url;
    uint64_t days[TERM_COUNT];
    struct db_upkeep_step step[DB_UPKEEP_STEPS]; /* of this round alone */
    uint64_t batch[DB_UPKEEP_STEPS];
    bool more, whole;
    uint64_t held_seconds;
    PGconn *conn;
};

/* --- on the thread --- */

static bool stopped(struct round *r)
{
    pthread_mutex_lock(&r->upkeep->lock);
    bool stopping = r->upkeep->stopping;
    pthread_mutex_unlock(&r->upkeep->lock);
    return stopping;
}

static void set_socket(struct round *r, int fd)
{
    pthread_mutex_lock(&r->upkeep->lock);
    r->upkeep->socket = fd;
    pthread_mutex_unlock(&r->upkeep->lock);
}

static void close_conn(struct round *r)
{
    set_socket(r, -1);
    PQfinish(r->conn);
    r->conn = NULL;
}

static int open_conn(struct round *r, struct err *e)
{
    int rc = stopped(r) ? err_set(e, ERR_CANCELLED, "The controller is stopping")
                        : db_sync_open_timed(r->url, STATEMENT_MS, &r->conn, e);
    if (!rc)
        set_socket(r, PQsocket(r->conn));
    return rc;
}

static uint64_t number(const PGresult *r, int column)
{
    return PQgetisnull(r, 0, column) ? 0 : strtoull(PQgetvalue(r, 0, column), NULL, 10);
}

static int ask(struct round *r, const char *sql, int count, const char *const *params, PGresult **out,
               struct err *e)
{
    if (!r->conn) {
        int rc = open_conn(r, e);
        if (rc)
            return rc;
    }
    int rc = db_sync_run(r->conn, sql, count, params, out, e);
    if (rc && PQstatus(r->conn) != CONNECTION_OK)
        close_conn(r);
    return rc;
}

static bool time_left(struct round *r, uint64_t since_ms)
{
    return loop_now_ms() - since_ms < STEP_MS && !stopped(r);
}

/* Both functions return 0 where nothing is left, 1 where something is, or an error. */
static int run_statements(struct round *r, size_t i, struct err *e)
{
    const struct step_row *row = &rows[i];
    uint64_t since = loop_now_ms();
    char days[24];
    const char *params[] = {days};
    snprintf(days, sizeof days, "%" PRIu64, r->days[row->term]);
    while (time_left(r, since)) {
        PGresult *next = NULL;
        int rc = ask(r, row->sql, 1, params, &next, e);
        if (rc)
            return rc;
        char *sql = PQgetisnull(next, 0, 0) ? NULL : mem_strdup(PQgetvalue(next, 0, 0));
        PQclear(next);
        if (!sql)
            return 0;
        rc = db_sync_run(r->conn, sql, 0, NULL, NULL, e);
        r->step[i].removed += !rc && !strncmp(sql, "drop", 4);
        free(sql);
        if (rc)
            return rc;
    }
    return 1;
}

/* The size of the next batch, so that it takes BATCH_MS; at most twice the size of this one. */
static uint64_t next_batch(uint64_t most, uint64_t took_ms)
{
    uint64_t next = took_ms < BATCH_MS / 2 ? most * 2 : most * BATCH_MS / (took_ms + 1);
    return next < BATCH_LEAST  ? BATCH_LEAST
           : next > BATCH_MOST ? BATCH_MOST
           : next > most * 2   ? most * 2
                               : next;
}

/* Pauses after a batch for as long as it took (at most BATCH_MS), so that others get half of the time. */
static void rest(uint64_t took_ms)
{
    poll(NULL, 0, (int)(took_ms < BATCH_MS ? took_ms : BATCH_MS));
}

/* One batch. Returns 0 where it was the last, 1 where there may be more, or an error. */
static int run_batch(struct round *r, size_t i, char after[static 160], struct err *e)
{
    const struct step_row *row = &rows[i];
    char days[24], limit[24];
    const char *params[] = {days, limit, after};
    uint64_t begin = loop_now_ms();
    PGresult *batch = NULL;
    snprintf(days, sizeof days, "%" PRIu64, r->days[row->term]);
    snprintf(limit, sizeof limit, "%" PRIu64, r->batch[i]);
    int rc = ask(r, row->sql, row->term == TERM_NONE ? 0 : 3, params, &batch, e);
    if (rc)
        return rc;
    bool more = number(batch, 0) >= r->batch[i];
    r->step[i].removed += number(batch, 1);
    snprintf(after, 160, "%s", PQgetvalue(batch, 0, 2));
    PQclear(batch);
    uint64_t took_ms = loop_now_ms() - begin;
    r->batch[i] = next_batch(r->batch[i], took_ms);
    if (more)
        rest(took_ms);
    return more;
}

/* A batch that fails most likely took too long: it is tried with fewer rows, also in the next round. */
static int run_batches(struct round *r, size_t i, struct err *e)
{
    uint64_t since = loop_now_ms();
    char after[160] = "";
    int rc = 1;
    if (!r->batch[i])
        r->batch[i] = BATCH_FIRST;
    while (rc && time_left(r, since)) {
        rc = run_batch(r, i, after, e);
        if (rc >= 0)
            continue;
        bool least = r->batch[i] <= BATCH_LEAST;
        r->batch[i] = r->batch[i] / 8 < BATCH_LEAST ? BATCH_LEAST : r->batch[i] / 8;
        if (least || !r->conn)
            return rc;
        r->step[i].failures++;
    }
    return rc;
}

static void run_step(struct round *r, size_t i)
{
    const struct step_row *row = &rows[i];
    struct db_upkeep_step *step = &r->step[i];
    struct err e;
    if (stopped(r) || (row->term != TERM_NONE && !r->days[row->term]))
        return;
    int rc = (row->statements ? run_statements : run_batches)(r, i, &e);
    r->more |= rc > 0;
    step->failed = rc < 0;
    step->failures += rc < 0;
    if (rc < 0)
        snprintf(step->why, sizeof step->why, "%s", e.text);
}

/* {"step": days}, of the steps that do not keep rows for ever. */
static void terms_json(const struct round *r, struct json_text *t)
{
    json_text_object(t, NULL);
    for (size_t i = 0; i < DB_UPKEEP_STEPS; i++) {
        if (rows[i].term != TERM_NONE && r->days[rows[i].term])
            json_text_num(t, rows[i].name, r->days[rows[i].term]);
    }
    json_text_end(t);
}

static int measure(struct round *r, struct err *e)
{
    struct json_text t = {0};
    PGresult *found = NULL;
    terms_json(r, &t);
    const char *params[] = {t.text.data};
    int rc = ask(r, "select step, seconds from upkeep_overdue($1)", 1, params, &found, e);
    for (int row = 0; !rc && row < PQntuples(found); row++) {
        for (size_t i = 0; i < DB_UPKEEP_STEPS; i++) {
            if (!strcmp(PQgetvalue(found, row, 0), rows[i].name))
                r->step[i].overdue_seconds = strtoull(PQgetvalue(found, row, 1), NULL, 10);
        }
    }
    if (!rc)
        PQclear(found);
    json_text_fini(&t);
    return rc;
}

/* Upkeep decides by a time that follows PostgreSQL's clock no faster than this machine's clock advances. */
static int look_at_clock(struct round *r, struct err *e)
{
    char boot[BOOT_CLOCK_ID_MAX], now[24];
    const char *params[] = {boot, now};
    PGresult *held = NULL;
    boot_clock_id(boot);
    snprintf(now, sizeof now, "%" PRIu64, loop_now_ms());
    int rc = ask(r, "select upkeep_sample($1, $2)", 2, params, &held, e);
    if (!rc) {
        r->held_seconds = number(held, 0);
        PQclear(held);
    }
    return rc;
}

static int round_work(void *arg, struct err *e)
{
    struct round *r = arg;
    PGresult *locked = NULL;
    int rc = ask(r, "select pg_try_advisory_lock(20011, 31)", 0, NULL, &locked, e);
    bool ours = !rc && PQgetvalue(locked, 0, 0)[0] == 't';
    if (!rc)
        PQclear(locked);
    if (ours)
        rc = look_at_clock(r, e);
    for (size_t i = 0; ours && !rc && i < DB_UPKEEP_STEPS; i++)
        run_step(r, i);
    if (!rc)
        rc = measure(r, e);
    r->whole = !rc;
    close_conn(r);
    return rc;
}

/* --- on the loop --- */

static void begin(void *arg);

/* Logs a step that stays overdue, once an hour, with advice. */
static void say(struct db_upkeep *u, size_t i)
{
    const struct db_upkeep_step *step = &u->step[i];
    uint64_t now = loop_now_ms();
    bool behind = step->failed || step->overdue_seconds > OVERDUE_SAID;
    if (!behind && u->said_ms[i]) {
        log_info("upkeep", "step=%s is done with what was overdue", step->name);
        u->said_ms[i] = 0;
    }
    if (!behind || (u->said_ms[i] && now - u->said_ms[i] < SAID_AGAIN))
        return;
    u->said_ms[i] = now;
    log_warn("upkeep", "step=%s overdue_seconds=%" PRIu64 " removed=%" PRIu64 " failures=%" PRIu64 "%s%s: %s",
             step->name, step->overdue_seconds, step->removed, step->failures, step->failed ? " " : "",
             step->failed ? step->why : "", rows[i].advice);
}

/* Logs that removal is held back, once an hour, while it is by more than an hour. */
static void say_held(struct db_upkeep *u)
{
    uint64_t now = loop_now_ms();
    bool held = u->held_seconds > OVERDUE_SAID;
    if (!held && u->held_said_ms)
        log_info("upkeep", "upkeep follows PostgreSQL's clock again");
    if (held && u->held_said_ms && now - u->held_said_ms < SAID_AGAIN)
        return;
    u->held_said_ms = held ? now : 0;
    if (held)
        log_warn("upkeep",
                 "held_seconds=%" PRIu64
                 " PostgreSQL's clock advanced by this much more than was watched, so removal is held back "
                 "by it, less each day; if the clock is right: corral-controller upkeep accept-clock",
                 u->held_seconds);
}

static void take(struct db_upkeep *u, const struct round *r)
{
    for (size_t i = 0; i < DB_UPKEEP_STEPS; i++) {
        struct db_upkeep_step *step = &u->step[i];
        step->removed += r->step[i].removed;
        step->failures += r->step[i].failures;
        step->failed = r->step[i].failed;
        memcpy(step->why, r->step[i].why, sizeof step->why);
        if (r->whole)
            step->overdue_seconds = r->step[i].overdue_seconds;
        say(u, i);
    }
    memcpy(u->batch, r->batch, sizeof u->batch);
    u->more = r->more;
    if (!r->whole)
        return;
    u->whole_ms = loop_now_ms();
    u->held_seconds = r->held_seconds;
    say_held(u);
}

static void on_round(void *arg, int code, const struct err *e)
{
    struct round *r = arg;
    struct db_upkeep *u = r->upkeep;
    if (code != ERR_CANCELLED) {
        if (code)
            log_warn("upkeep", "a round failed and is tried again: %s", e->text);
        take(u, r);
        timer_start(&u->timer, u->loop, r->more ? SOON_MS : ROUND_MS, begin, u);
        if (u->conf.on_round)
            u->conf.on_round(u->conf.arg);
    }
    free(r);
}

static void begin(void *arg)
{
    struct db_upkeep *u = arg;
    const struct db_upkeep_terms *t = u->conf.terms;
    struct round *r = mem_zalloc(sizeof *r);
    *r = (struct round){.upkeep = u,
                        .url = u->url,
                        .days = {[TERM_SAMPLES] = t->sample_days,
                                 [TERM_MINUTES] = t->minute_days,
                                 [TERM_HOURS] = t->hour_days,
                                 [TERM_ACTIVITY] = t->activity_days,
                                 [TERM_SYSTEM_SAMPLES] = t->system_sample_days,
                                 [TERM_SYSTEM] = t->system_days,
                                 [TERM_EVENTS] = t->event_days,
                                 [TERM_ANSWERS] = ANSWER_DAYS,
                                 [TERM_DELIVERIES] = t->delivery_days,
                                 [TERM_SANDBOXES] = t->sandbox_days,
                                 [TERM_KEYS] = t->key_days,
                                 [TERM_USERS] = t->user_days,
                                 [TERM_NODES] = t->node_days,
                                 [TERM_AUDIT] = t->audit_days}};
    memcpy(r->batch, u->batch, sizeof r->batch);
    worker_do(u->worker, NULL, round_work, on_round, r);
}

int db_upkeep_new(struct db_upkeep **out, const struct db_upkeep_conf *conf, struct err *e)
{
    struct db_upkeep *u = mem_zalloc(sizeof *u);
    u->loop = conf->loop;
    u->conf = *conf;
    u->url = mem_strdup(conf->url);
    u->socket = -1;
    u->whole_ms = loop_now_ms();
    for (size_t i = 0; i < DB_UPKEEP_STEPS; i++)
        u->step[i].name = rows[i].name;
    pthread_mutex_init(&u->lock, NULL);
    int rc = worker_new(&u->worker, u->loop, 1, e);
    if (rc) {
        db_upkeep_free(u);
        return rc;
    }
    *out = u;
    return 0;
}

void db_upkeep_start(struct db_upkeep *u)
{
    timer_start(&u->timer, u->loop, 0, begin, u);
}

/* A statement under way is abandoned; the server ends it by itself. */
void db_upkeep_free(struct db_upkeep *u)
{
    if (!u)
        return;
    timer_stop(&u->timer);
    pthread_mutex_lock(&u->lock);
    u->stopping = true;
    if (u->socket >= 0)
        shutdown(u->socket, SHUT_RDWR);
    pthread_mutex_unlock(&u->lock);
    worker_free(u->worker);
    pthread_mutex_destroy(&u->lock);
    free(u->url);
    free(u);
}

const struct db_upkeep_step *db_upkeep_steps(const struct db_upkeep *u)
{
    return u->step;
}

bool db_upkeep_more(const struct db_upkeep *u)
{
    return u->more;
}

uint64_t db_upkeep_held_seconds(const struct db_upkeep *u)
{
    return u->held_seconds;
}

int db_upkeep_accept_clock(const char *url, uint64_t *held_seconds, struct err *e)
{
    PGconn *conn;
    PGresult *held = NULL;
    int rc = db_sync_open(url, &conn, e);
    if (rc)
        return rc;
    rc = db_sync_run(conn, "select upkeep_accept_clock('{\"address\": \"local\"}')", 0, NULL, &held, e);
    if (!rc) {
        *held_seconds = number(held, 0);
        PQclear(held);
    }
    PQfinish(conn);
    return rc;
}

uint64_t db_upkeep_age_seconds(const struct db_upkeep *u)
{
    return (loop_now_ms() - u->whole_ms) / 1000;
}
