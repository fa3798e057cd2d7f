/*
 * A writer and a leader, as a controller has them, for the outages that db_outages.sh makes. usage:
 * db_outages URL Says on a line of its own what changes: "up", "down", "trouble: …", "well", "leads", "leads
 * not"; on SIGUSR1 what its writes resulted in since the last time: "ok N unavailable N other N slowest_ms
 * N". Ends with SIGTERM.
 */
#include "common/io/loop.h"
#include "controller/db/db_audit.h"
#include "controller/db/db_leader.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

#define WRITERS  4
#define PAUSE_MS 5

struct writer {
    struct client *client;
    struct timer next;
    uint64_t since_ms;
};

struct client {
    struct loop *loop;
    struct db_pool *pool;
    struct db_leader *leader;
    struct writer writers[WRITERS];
    unsigned ok, unavailable, other;
    uint64_t slowest_ms;
};

static void write_one(void *arg);

static void on_written(void *arg, int code, const struct err *e, const char *json)
{
    struct writer *w = arg;
    struct client *c = w->client;
    uint64_t took_ms = loop_now_ms() - w->since_ms;
    if (code == ERR_CANCELLED)
        return;
    c->ok += code == 0;
    c->unavailable += code == ERR_DATABASE_UNAVAILABLE;
    c->other += code != 0 && code != ERR_DATABASE_UNAVAILABLE;
    if (took_ms > c->slowest_ms)
        c->slowest_ms = took_ms;
    timer_start(&w->next, c->loop, PAUSE_MS, write_one, w);
}

static void write_one(void *arg)
{
    static const struct db_actor actor = {"usr_a", "key_a", "127.0.0.1", "r"};
    struct writer *w = arg;
    w->since_ms = loop_now_ms();
    db_audit_add(w->client->pool, &actor, "test.write", "", "{}", "ok", on_written, w);
}

static void on_change(void *arg, bool up)
{
    puts(up ? "up" : "down");
}

static void on_trouble(void *arg, enum db_trouble trouble)
{
    if (trouble)
        printf("trouble: %s\n", db_trouble_sentence(trouble));
    else
        puts("well");
}

static void on_gained(void *arg, uint64_t epoch)
{
    struct client *c = arg;
    db_pool_set_epoch(c->pool, epoch);
    puts("leads");
}

static void on_lost(void *arg)
{
    puts("leads not");
}

static void on_told(void *arg, enum db_told what, const char *text)
{
}

static void on_ask(void *arg)
{
    struct client *c = arg;
    printf("ok %u unavailable %u other %u slowest_ms %llu\n", c->ok, c->unavailable, c->other,
           (unsigned long long)c->slowest_ms);
    c->ok = c->unavailable = c->other = 0;
    c->slowest_ms = 0;
}

static void on_end(void *arg)
{
    loop_stop(arg);
}

int main(int argc, char **argv)
{
    struct client c = {.loop = loop_new()};
    struct signal_watch ask = {0}, end = {0};
    struct db_pool_options options = {
        .url = argv[1], .connections = 3, .on_change = on_change, .on_trouble = on_trouble, .arg = &c};
    struct db_leader_events events = {on_gained, on_lost, on_told, &c};
    if (argc != 2)
        return 2;
    setvbuf(stdout, NULL, _IOLBF, 0);
    signal_watch_start(&ask, c.loop, SIGUSR1, on_ask, &c);
    signal_watch_start(&end, c.loop, SIGTERM, on_end, c.loop);
    c.pool = db_pool_new(c.loop, &options);
    db_pool_start(c.pool);
    db_pool_watch_writes(c.pool);
    c.leader = db_leader_new(c.loop, argv[1], "outages", &events);
    for (int i = 0; i < WRITERS; i++) {
        c.writers[i].client = &c;
        timer_start(&c.writers[i].next, c.loop, PAUSE_MS, write_one, &c.writers[i]);
    }
    loop_run(c.loop);
    for (int i = 0; i < WRITERS; i++)
        timer_stop(&c.writers[i].next);
    db_leader_free(c.leader);
    db_pool_free(c.pool);
    signal_watch_stop(&ask);
    signal_watch_stop(&end);
    loop_free(c.loop);
    return 0;
}
