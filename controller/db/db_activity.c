#include "controller/db/db_activity.h"

#include "common/base/json_text.h"
#include "common/base/mem.h"
#include "common/base/utf8.h"
#include "common/io/log.h"
#include "common/io/loop.h"
#include "common/io/pki.h"
#include "controller/db/db_query.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#define USER_MAX 32

struct waiting {
    STAILQ_ENTRY(waiting) link;
    char user[USER_MAX];
    size_t len;
    char json[];
};

struct db_activity {
    struct loop *loop;
    struct db_pool *pool;
    STAILQ_HEAD(, waiting) waiting;
    size_t bytes;
    struct db_activity_stats stats;
    char *batch;       /* under way, or to be sent again; NULL: none */
    unsigned in_batch; /* its acts */
    bool on_its_way, freed, dropping;
    struct timer timer;
};

/* --- one act as JSON --- */

/* Text as it is; of other bytes those that are not ASCII as \xNN, since the database keeps text. */
static void put_path(struct json_text *t, const char *name, const char *path)
{
    struct text plain = {0};
    if (!path || utf8_valid(path)) {
        if (path)
            json_text_str(t, name, path);
        return;
    }
    for (const char *c = path; *c; c++)
        text_fmt(&plain, (unsigned char)*c < 128 ? "%c" : "\\x%02x", (unsigned char)*c);
    json_text_str(t, name, plain.data ? plain.data : "");
    text_fini(&plain);
}

static void put_program(struct json_text *t, const char *program)
{
    char name[DB_ACTIVITY_PROGRAM + 1];
    if (!program)
        return;
    size_t len = strnlen(program, DB_ACTIVITY_PROGRAM);
    memcpy(name, program, len);
    name[utf8_whole(name, len)] = 0;
    put_path(t, "program", name);
}

/* A random id: if a batch is sent again, the database finds what it has already. */
static int64_t random_id(void)
{
    uint64_t id;
    pki_random(&id, sizeof id);
    return (int64_t)(id >> 1);
}

static struct waiting *waiting_new(const struct db_act *act)
{
    struct json_text t = {0};
    json_text_object(&t, NULL);
    json_text_num(&t, "at_ms", act->unix_ms);
    json_text_int(&t, "id", random_id());
    json_text_str(&t, "sandbox_id", act->sandbox_id);
    json_text_str(&t, "user_id", act->user_id);
    json_text_str(&t, "key_id", act->key_id);
    json_text_str(&t, "act", act->act);
    put_program(&t, act->program);
    put_path(&t, "path", act->path);
    put_path(&t, "path_to", act->path_to);
    json_text_bool(&t, "entered", act->entered);
    json_text_str(&t, "request_id", act->request_id);
    json_text_end(&t);
    size_t len = strlen(t.text.data);
    struct waiting *w = mem_zalloc(sizeof *w + len + 1);
    snprintf(w->user, sizeof w->user, "%s", act->user_id);
    w->len = len;
    memcpy(w->json, t.text.data, len);
    json_text_fini(&t);
    return w;
}

/* --- batches --- */

static void send(void *arg);

static void later(struct db_activity *a)
{
    if (!timer_armed(&a->timer) && !a->on_its_way)
        timer_start(&a->timer, a->loop, DB_ACTIVITY_MS, send, a);
}

static void batch_end(struct db_activity *a)
{
    mem_free_ptr(&a->batch);
    a->in_batch = 0;
}

static void drop(struct db_activity *a, unsigned count, const char *why)
{
    a->stats.dropped += count;
    if (!a->dropping)
        log_warn("activity", "acts inside sandboxes are not recorded: %s", why);
    a->dropping = true;
}

/* While the database is away, or another controller leads, the batch waits; what it refuses is dropped. */
static void on_sent(void *arg, int code, const struct err *e, const char *stored)
{
    struct db_activity *a = arg;
    a->on_its_way = false;
    if (a->freed) {
        free(a->batch);
        free(a);
        return;
    }
    if (!code) {
        a->stats.stored += strtoull(stored, NULL, 10);
        a->dropping = false;
        batch_end(a);
    } else if (code != ERR_DATABASE_UNAVAILABLE && code != ERR_NOT_LEADING) {
        drop(a, a->in_batch, e->text);
        batch_end(a);
    }
    if (!a->batch && a->stats.waiting >= DB_ACTIVITY_BATCH)
        send(a); /* a flood is written as fast as the database takes it, so that little of it waits */
    else if (a->batch || !STAILQ_EMPTY(&a->waiting))
        later(a);
}

static void gather(struct db_activity *a)
{
    struct json_text t = {0};
    struct waiting *w;
    json_text_array(&t, NULL);
    while (a->in_batch < DB_ACTIVITY_BATCH && (w = STAILQ_FIRST(&a->waiting))) {
        STAILQ_REMOVE_HEAD(&a->waiting, link);
        json_text_raw(&t, NULL, w->json);
        a->stats.waiting--;
        a->bytes -= w->len;
        a->in_batch++;
        free(w);
    }
    json_text_end(&t);
    a->batch = t.text.data;
}

static void send(void *arg)
{
    static const struct db_stmt stmt = {"add_activity", "select add_activity($1)::text", 1,
                                        .class = DB_HISTORY};
    struct db_activity *a = arg;
    if (a->on_its_way || (!a->batch && STAILQ_EMPTY(&a->waiting)))
        return;
    if (!a->batch)
        gather(a);
    const char *params[] = {a->batch};
    a->on_its_way = true;
    db_query_json(a->pool, &stmt, params, 0, "", on_sent, a);
}

/* --- what the owner calls --- */

/* What is looked at only where there is so much that a single user could have it all. */
static bool is_too_much_of(const struct db_activity *a, const char *user)
{
    const struct waiting *w;
    unsigned count = 0;
    size_t bytes = 0;
    if (a->stats.waiting < DB_ACTIVITY_OF_USER && a->bytes < DB_ACTIVITY_BYTES_OF_USER)
        return false;
    STAILQ_FOREACH(w, &a->waiting, link)
    {
        bool same = !strcmp(w->user, user);
        count += same;
        bytes += same ? w->len : 0;
    }
    return count >= DB_ACTIVITY_OF_USER || bytes >= DB_ACTIVITY_BYTES_OF_USER;
}

void db_activity_add(struct db_activity *a, const struct db_act *act)
{
    if (a->stats.waiting >= DB_ACTIVITY_MAX || a->bytes >= DB_ACTIVITY_BYTES) {
        drop(a, 1, "too many wait for the database");
        return;
    }
    if (is_too_much_of(a, act->user_id)) {
        drop(a, 1, "too many of one user wait for the database");
        return;
    }
    struct waiting *w = waiting_new(act);
    STAILQ_INSERT_TAIL(&a->waiting, w, link);
    a->stats.waiting++;
    a->bytes += w->len;
    later(a);
}

bool db_activity_flush(struct db_activity *a)
{
    timer_stop(&a->timer);
    send(a);
    return a->on_its_way || a->batch || !STAILQ_EMPTY(&a->waiting);
}

struct db_activity_stats db_activity_stats(const struct db_activity *a)
{
    return a->stats;
}

struct db_activity *db_activity_new(struct loop *loop, struct db_pool *pool)
{
    struct db_activity *a = mem_zalloc(sizeof *a);
    a->loop = loop;
    a->pool = pool;
    STAILQ_INIT(&a->waiting);
    return a;
}

/* The pool still has the callback of a batch under way, which frees the rest. */
void db_activity_free(struct db_activity *a)
{
    struct waiting *w;
    if (!a)
        return;
    timer_stop(&a->timer);
    while ((w = STAILQ_FIRST(&a->waiting))) {
        STAILQ_REMOVE_HEAD(&a->waiting, link);
        free(w);
    }
    a->freed = true;
    if (a->on_its_way)
        return;
    free(a->batch);
    free(a);
}
