/*
 * TLS handshakes of the HTTP server. Each takes about a millisecond of the loop, and anybody may ask for
 * thousands at once; so in one turn of the loop they get TURN_US, and networks take turns: whoever is one of
 * few waits for a step of each of the others, not for all that they have begun.
 */
#include "common/http/http_server_int.h"

#include "common/base/mem.h"

#include <stdlib.h>

#define TURN_US 2000

struct http_handshake {
    struct http_connection *connection;
    struct tls_session *session;
    struct watch watch;
    bool ready; /* among those of its network that can go on */
    TAILQ_ENTRY(http_handshake) link;
};

static void leave(struct http_handshake *h)
{
    struct http_connection *c = h->connection;
    if (!h->ready)
        return;
    h->ready = false;
    TAILQ_REMOVE(&c->network->ready, h, link);
    if (TAILQ_EMPTY(&c->network->ready))
        TAILQ_REMOVE(&c->server->turns, c->network, turn);
}

static void take_turns(void *arg);

static void on_ready(void *arg, bool readable, bool writable)
{
    struct http_handshake *h = arg;
    struct http_connection *c = h->connection;
    watch_stop(&h->watch);
    if (TAILQ_EMPTY(&c->network->ready))
        TAILQ_INSERT_TAIL(&c->server->turns, c->network, turn);
    TAILQ_INSERT_TAIL(&c->network->ready, h, link);
    h->ready = true;
    later_call(&c->server->handshakes, c->server->loop, take_turns, c->server);
}

static void await(struct http_handshake *h, bool writes)
{
    watch_start(&h->watch, h->connection->server->loop, tls_session_fd(h->session), !writes, writes, on_ready,
                h);
}

static void step(struct http_handshake *h)
{
    struct http_connection *c = h->connection;
    bool writes;
    int rc = tls_session_shake(h->session, &writes);
    if (!rc) {
        await(h, writes);
        return;
    }
    struct bufferevent *io = rc > 0 ? tls_session_open(h->session, c->server->loop) : NULL;
    if (rc > 0)
        h->session = NULL;
    if (io)
        http_connection_open(c, io);
    else
        http_connection_close(c);
}

static void take_turns(void *arg)
{
    struct http_server *server = arg;
    uint64_t begun = loop_spent_us();
    struct http_network *network;
    while ((network = TAILQ_FIRST(&server->turns)) && loop_spent_us() - begun < TURN_US) {
        struct http_handshake *h = TAILQ_FIRST(&network->ready);
        leave(h);
        if (!TAILQ_EMPTY(&network->ready)) { /* its next comes after the others' */
            TAILQ_REMOVE(&server->turns, network, turn);
            TAILQ_INSERT_TAIL(&server->turns, network, turn);
        }
        step(h); /* which may be the end of the network */
    }
    if (network)
        later_call(&server->handshakes, server->loop, take_turns, server);
}

void http_handshake_begin(struct http_connection *c, struct tls_session *session)
{
    struct http_handshake *h = c->handshake = mem_zalloc(sizeof *h);
    *h = (struct http_handshake){.connection = c, .session = session};
    await(h, false);
}

void http_handshake_end(struct http_connection *c)
{
    struct http_handshake *h = c->handshake;
    if (!h)
        return;
    c->handshake = NULL;
    leave(h);
    watch_stop(&h->watch);
    tls_session_free(h->session);
    free(h);
}
