/* The server's end of the link. */
#include "common/base/mem.h"
#include "common/io/msglink_listener.h"

#include <nng/protocol/reqrep0/rep.h>
#include <stdlib.h>
#include <string.h>

#define HEADER_MAX   64   /* of a raw request: pipe id and request ids */
#define RECEIVE_TURN 64   /* messages per turn of the loop, */
#define TURN_US      2000 /* and the time after which the turn ends */
#define RECEIVE_MAX  64 /* messages that wait for us; past it nng stops reading, and the peers' sends wait */
#define REPLIES_MAX  4096 /* replies that wait for nng; with 0, nng's default, a second reply is dropped */

struct msglink_token {
    size_t len;
    uint8_t header[HEADER_MAX];
};

struct msglink_server {
    struct loop *loop;
    nng_socket socket;
    struct msglink_listener *listener;
    struct watch watch;
    msglink_request_cb *cb;
    void *arg;
};

/* nng puts the pipe's id in front of the message. */
static uint32_t pipe_of(nng_msg *message)
{
    const uint8_t *at = nng_msg_header(message);
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

/* Messages of a connection that has closed are dropped. */
static void serve_one(struct msglink_server *server, nng_msg *message)
{
    size_t len = nng_msg_header_len(message);
    if (len < sizeof(uint32_t) || len > HEADER_MAX)
        return;
    const struct msglink_peer *peer = msglink_listener_peer(server->listener, pipe_of(message));
    if (!peer) {
        (void)msglink_listener_introduce(server->listener, pipe_of(message), nng_msg_body(message),
                                         nng_msg_len(message));
        return;
    }
    if (!msglink_listener_serves(server->listener, pipe_of(message)))
        return;
    struct msglink_peer who = *peer; /* a copy: the callback may close the connection */
    struct msglink_token *token = mem_zalloc(sizeof *token);
    token->len = len;
    memcpy(token->header, nng_msg_header(message), len);
    server->cb(server->arg, &who, token, nng_msg_body(message), nng_msg_len(message));
}

static void on_requests(void *arg, bool readable, bool writable)
{
    struct msglink_server *server = arg;
    nng_msg *message;
    uint64_t begun = loop_spent_us(), before = begun;
    for (int i = 0; i < RECEIVE_TURN && before - begun < TURN_US; i++) {
        if (nng_recvmsg(server->socket, &message, NNG_FLAG_NONBLOCK))
            return;
        uint32_t pipe = nng_msg_header_len(message) < sizeof pipe ? 0 : pipe_of(message);
        serve_one(server, message);
        nng_msg_free(message);
        uint64_t after = loop_spent_us();
        msglink_listener_spent(server->listener, pipe, after - before);
        before = after;
    }
}

static int open_all(struct msglink_server *server, const char *url, const struct msglink_tls *tls,
                    msglink_allow_cb *allow, struct err *e)
{
    struct msglink_inner inner;
    int rc = 0;
    if (nng_socket_set_int(server->socket, NNG_OPT_SENDBUF, REPLIES_MAX) ||
        nng_socket_set_int(server->socket, NNG_OPT_RECVBUF, RECEIVE_MAX))
        rc = err_set(e, ERR_INTERNAL, "nng does not accept a queue of %d messages", REPLIES_MAX);
    if (!rc)
        rc = msglink_inner_listen(&inner, server->socket, e);
    if (!rc)
        rc = msglink_listener_new(&server->listener, server->loop, url, tls, &inner, allow, server->arg, e);
    if (!rc)
        rc = msglink_watch(server->loop, server->socket, &server->watch, on_requests, server, e);
    return rc;
}

int msglink_server_new(struct msglink_server **out, struct loop *loop, const char *url,
                       const struct msglink_tls *tls, msglink_allow_cb *allow, msglink_request_cb *cb,
                       void *arg, struct err *e)
{
    struct msglink_server *server = mem_zalloc(sizeof *server);
    *server = (struct msglink_server){.loop = loop, .cb = cb, .arg = arg};
    int rc = nng_rep0_open_raw(&server->socket);
    if (rc) {
        free(server);
        return err_set(e, ERR_INTERNAL, "nng: %s", nng_strerror(rc));
    }
    rc = open_all(server, url, tls, allow, e);
    if (rc) {
        msglink_server_free(server);
        return rc;
    }
    *out = server;
    return 0;
}

void msglink_server_free(struct msglink_server *server)
{
    if (!server)
        return;
    watch_stop(&server->watch);
    msglink_close(server->socket);
    msglink_listener_free(server->listener);
    free(server);
}

bool msglink_server_stands(const struct msglink_server *server, uint64_t peer)
{
    return msglink_listener_stands(server->listener, peer);
}

void msglink_server_drop(struct msglink_server *server, const char *name)
{
    msglink_listener_drop(server->listener, name);
}

void msglink_server_take_streams(struct msglink_server *server, msglink_stream_cb *cb)
{
    msglink_listener_take_streams(server->listener, cb);
}

struct msglink_stats msglink_server_stats(const struct msglink_server *server)
{
    return msglink_listener_stats(server->listener);
}

/* A reply that cannot be sent at once is dropped; the peer asks again. */
void msglink_reply(struct msglink_server *server, struct msglink_token *token, const uint8_t *bytes,
                   size_t len)
{
    nng_msg *message;
    if (!nng_msg_alloc(&message, 0)) {
        if (nng_msg_header_append(message, token->header, token->len) ||
            nng_msg_append(message, bytes, len) || nng_sendmsg(server->socket, message, NNG_FLAG_NONBLOCK))
            nng_msg_free(message);
    }
    free(token);
}

void msglink_drop(struct msglink_token *token)
{
    free(token);
}
