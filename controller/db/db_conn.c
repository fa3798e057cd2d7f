#include "controller/db/db_conn.h"

#include "common/base/backoff.h"
#include "common/io/log.h"
#include "common/io/loop.h"
#include "common/base/mem.h"
#include "controller/db/db_hosts.h"
#include "controller/db/db_session.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

/* An upper bound on the number of statements in the program. */
#define STMTS_MAX 96

/*
 * The server ends a statement at its timeout; the connection is dropped only if the server has not answered
 * this long after it.
 */
#define LATE_MS 1000

/* A shorter session counts as a failure: the next try waits longer. */
#define LIVED_MS 5000

enum conn_state { CONN_DOWN, CONN_CONNECTING, CONN_UP, CONN_BROKEN };

struct db_conn {
    struct loop *loop;
    struct db_conn_events events;
    char *url;
    uint32_t timeout_ms, idle_ms;
    uint64_t epoch, said_epoch; /* the current epoch; the one that the session has */
    enum conn_state state;
    struct db_hosts *hosts; /* the look-up of addresses under way */
    PGconn *pg;             /* NULL until the addresses are known */
    struct watch watch;
    bool writing;       /* the socket is watched for writing */
    struct timer timer; /* down: the next try; connecting: the timeout; broken: the next turn */
    struct backoff backoff;
    struct db_query_list sent;
    unsigned load;
    uint64_t head_ms; /* when the server could begin the first query under way */
    uint64_t up_ms;
    bool stale; /* takes no more queries; reconnects when those under way are answered */
    const struct db_stmt *prepared[STMTS_MAX];
    size_t prepared_count;
    char why[200];
};

static void on_ready(void *arg, bool readable, bool writable);
static void connect_now(void *arg);

static void drop_notice(void *arg, const char *message)
{
}

static void watch_for(struct db_conn *conn, bool read, bool write)
{
    conn->writing = write;
    watch_start(&conn->watch, conn->loop, PQsocket(conn->pg), read, write, on_ready, conn);
}

static void close_pg(struct db_conn *conn)
{
    db_hosts_cancel(conn->hosts);
    conn->hosts = NULL;
    watch_stop(&conn->watch);
    timer_stop(&conn->timer);
    PQfinish(conn->pg);
    conn->pg = NULL;
    conn->prepared_count = 0;
}

/*
 * The query failed with an action that concerns the session or the server. True: it was taken, to be sent on
 * another connection.
 */
static bool troubled(struct db_conn *conn, struct db_query *query, enum db_action action)
{
    return action != DB_TELL && !query->told && conn->events.on_trouble &&
           conn->events.on_trouble(conn->events.arg, conn, query, action);
}

/*
 * Ends all queries under way. If the server ended the session before it carried out the first one, it did not
 * begin the others either.
 */
static void tell_all(struct db_conn *conn, int code, const char *why)
{
    struct db_query_list lost = STAILQ_HEAD_INITIALIZER(lost);
    struct db_query *query = STAILQ_FIRST(&conn->sent);
    const struct db_sqlstate *row = query && query->result ? db_result_state(query->result) : NULL;
    enum db_action action = code != ERR_CANCELLED && row && row->action == DB_OVER ? DB_OVER : DB_TELL;
    struct err e;
    err_set(&e, code, "%s", why);
    STAILQ_CONCAT(&lost, &conn->sent);
    conn->load = 0;
    while ((query = STAILQ_FIRST(&lost))) {
        STAILQ_REMOVE_HEAD(&lost, link);
        if (!troubled(conn, query, action))
            db_query_finish(query, code, &e);
    }
}

/*
 * The only function that closes the connection. Runs in a turn of its own, so that no callback is called
 * inside the call that sent a query.
 */
static void go_down(void *arg)
{
    struct db_conn *conn = arg;
    uint32_t random = 0;
    if (getrandom(&random, sizeof random, 0) < 0)
        random = 0;
    if (conn->up_ms && loop_now_ms() - conn->up_ms >= LIVED_MS)
        backoff_reset(&conn->backoff);
    uint32_t wait_ms = conn->stale ? 0 : backoff_next(&conn->backoff, random);
    if (!conn->stale)
        log_warn("database", "connection lost: %s; next try in %u ms", conn->why, wait_ms);
    close_pg(conn);
    conn->state = CONN_DOWN;
    conn->stale = false;
    conn->up_ms = 0;
    timer_start(&conn->timer, conn->loop, wait_ms, connect_now, conn);
    tell_all(conn, ERR_DATABASE_UNAVAILABLE, "The connection to the database was lost");
    conn->events.on_down(conn->events.arg);
}

void db_conn_drop(struct db_conn *conn, const char *why)
{
    if (conn->state == CONN_DOWN || conn->state == CONN_BROKEN)
        return;
    conn->state = CONN_BROKEN;
    snprintf(conn->why, sizeof conn->why, "%.*s", (int)strcspn(why, "\n"), why);
    watch_stop(&conn->watch);
    timer_start(&conn->timer, conn->loop, 0, go_down, conn);
}

static void on_connect_timeout(void *arg)
{
    db_conn_drop(arg, "connecting took too long");
}

/* Connects. hosts: with these addresses; NULL: as the connection string says. */
static void dial(struct db_conn *conn, const struct db_hosts_found *hosts)
{
    static const char *const keys[] = {"dbname",
                                       "fallback_application_name",
                                       "keepalives_idle",
                                       "keepalives_interval",
                                       "keepalives_count",
                                       "tcp_user_timeout",
                                       "options",
                                       "host",
                                       "hostaddr",
                                       "port",
                                       NULL};
    char options[DB_SESSION_OPTIONS_MAX + 40];
    snprintf(options, sizeof options, DB_SESSION_OPTIONS " -c corral.epoch=%" PRIu64, conn->timeout_ms,
             conn->idle_ms, conn->epoch);
    conn->said_epoch = conn->epoch;
    const char *const values[] = {conn->url,
                                  "corral",
                                  "5",
                                  "2",
                                  "3",
                                  "10000",
                                  options,
                                  hosts ? hosts->host : NULL,
                                  hosts ? hosts->hostaddr : NULL,
                                  hosts ? hosts->port : NULL,
                                  NULL};
    conn->pg = PQconnectStartParams(keys, values, 1);
    if (PQstatus(conn->pg) == CONNECTION_BAD) {
        db_conn_drop(conn, PQerrorMessage(conn->pg));
        return;
    }
    PQsetNoticeProcessor(conn->pg, drop_notice, NULL);
    watch_for(conn, false, true);
}

static void on_hosts(void *arg, const struct db_hosts_found *found, const char *why)
{
    struct db_conn *conn = arg;
    conn->hosts = NULL;
    if (found)
        dial(conn, found);
    else
        db_conn_drop(conn, why);
}

static void connect_now(void *arg)
{
    struct db_conn *conn = arg;
    conn->state = CONN_CONNECTING;
    timer_start(&conn->timer, conn->loop, conn->timeout_ms, on_connect_timeout, conn);
    conn->hosts = db_hosts_find(conn->loop, conn->url, on_hosts, conn);
    if (!conn->hosts)
        dial(conn, NULL);
}

/* A session whose epoch cannot be set is dropped: it must not write for any leader. */
static void on_epoch_said(void *arg, int code, const struct err *e, const PGresult *r)
{
    if (code && code != ERR_CANCELLED)
        db_conn_drop(arg, e->text);
}

static void say_epoch(struct db_conn *conn)
{
    static const struct db_stmt stmt = {"session_epoch", "select set_config('corral.epoch', $1, false)", 1};
    char text[24];
    const char *params[] = {text};
    if (conn->state != CONN_UP || conn->said_epoch == conn->epoch)
        return;
    conn->said_epoch = conn->epoch;
    snprintf(text, sizeof text, "%" PRIu64, conn->epoch);
    db_conn_send(conn, db_query_new(&stmt, params, on_epoch_said, conn));
}

void db_conn_set_epoch(struct db_conn *conn, uint64_t epoch)
{
    conn->epoch = epoch;
    say_epoch(conn);
}

static void on_connecting(struct db_conn *conn)
{
    PostgresPollingStatusType poll = PQconnectPoll(conn->pg);
    if (poll == PGRES_POLLING_READING || poll == PGRES_POLLING_WRITING) {
        watch_for(conn, poll == PGRES_POLLING_READING, poll == PGRES_POLLING_WRITING);
        return;
    }
    if (poll != PGRES_POLLING_OK || PQsetnonblocking(conn->pg, 1) != 0 ||
        PQenterPipelineMode(conn->pg) != 1) {
        db_conn_drop(conn, PQerrorMessage(conn->pg));
        return;
    }
    timer_stop(&conn->timer);
    conn->state = CONN_UP;
    conn->up_ms = loop_now_ms();
    watch_for(conn, true, false);
    say_epoch(conn);
    conn->events.on_up(conn->events.arg);
}

static void forget_stmt(struct db_conn *conn, const struct db_stmt *stmt)
{
    for (size_t i = 0; i < conn->prepared_count; i++) {
        if (conn->prepared[i] == stmt)
            conn->prepared[i] = conn->prepared[--conn->prepared_count];
    }
}

static bool ends_session(enum db_action action)
{
    return action == DB_RENEW || action == DB_OVER;
}

/* The query's transaction is over, so its result is final. */
static void complete(struct db_conn *conn)
{
    struct db_query *query = STAILQ_FIRST(&conn->sent);
    const struct db_sqlstate *row = db_result_state(query->result);
    struct err e;
    STAILQ_REMOVE_HEAD(&conn->sent, link);
    conn->load--;
    conn->head_ms = loop_awake_ms(conn->loop);
    if (query->prepares && !query->prepared)
        forget_stmt(conn, query->stmt);
    int code = db_result_code(query->result, &e);
    if (!row || !troubled(conn, query, row->action))
        db_query_finish(query, code, code ? &e : NULL);
    if (row && ends_session(row->action))
        conn->stale = true;
    if (conn->stale && !conn->load)
        db_conn_drop(conn, "it is made again");
    conn->events.on_room(conn->events.arg);
}

/* Of several results of a query, keeps the first error, else the last result. Takes r. */
static void keep(struct db_query *query, PGresult *r)
{
    ExecStatusType status = PQresultStatus(r);
    bool failed = status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK;
    if (query->prepares && !query->prepared && !failed) {
        query->prepared = true;
        PQclear(r);
        return;
    }
    if (query->result) {
        PQclear(r);
        return;
    }
    query->result = r;
}

static void take_results(struct db_conn *conn)
{
    bool ended = false;
    while (conn->state == CONN_UP && !STAILQ_EMPTY(&conn->sent) && !PQisBusy(conn->pg)) {
        PGresult *r = PQgetResult(conn->pg);
        if (!r && ended)
            return;
        ended = !r;
        if (!r)
            continue;
        if (PQresultStatus(r) == PGRES_PIPELINE_SYNC) {
            PQclear(r);
            complete(conn);
        } else {
            keep(STAILQ_FIRST(&conn->sent), r);
        }
    }
}

static void take_notifies(struct db_conn *conn)
{
    PGnotify *notify;
    while (conn->state == CONN_UP && (notify = PQnotifies(conn->pg))) {
        if (conn->events.on_notify)
            conn->events.on_notify(conn->events.arg, notify->relname, notify->extra);
        PQfreemem(notify);
    }
}

/*
 * While bytes wait to be sent, watches both directions, as libpq requires: the server may be waiting for us
 * to read.
 */
static void flush(struct db_conn *conn)
{
    int left = PQflush(conn->pg);
    if (left < 0)
        db_conn_drop(conn, PQerrorMessage(conn->pg));
    else if ((left > 0) != conn->writing)
        watch_for(conn, true, left > 0);
}

static void on_ready(void *arg, bool readable, bool writable)
{
    struct db_conn *conn = arg;
    if (conn->state == CONN_CONNECTING) {
        on_connecting(conn);
        return;
    }
    bool alive = !readable || PQconsumeInput(conn->pg) == 1;
    take_results(conn);
    take_notifies(conn);
    if (!alive)
        db_conn_drop(conn, PQerrorMessage(conn->pg));
    else if (conn->state == CONN_UP)
        flush(conn);
}

static bool is_prepared(const struct db_conn *conn, const struct db_stmt *stmt)
{
    for (size_t i = 0; i < conn->prepared_count; i++) {
        if (conn->prepared[i] == stmt)
            return true;
    }
    return false;
}

void db_conn_send(struct db_conn *conn, struct db_query *query)
{
    const struct db_stmt *stmt = query->stmt;
    bool sent = true;
    query->since_ms = loop_awake_ms(conn->loop);
    if (!conn->load)
        conn->head_ms = query->since_ms;
    STAILQ_INSERT_TAIL(&conn->sent, query, link);
    conn->load++;
    if (!is_prepared(conn, stmt)) {
        query->prepares = true;
        if (conn->prepared_count == STMTS_MAX)
            abort();
        conn->prepared[conn->prepared_count++] = stmt;
        sent = PQsendPrepare(conn->pg, stmt->name, stmt->sql, 0, NULL);
    }
    sent = sent && PQsendQueryPrepared(conn->pg, stmt->name, stmt->params, (const char *const *)query->params,
                                       NULL, NULL, 0);
    if (!sent || !PQpipelineSync(conn->pg))
        db_conn_drop(conn, PQerrorMessage(conn->pg));
    else
        flush(conn);
}

void db_conn_renew(struct db_conn *conn)
{
    if (conn->state != CONN_UP || conn->stale)
        return;
    conn->stale = true;
    if (!conn->load)
        db_conn_drop(conn, "it is made again");
}

void db_conn_check(struct db_conn *conn)
{
    struct db_query *query;
    struct err e;
    uint64_t now = loop_awake_ms(conn->loop);
    if (conn->state != CONN_UP)
        return;
    err_set(&e, ERR_DATABASE_UNAVAILABLE, "The database is too slow");
    STAILQ_FOREACH(query, &conn->sent, link)
    {
        if (!query->told && now > query->since_ms + conn->timeout_ms)
            db_query_tell(query, e.code, &e);
    }
    if (conn->load && now > conn->head_ms + conn->timeout_ms + LATE_MS)
        db_conn_drop(conn, "a request took too long");
}

bool db_conn_up(const struct db_conn *conn)
{
    return conn->state == CONN_UP && !conn->stale;
}

bool db_conn_read_only(const struct db_conn *conn)
{
    static const char *const says[] = {"default_transaction_read_only", "in_hot_standby"};
    for (size_t i = 0; conn->state == CONN_UP && i < ARRAY_LEN(says); i++) {
        const char *value = PQparameterStatus(conn->pg, says[i]);
        if (value && !strcmp(value, "on"))
            return true;
    }
    return false;
}

unsigned db_conn_load(const struct db_conn *conn)
{
    return conn->load;
}

struct db_conn *db_conn_new(struct loop *loop, const char *url, uint32_t timeout_ms, uint32_t idle_ms,
                            const struct db_conn_events *events)
{
    struct db_conn *conn = mem_zalloc(sizeof *conn);
    conn->loop = loop;
    conn->events = *events;
    conn->url = mem_strdup(url);
    conn->timeout_ms = timeout_ms;
    conn->idle_ms = idle_ms;
    backoff_init(&conn->backoff, 100, 2000);
    STAILQ_INIT(&conn->sent);
    timer_start(&conn->timer, loop, 0, connect_now, conn);
    return conn;
}

void db_conn_free(struct db_conn *conn)
{
    if (!conn)
        return;
    close_pg(conn);
    conn->state = CONN_DOWN;
    tell_all(conn, ERR_CANCELLED, "The controller is stopping");
    free(conn->url);
    free(conn);
}
