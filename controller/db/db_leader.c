#include "controller/db/db_leader.h"

#include "common/io/loop.h"
#include "common/base/mem.h"
#include "controller/db/db_conn.h"

#include <stdlib.h>
#include <string.h>

/*
 * Interval for trying to get the lock, and for checking that it is still held: the loss of a leader must be
 * noticed soon.
 */
#define TRY_MS     1000
#define TIMEOUT_MS 4000
/* The server ends the session of a controller that stands still for this long, which frees the lock. */
#define IDLE_MS 15000

struct db_leader {
    struct loop *loop;
    struct db_conn *conn;
    struct db_leader_events events;
    char *id;
    bool leads, asked, stopping;
    uint64_t asked_ms;
    uint64_t epoch; /* of its latest lead, while no other controller has led since; 0: none */
    struct timer timer;
};

static void ask(struct db_leader *leader, const struct db_stmt *stmt, const char *const *params,
                db_result_cb *cb)
{
    leader->asked = true;
    leader->asked_ms = loop_now_ms();
    db_conn_send(leader->conn, db_query_new(stmt, params, cb, leader));
}

/*
 * Whether nobody has led since our latest lead, by the row as it was before this try. Then a lock that is not
 * free is held by our own lost session, until the server notices. Another row is of another leader, or of an
 * older copy of the database.
 */
static bool led_last(const struct db_leader *leader, const PGresult *r)
{
    return strtoull(PQgetvalue(r, 0, 1), NULL, 10) == leader->epoch &&
           !strcmp(PQgetvalue(r, 0, 2), leader->id) &&
           (PQgetisnull(r, 0, 0) || strtoull(PQgetvalue(r, 0, 0), NULL, 10) == leader->epoch + 1);
}

static void check_latest(struct db_leader *leader, const PGresult *r)
{
    if (!leader->epoch || led_last(leader, r))
        return;
    leader->epoch = 0;
    if (leader->events.on_superseded)
        leader->events.on_superseded(leader->events.arg);
}

static void on_answer(void *arg, int code, const struct err *e, const PGresult *r)
{
    struct db_leader *leader = arg;
    leader->asked = false;
    /* The session may hold the lock anyway, or be read-only: a new session finds out. */
    if (code && !leader->leads && !leader->stopping)
        db_conn_drop(leader->conn, e->text);
    if (code || PQntuples(r) == 0)
        return;
    if (leader->leads) {
        if (leader->events.on_clock)
            leader->events.on_clock(leader->events.arg, leader->asked_ms,
                                    strtoll(PQgetvalue(r, 0, 0), NULL, 10));
        return;
    }
    check_latest(leader, r);
    if (PQgetisnull(r, 0, 0))
        return;
    leader->leads = true;
    leader->epoch = strtoull(PQgetvalue(r, 0, 0), NULL, 10);
    leader->events.on_gained(leader->events.arg, leader->epoch);
}

static void on_listening(void *arg, int code, const struct err *e, const PGresult *r)
{
    struct db_leader *leader = arg;
    leader->asked = false;
    if (leader->stopping)
        return;
    if (code)
        db_conn_drop(leader->conn, e->text);
}

static void on_keys_listening(void *arg, int code, const struct err *e, const PGresult *r)
{
    struct db_leader *leader = arg;
    on_listening(arg, code, e, r);
    if (code || leader->stopping)
        return;
    if (leader->events.on_listening)
        leader->events.on_listening(leader->events.arg);
}

static void on_timer(void *arg)
{
    static const struct db_stmt try = {"lead", "select lead($1), epoch, leader from leadership", 1};
    static const struct db_stmt still = {"still", "select clock_ms()", 0};
    struct db_leader *leader = arg;
    const char *params[] = {leader->id};
    timer_start(&leader->timer, leader->loop, TRY_MS, on_timer, leader);
    db_conn_check(leader->conn);
    if (db_conn_up(leader->conn) && !leader->asked)
        ask(leader, leader->leads ? &still : &try, params, on_answer);
}

/* In the order of enum db_told. */
static const struct db_stmt listens[] = {
    {"listen_keys", "listen corral_keys", 0},
    {"listen_desired", "listen corral_desired", 0},
    {"listen_nodes", "listen corral_nodes", 0},
    {"listen_events", "listen corral_events", 0},
};

static void on_up(void *arg)
{
    struct db_leader *leader = arg;
    for (size_t i = 0; i < ARRAY_LEN(listens); i++)
        ask(leader, &listens[i], NULL, i == DB_TOLD_KEY ? on_keys_listening : on_listening);
    timer_start(&leader->timer, leader->loop, 0, on_timer, leader);
}

static void on_down(void *arg)
{
    struct db_leader *leader = arg;
    bool led = leader->leads;
    leader->leads = false;
    leader->asked = false;
    timer_stop(&leader->timer);
    if (led)
        leader->events.on_lost(leader->events.arg);
}

static void on_room(void *arg)
{
}

static void on_notify(void *arg, const char *channel, const char *payload)
{
    struct db_leader *leader = arg;
    for (size_t i = 0; i < ARRAY_LEN(listens); i++) {
        if (!strcmp(listens[i].sql + strlen("listen "), channel))
            leader->events.on_told(leader->events.arg, (enum db_told)i, payload);
    }
}

struct db_leader *db_leader_new(struct loop *loop, const char *url, const char *id,
                                const struct db_leader_events *events)
{
    struct db_leader *leader = mem_zalloc(sizeof *leader);
    struct db_conn_events conn_events = {
        .on_up = on_up, .on_down = on_down, .on_room = on_room, .on_notify = on_notify, .arg = leader};
    leader->loop = loop;
    leader->events = *events;
    leader->id = mem_strdup(id);
    leader->conn = db_conn_new(loop, url, TIMEOUT_MS, IDLE_MS, &conn_events);
    return leader;
}

void db_leader_free(struct db_leader *leader)
{
    if (!leader)
        return;
    leader->stopping = true;
    timer_stop(&leader->timer);
    db_conn_free(leader->conn);
    free(leader->id);
    free(leader);
}

void db_leader_doubt(struct db_leader *leader)
{
    if (leader->leads)
        db_conn_drop(leader->conn, "another controller leads");
}

bool db_leader_leads(const struct db_leader *leader)
{
    return leader->leads;
}
