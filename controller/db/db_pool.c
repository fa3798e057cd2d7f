#include "controller/db/db_pool.h"

#include "common/io/log.h"
#include "common/io/loop.h"
#include "common/base/mem.h"
#include "controller/db/db_conn.h"

#include <stdio.h>
#include <stdlib.h>

#define CONNECTIONS_MAX 64
#define PIPELINE_DEPTH  32
#define CHECK_MS        250
#define TRIES_MAX       3    /* tries of a request that certainly failed */
#define PROBE_MS        5000 /* between write probes while writes succeed */
#define PROBE_SOON_MS   1000 /* and while they fail */

struct db_pool {
    struct loop *loop;
    char *url;
    struct db_pool_options options;
    struct db_conn *conns[CONNECTIONS_MAX];
    struct db_query_list waiting; /* for room on a connection */
    struct db_query_list refused; /* to be failed in the next turn */
    unsigned waiting_count, in_flight, up;
    struct later tell_refused, tell_deposed;
    bool stopping;
    struct timer check, probe;
    enum db_trouble trouble; /* the result of the last write */
    bool watching, probing;
    uint64_t renewed_ms; /* when a read-only session was last renewed */
    uint64_t requests, failures;
    double latency_ms;
    struct histogram times[DB_CLASSES];
};

/* A caller's query, with the pool's counts for it. */
struct counted {
    struct db_pool *pool;
    db_result_cb *cb;
    void *arg;
    enum db_class class;
    uint64_t since_us;
};

static void tell_deposed(void *arg)
{
    struct db_pool *pool = arg;
    if (pool->options.on_deposed)
        pool->options.on_deposed(pool->options.arg);
}

/* The server's own work is some hundred microseconds; what takes seconds waits for a lock or for its disk. */
const struct histogram_bounds db_pool_bounds = {
    {500, 1000, 2500, 5000, 10000, 25000, 50000, 100000, 250000, 1000000, 10000000}};

static void count_time(struct db_pool *pool, enum db_class class, uint64_t took_us)
{
    pool->latency_ms += ((double)took_us / 1000 - pool->latency_ms) / 64;
    histogram_add(&pool->times[class], &db_pool_bounds, took_us);
}

static void on_counted(void *arg, int code, const struct err *e, const PGresult *r)
{
    struct counted c = *(struct counted *)arg;
    free(arg);
    c.pool->in_flight--;
    if (code == ERR_NOT_LEADING)
        later_call(&c.pool->tell_deposed, c.pool->loop, tell_deposed, c.pool);
    if (code == ERR_DATABASE_UNAVAILABLE || code == ERR_INTERNAL)
        c.pool->failures++;
    else if (code != ERR_CANCELLED)
        count_time(c.pool, c.class, loop_now_us() - c.since_us);
    c.cb(c.arg, code, e, r);
}

static bool has_room(const struct db_pool *pool, const struct db_conn *conn)
{
    return conn && db_conn_up(conn) && db_conn_load(conn) < pool->options.depth;
}

/* Prefers a session that takes writes. */
static struct db_conn *least_loaded(const struct db_pool *pool)
{
    struct db_conn *best = NULL;
    bool best_reads = false;
    for (unsigned i = 0; i < pool->options.connections; i++) {
        struct db_conn *conn = pool->conns[i];
        if (!has_room(pool, conn))
            continue;
        bool reads = db_conn_read_only(conn);
        if (!best || best_reads > reads || (best_reads == reads && db_conn_load(conn) < db_conn_load(best))) {
            best = conn;
            best_reads = reads;
        }
    }
    return best;
}

static void dispatch(struct db_pool *pool)
{
    struct db_conn *conn;
    struct db_query *query;
    while ((query = STAILQ_FIRST(&pool->waiting)) && (conn = least_loaded(pool))) {
        STAILQ_REMOVE_HEAD(&pool->waiting, link);
        pool->waiting_count--;
        db_conn_send(conn, query);
    }
}

static void tell_refused(void *arg)
{
    struct db_pool *pool = arg;
    struct db_query_list now = STAILQ_HEAD_INITIALIZER(now);
    struct db_query *query;
    /* A callback that sends another query has it refused in the next turn, not in this loop without end. */
    STAILQ_CONCAT(&now, &pool->refused);
    while ((query = STAILQ_FIRST(&now))) {
        STAILQ_REMOVE_HEAD(&now, link);
        db_query_finish(query, query->error.code, &query->error);
    }
}

static void refuse(struct db_pool *pool, struct db_query *query, const char *why)
{
    err_set(&query->error, pool->stopping ? ERR_CANCELLED : ERR_DATABASE_UNAVAILABLE, "%s", why);
    STAILQ_INSERT_TAIL(&pool->refused, query, link);
    later_call(&pool->tell_refused, pool->loop, tell_refused, pool);
}

static void refuse_waiting(struct db_pool *pool, uint64_t older_than_ms, const char *why)
{
    struct db_query *query;
    while ((query = STAILQ_FIRST(&pool->waiting)) && query->since_ms <= older_than_ms) {
        STAILQ_REMOVE_HEAD(&pool->waiting, link);
        pool->waiting_count--;
        refuse(pool, query, why);
    }
}

static void on_room(void *arg)
{
    dispatch(arg);
}

/* --- whether the server takes writes --- */

static void probe_soon(struct db_pool *pool, uint64_t wait_ms);

static void set_trouble(struct db_pool *pool, enum db_trouble trouble)
{
    if (pool->trouble == trouble)
        return;
    pool->trouble = trouble;
    if (trouble)
        log_error("database", "it takes no writes: %s", db_trouble_sentence(trouble));
    else
        log_info("database", "it takes writes again");
    for (unsigned i = 0; !trouble && i < pool->options.connections; i++) {
        if (db_conn_read_only(pool->conns[i]))
            db_conn_renew(pool->conns[i]);
    }
    if (pool->options.on_trouble)
        pool->options.on_trouble(pool->options.arg, trouble);
}

static void on_probed(void *arg, int code, const struct err *e, const PGresult *r)
{
    struct db_pool *pool = arg;
    pool->probing = false;
    if (code == ERR_CANCELLED)
        return;
    if (!code)
        set_trouble(pool, DB_WELL);
    probe_soon(pool, pool->trouble ? PROBE_SOON_MS : PROBE_MS);
}

static void probe(void *arg)
{
    static const struct db_stmt stmt = {"write_probe", "select null from write_probe()", 0};
    struct db_pool *pool = arg;
    pool->probing = true;
    db_query(pool, &stmt, NULL, on_probed, pool);
}

static void probe_soon(struct db_pool *pool, uint64_t wait_ms)
{
    if (!pool->probing && !pool->stopping)
        timer_start(&pool->probe, pool->loop, wait_ms, probe, pool);
}

void db_pool_watch_writes(struct db_pool *pool)
{
    pool->watching = true;
    probe_soon(pool, 0);
}

static bool another_writes(const struct db_pool *pool)
{
    for (unsigned i = 0; i < pool->options.connections; i++) {
        if (db_conn_up(pool->conns[i]) && !db_conn_read_only(pool->conns[i]))
            return true;
    }
    return false;
}

/* While the server is read-only, renews one session a second, to find out when that is over. */
static void read_only(struct db_pool *pool, struct db_conn *conn)
{
    uint64_t now = loop_now_ms();
    if (now - pool->renewed_ms >= PROBE_SOON_MS) {
        pool->renewed_ms = now;
        db_conn_renew(conn);
    }
}

static bool on_trouble(void *arg, struct db_conn *conn, struct db_query *query, enum db_action action)
{
    struct db_pool *pool = arg;
    bool again = action == DB_AGAIN || action == DB_OVER;
    if (action == DB_READ_ONLY) {
        read_only(pool, conn);
        again = another_writes(pool);
    }
    if (again && query->tries < TRIES_MAX && !pool->stopping) {
        db_query_again(query);
        query->since_ms = loop_awake_ms(pool->loop);
        STAILQ_INSERT_TAIL(&pool->waiting, query, link);
        pool->waiting_count++;
        return true;
    }
    if (action == DB_READ_ONLY || action == DB_FULL) {
        set_trouble(pool, action == DB_FULL ? DB_DISK_FULL : DB_IS_READ_ONLY);
        probe_soon(pool, PROBE_SOON_MS);
    }
    return false;
}

const char *db_trouble_sentence(enum db_trouble trouble)
{
    static const char *const sentences[] = {[DB_WELL] = "the database is well",
                                            [DB_IS_READ_ONLY] = "the database is read-only now",
                                            [DB_DISK_FULL] = "the disk of the database is full",
                                            [DB_IS_AWAY] = "the database does not answer"};
    return sentences[trouble];
}

enum db_trouble db_pool_trouble(const struct db_pool *pool)
{
    return pool->up ? pool->trouble : DB_IS_AWAY;
}

/* --- life --- */

static void on_conn_change(void *arg)
{
    struct db_pool *pool = arg;
    bool was_up = pool->up > 0;
    pool->up = 0;
    for (unsigned i = 0; i < pool->options.connections; i++)
        pool->up += pool->conns[i] && db_conn_up(pool->conns[i]);
    if (pool->up == 0)
        refuse_waiting(pool, UINT64_MAX, "The database does not answer");
    dispatch(pool);
    if (was_up != (pool->up > 0)) {
        log_info("database", "%s", pool->up ? "connected" : "no connection left");
        if (pool->up && pool->watching)
            probe_soon(pool, 0);
        if (pool->options.on_change)
            pool->options.on_change(pool->options.arg, pool->up > 0);
    }
}

static void on_check(void *arg)
{
    struct db_pool *pool = arg;
    uint64_t now = loop_awake_ms(pool->loop);
    for (unsigned i = 0; i < pool->options.connections; i++)
        db_conn_check(pool->conns[i]);
    if (now > pool->options.timeout_ms)
        refuse_waiting(pool, now - pool->options.timeout_ms, "The database is too slow");
    timer_start(&pool->check, pool->loop, CHECK_MS, on_check, pool);
}

void db_query(struct db_pool *pool, const struct db_stmt *stmt, const char *const *params, db_result_cb *cb,
              void *arg)
{
    struct counted *c = mem_zalloc(sizeof *c);
    *c = (struct counted){pool, cb, arg, stmt->class, loop_now_us()};
    struct db_query *query = db_query_new(stmt, params, on_counted, c);
    query->since_ms = loop_awake_ms(pool->loop);
    pool->requests++;
    pool->in_flight++;
    if (pool->up == 0) {
        refuse(pool, query, "The database does not answer");
    } else if (pool->in_flight > pool->options.queue_max) {
        refuse(pool, query, "Too many requests wait for the database");
    } else {
        STAILQ_INSERT_TAIL(&pool->waiting, query, link);
        pool->waiting_count++;
        dispatch(pool);
    }
}

struct db_pool *db_pool_new(struct loop *loop, const struct db_pool_options *options)
{
    struct db_pool *pool = mem_zalloc(sizeof *pool);
    pool->loop = loop;
    pool->options = *options;
    pool->url = mem_strdup(options->url);
    if (!pool->options.connections)
        pool->options.connections = 4;
    if (pool->options.connections > CONNECTIONS_MAX)
        pool->options.connections = CONNECTIONS_MAX;
    if (!pool->options.queue_max)
        pool->options.queue_max = 4096;
    if (!pool->options.timeout_ms)
        pool->options.timeout_ms = 10000;
    if (!pool->options.depth)
        pool->options.depth = PIPELINE_DEPTH;
    STAILQ_INIT(&pool->waiting);
    STAILQ_INIT(&pool->refused);
    return pool;
}

void db_pool_start(struct db_pool *pool)
{
    struct db_conn_events events = {.on_up = on_conn_change,
                                    .on_down = on_conn_change,
                                    .on_room = on_room,
                                    .on_trouble = on_trouble,
                                    .arg = pool};
    for (unsigned i = 0; i < pool->options.connections; i++)
        pool->conns[i] = db_conn_new(pool->loop, pool->url, pool->options.timeout_ms, 0, &events);
    timer_start(&pool->check, pool->loop, CHECK_MS, on_check, pool);
}

void db_pool_free(struct db_pool *pool)
{
    struct db_query *query;
    struct err e;
    if (!pool)
        return;
    err_set(&e, ERR_CANCELLED, "The controller is stopping");
    timer_stop(&pool->check);
    timer_stop(&pool->probe);
    pool->stopping = true;
    pool->up = 0;
    for (unsigned i = 0; i < pool->options.connections; i++)
        db_conn_free(pool->conns[i]);
    while ((query = STAILQ_FIRST(&pool->waiting))) {
        STAILQ_REMOVE_HEAD(&pool->waiting, link);
        db_query_finish(query, ERR_CANCELLED, &e);
    }
    while (!STAILQ_EMPTY(&pool->refused))
        tell_refused(pool);
    later_cancel(&pool->tell_refused);
    later_cancel(&pool->tell_deposed);
    free(pool->url);
    free(pool);
}

void db_pool_set_epoch(struct db_pool *pool, uint64_t epoch)
{
    for (unsigned i = 0; i < pool->options.connections; i++) {
        if (pool->conns[i])
            db_conn_set_epoch(pool->conns[i], epoch);
    }
}

bool db_pool_up(const struct db_pool *pool)
{
    return pool->up > 0;
}

struct db_pool_stats db_pool_stats(const struct db_pool *pool)
{
    return (struct db_pool_stats){
        .connections = pool->options.connections,
        .up = pool->up,
        .waiting = pool->waiting_count,
        .in_flight = pool->in_flight,
        .requests = pool->requests,
        .failures = pool->failures,
        .latency_ms = pool->latency_ms,
    };
}

const char *db_class_name(enum db_class class)
{
    static const char *const names[] = {[DB_CHANGE] = "change",   [DB_ADMIT] = "admit", [DB_MOVE] = "move",
                                        [DB_HISTORY] = "history", [DB_KEY] = "key",     [DB_READ] = "read"};
    return names[class];
}

const struct histogram *db_pool_times(const struct db_pool *pool, enum db_class class)
{
    return &pool->times[class];
}
