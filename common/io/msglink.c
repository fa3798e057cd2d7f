#include "common/base/mem.h"
#include "common/io/msglink_dial.h"

#include <nng/protocol/reqrep0/req.h>
#include <stdlib.h>

#define SEND_RETRY_MS 50 /* while there is no connection */

struct msglink_client {
    struct loop *loop;
    nng_socket socket;
    struct msglink_dial *dial;
    struct watch watch;
    struct timer retry, over;
    uint8_t *waiting; /* a request that nng has not taken yet; NULL: none */
    size_t waiting_len;
    bool busy;
    msglink_reply_cb *cb;
    void *arg;
};

/* --- client --- */

static void finish(struct msglink_client *client, int code, const uint8_t *bytes, size_t len)
{
    msglink_cancel(client);
    client->cb(client->arg, code, bytes, len);
}

static void on_reply(void *arg, bool readable, bool writable)
{
    struct msglink_client *client = arg;
    nng_msg *message;
    if (nng_recvmsg(client->socket, &message, NNG_FLAG_NONBLOCK))
        return;
    if (client->busy)
        finish(client, 0, nng_msg_body(message), nng_msg_len(message));
    nng_msg_free(message);
}

static void on_over(void *arg)
{
    finish(arg, ERR_NODE_TIMEOUT, NULL, 0);
}

static void try_send(void *arg)
{
    struct msglink_client *client = arg;
    nng_msg *message;
    if (nng_msg_alloc(&message, 0))
        return;
    if (nng_msg_append(message, client->waiting, client->waiting_len) ||
        nng_sendmsg(client->socket, message, NNG_FLAG_NONBLOCK)) {
        nng_msg_free(message);
        timer_start(&client->retry, client->loop, SEND_RETRY_MS, try_send, client);
        return;
    }
    mem_free_ptr(&client->waiting);
}

void msglink_request(struct msglink_client *client, const uint8_t *bytes, size_t len, uint64_t timeout_ms)
{
    msglink_cancel(client);
    client->busy = true;
    client->waiting = mem_dup(bytes, len);
    client->waiting_len = len;
    timer_start(&client->over, client->loop, timeout_ms, on_over, client);
    try_send(client);
}

void msglink_cancel(struct msglink_client *client)
{
    client->busy = false;
    timer_stop(&client->over);
    timer_stop(&client->retry);
    mem_free_ptr(&client->waiting);
}

int msglink_client_new(struct msglink_client **out, struct loop *loop, const char *url,
                       const struct msglink_tls *tls, msglink_reply_cb *cb, void *arg, struct err *e)
{
    struct msglink_client *client = mem_zalloc(sizeof *client);
    struct msglink_inner inner;
    *client = (struct msglink_client){.loop = loop, .cb = cb, .arg = arg};
    int rc = nng_req0_open(&client->socket);
    if (rc) {
        free(client);
        return err_set(e, ERR_INTERNAL, "nng: %s", nng_strerror(rc));
    }
    nng_socket_set_ms(client->socket, NNG_OPT_REQ_RESENDTIME,
                      3600000); /* practically never: our own timer decides */
    rc = msglink_inner_listen(&inner, client->socket, e);
    if (!rc)
        rc = msglink_dial_new(&client->dial, loop, url, tls, &inner, e);
    if (!rc)
        rc = msglink_watch(loop, client->socket, &client->watch, on_reply, client, e);
    if (rc) {
        msglink_client_free(client);
        return rc;
    }
    *out = client;
    return 0;
}

void msglink_client_free(struct msglink_client *client)
{
    if (!client)
        return;
    msglink_cancel(client);
    watch_stop(&client->watch);
    msglink_close(client->socket);
    msglink_dial_free(client->dial);
    free(client);
}

const char *msglink_client_why(const struct msglink_client *client)
{
    return msglink_dial_why(client->dial);
}
