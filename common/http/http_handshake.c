#include "common/http/http_handshake.h"

#include "common/base/mem.h"

#include <event2/bufferevent.h>
#include <stdlib.h>

struct http_handshake {
    struct loop *loop;
    struct http_turns *turns;
    struct http_line *line;
    struct http_turn turn;
    struct tls_session *session;
    struct watch watch;
    http_handshake_cb *cb;
    void *arg;
};

static void await(struct http_handshake *h, bool writes);

static void step(void *arg)
{
    struct http_handshake *h = arg;
    bool writes;
    int rc = tls_session_shake(h->session, &writes);
    if (!rc) {
        await(h, writes);
        return;
    }
    struct bufferevent *io = rc > 0 ? tls_session_open(h->session, h->loop) : NULL;
    if (rc > 0)
        h->session = NULL;
    h->cb(h->arg, io);
}

static void on_ready(void *arg, bool readable, bool writable)
{
    struct http_handshake *h = arg;
    watch_stop(&h->watch);
    http_turn_ask(h->turns, h->line, &h->turn, step, h);
}

static void await(struct http_handshake *h, bool writes)
{
    watch_start(&h->watch, h->loop, tls_session_fd(h->session), !writes, writes, on_ready, h);
}

struct http_handshake *http_handshake_new(struct loop *loop, struct http_turns *turns, struct http_line *line,
                                          struct tls_session *session, http_handshake_cb *cb, void *arg)
{
    struct http_handshake *h = mem_zalloc(sizeof *h);
    *h = (struct http_handshake){
        .loop = loop, .turns = turns, .line = line, .session = session, .cb = cb, .arg = arg};
    await(h, false);
    return h;
}

void http_handshake_free(struct http_handshake *h)
{
    if (!h)
        return;
    http_turn_cancel(h->turns, &h->turn);
    watch_stop(&h->watch);
    tls_session_free(h->session);
    free(h);
}
