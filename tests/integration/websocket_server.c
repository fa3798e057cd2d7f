/*
 * A server of WebSockets for tests/integration/websocket.py, with times that a test can wait for. Prints its
 * port. What a text message asks is done to its own WebSocket; all else is echoed.
 *
 * usage: websocket_server MESSAGE_BYTES PING_MS TAKE_MS CLOSE_MS
 *
 *   close CODE REASON   closes it
 *   wait MS             takes no message for so long
 *   flood BYTES         writes so many, as there is room, then closes with 1000
 *   count               answers how many WebSockets there are, and how many owners were told of an end
 */
#include "common/http/http_server.h"
#include "common/http/websocket.h"
#include "common/http/websocket_handshake.h"
#include "common/base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <signal.h>

#define PIECE 16384

struct world {
    struct loop *loop;
    struct http_server *server;
    struct websockets *all;
    struct signal_watch term;
    struct timer end;
    unsigned told;
};

struct client {
    struct world *world;
    struct websocket *ws;
    struct timer wait;
    size_t flood;
    bool waits, floods;
};

static void free_client(struct client *c)
{
    timer_stop(&c->wait);
    free(c);
}

static void flood(struct client *c)
{
    static const uint8_t zeros[PIECE];
    while (c->flood) {
        size_t len = c->flood < PIECE ? c->flood : PIECE;
        c->flood -= len;
        if (!websocket_write(c->ws, false, zeros, len))
            return;
    }
    websocket_close(c->ws, WEBSOCKET_NORMAL, "all of it");
    free_client(c);
}

static void on_waited(void *arg)
{
    struct client *c = arg;
    c->waits = false;
    websocket_more(c->ws);
}

static bool on_asked(struct client *c, const char *what)
{
    unsigned long number = 0;
    char reason[200] = "", text[80];
    if (sscanf(what, "close %lu %199[^\n]", &number, reason) >= 1) {
        websocket_close(c->ws, (unsigned)number, reason);
        free_client(c);
        return true;
    }
    if (sscanf(what, "wait %lu", &number) == 1) {
        c->waits = true;
        timer_start(&c->wait, c->world->loop, number, on_waited, c);
        return false;
    }
    if (sscanf(what, "flood %lu", &number) == 1) {
        c->flood = number;
        c->floods = true;
        flood(c);
        return true;
    }
    if (!strcmp(what, "count")) {
        snprintf(text, sizeof text, "%zu %u", websockets_count(c->world->all), c->world->told);
        return websocket_write(c->ws, true, text, strlen(text));
    }
    return websocket_write(c->ws, true, what, strlen(what));
}

static bool on_message(void *arg, bool text, const uint8_t *bytes, size_t len)
{
    struct client *c = arg;
    if (!text)
        return websocket_write(c->ws, false, bytes, len);
    char *what = mem_dup(bytes, len);
    bool more = on_asked(c, what);
    free(what);
    return more;
}

static void on_room(void *arg)
{
    struct client *c = arg;
    if (c->floods)
        flood(c);
    else if (!c->waits)
        websocket_more(c->ws);
}

static void on_closed(void *arg, unsigned code)
{
    struct client *c = arg;
    c->world->told++;
    free_client(c);
}

static const struct websocket_ops ops = {
    .on_message = on_message, .on_room = on_room, .on_closed = on_closed};

static void end(void *arg)
{
    http_stream_end(arg);
}

static void refuse(struct http_exchange *x, const struct err *e)
{
    http_answer(x, err_status(e->code), "text/plain", NULL, e->text, strlen(e->text));
}

static void on_head(void *owner, struct http_exchange *x)
{
    static const char *const protocols[] = {"best", "good", NULL};
    struct world *world = owner;
    struct websocket_handshake handshake;
    struct err e;
    http_charge(x, "tests");
    if (!http_stream_may_upgrade(x, "websocket")) {
        http_answer(x, 400, "text/plain", NULL, "no upgrade", 10);
        return;
    }
    if (websocket_handshake_check(&handshake, x, protocols, &e)) {
        refuse(x, &e);
        return;
    }
    struct client *c = mem_zalloc(sizeof *c);
    *c = (struct client){.world = world, .ws = websocket_new(world->all, x, end, x, &ops, c)};
    if (!http_stream_upgrade(x, "websocket", handshake.headers, &websocket_stream_ops, c->ws)) {
        websocket_drop(c->ws);
        free_client(c);
    }
}

static const char *problem(void *owner, int code, const char *detail, bool tls, const char **headers)
{
    return "{}";
}

static void on_end(void *arg)
{
    struct world *world = arg;
    if (!websockets_count(world->all))
        loop_stop(world->loop);
    else
        timer_start(&world->end, world->loop, 10, on_end, world);
}

static void on_term(void *arg)
{
    struct world *world = arg;
    websockets_close(world->all, WEBSOCKET_RESTART);
    on_end(world);
}

int main(int argc, char **argv)
{
    static const struct http_server_ops server = {.on_head = on_head, .problem = problem};
    struct http_limits limits = http_default_limits;
    struct world world = {.loop = loop_new()};
    struct err e;
    if (argc < 5)
        return 2;
    struct websocket_limits times = {.message_bytes = strtoul(argv[1], NULL, 10),
                                     .ping_ms = (uint32_t)atoi(argv[2]),
                                     .take_ms = (uint32_t)atoi(argv[3]),
                                     .close_ms = (uint32_t)atoi(argv[4])};
    limits.write_ms = 200; /* which does not count for a connection that was handed over */
    if (http_server_new(&world.server, world.loop, "127.0.0.1", 0, &limits, &server, &world, &e)) {
        fprintf(stderr, "%s\n", e.text);
        return 1;
    }
    world.all = websockets_new(world.loop, &times);
    signal_watch_start(&world.term, world.loop, SIGTERM, on_term, &world);
    printf("%u\n", http_server_port(world.server));
    fflush(stdout);
    loop_run(world.loop);
    signal_watch_stop(&world.term);
    timer_stop(&world.end);
    websockets_free(world.all);
    http_server_free(world.server);
    loop_free(world.loop);
    return 0;
}
