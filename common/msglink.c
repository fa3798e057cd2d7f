#include "common/msglink_int.h"

#include "common/mem.h"

#include <errno.h>
#include <nng/protocol/reqrep0/req.h>
#include <nng/supplemental/tls/tls.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PEM_MAX       65536
#define CLOSER_STACK  (256u * 1024)
#define SEND_RETRY_MS 50 /* while there is no connection */

struct msglink_client {
    struct loop *loop;
    nng_socket socket;
    struct watch watch;
    struct timer retry, over;
    uint8_t *waiting; /* not yet taken by nng; NULL: nothing */
    size_t waiting_len;
    bool busy;
    msglink_reply_cb *cb;
    void *arg;
};

/* --- the end of a socket --- */

/* Of the whole process, as nng's own threads are. */
static atomic_uint closing;

unsigned msglink_closing(void)
{
    return atomic_load(&closing);
}

static void *close_socket(void *arg)
{
    nng_socket socket = {.id = (uint32_t)(uintptr_t)arg};
    nng_close(socket);
    atomic_fetch_sub(&closing, 1);
    return NULL;
}

/*
 * nng_close waits for nng's own threads, and with 1.5.2 it was seen to wait for ever, on either side (a peer
 * that hangs up again and again while a large message is on its way; a server that is closed while its
 * clients come and go). A loop may not hang with it, so a thread does the waiting. It stops listening first.
 */
void msglink_close(nng_socket socket)
{
    pthread_attr_t attr;
    pthread_t thread;
    pthread_attr_init(&attr);
    pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    pthread_attr_setstacksize(&attr, CLOSER_STACK);
    atomic_fetch_add(&closing, 1);
    if (pthread_create(&thread, &attr, close_socket, (void *)(uintptr_t)socket.id))
        close_socket((void *)(uintptr_t)socket.id);
    pthread_attr_destroy(&attr);
}

/* --- TLS --- */

static char *read_pem(const char *path, struct err *e)
{
    FILE *f = fopen(path, "re");
    if (!f) {
        (void)err_set(e, ERR_CONFIG, "%s: %s", path, strerror(errno));
        return NULL;
    }
    char *text = mem_zalloc(PEM_MAX + 1);
    text[fread(text, 1, PEM_MAX, f)] = 0;
    fclose(f);
    return text;
}

static int tls_fill(nng_tls_config *config, const struct msglink_tls *tls, struct err *e)
{
    CLEANUP(mem_free_ptr) char *ca = read_pem(tls->ca_file, e);
    CLEANUP(mem_free_ptr) char *cert = ca ? read_pem(tls->cert_file, e) : NULL;
    CLEANUP(mem_free_ptr) char *key = cert ? read_pem(tls->key_file, e) : NULL;
    if (!key)
        return ERR_CONFIG;
    int rc = nng_tls_config_ca_chain(config, ca, NULL);
    if (!rc)
        rc = nng_tls_config_own_cert(config, cert, key, NULL);
    if (!rc)
        rc = nng_tls_config_auth_mode(config, NNG_TLS_AUTH_MODE_REQUIRED);
    if (!rc && tls->server_name)
        rc = nng_tls_config_server_name(config, tls->server_name);
    return rc ? err_set(e, ERR_CONFIG, "%s: %s", tls->cert_file, nng_strerror(rc)) : 0;
}

/* *config is NULL for a URL without TLS; else the caller frees it. */
int msglink_tls(const char *url, nng_tls_mode mode, const struct msglink_tls *tls, nng_tls_config **config,
                struct err *e)
{
    *config = NULL;
    if (strncmp(url, "tls+tcp:", 8))
        return 0;
    int rc = nng_tls_config_alloc(config, mode);
    if (rc)
        return err_set(e, ERR_CONFIG, "TLS: %s", nng_strerror(rc));
    rc = tls_fill(*config, tls, e);
    if (rc)
        nng_tls_config_free(*config);
    return rc;
}

/* --- its descriptor --- */

int msglink_watch(struct loop *loop, nng_socket socket, struct watch *watch, loop_watch_cb *cb, void *arg,
                  struct err *e)
{
    int fd;
    int rc = nng_socket_get_int(socket, NNG_OPT_RECVFD, &fd);
    if (rc)
        return err_set(e, ERR_INTERNAL, "nng gives no descriptor: %s", nng_strerror(rc));
    watch_start(watch, loop, fd, true, false, cb, arg);
    return 0;
}

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

static int client_dial(struct msglink_client *client, const char *url, const struct msglink_tls *tls,
                       struct err *e)
{
    nng_dialer dialer;
    nng_tls_config *config;
    int rc = msglink_tls(url, NNG_TLS_MODE_CLIENT, tls, &config, e);
    if (rc)
        return rc;
    nng_socket_set_size(client->socket, NNG_OPT_RECVMAXSZ, MSGLINK_MAX);
    nng_socket_set_ms(client->socket, NNG_OPT_RECONNMINT, 100);
    nng_socket_set_ms(client->socket, NNG_OPT_RECONNMAXT, 2000);
    nng_socket_set_ms(client->socket, NNG_OPT_REQ_RESENDTIME, 3600000); /* our own timer decides */
    rc = nng_dialer_create(&dialer, client->socket, url);
    if (!rc && config)
        rc = nng_dialer_set_ptr(dialer, NNG_OPT_TLS_CONFIG, config);
    if (!rc)
        rc = nng_dialer_start(dialer, NNG_FLAG_NONBLOCK);
    if (config)
        nng_tls_config_free(config);
    return rc ? err_set(e, ERR_CONFIG, "cannot dial %s: %s", url, nng_strerror(rc)) : 0;
}

int msglink_client_new(struct msglink_client **out, struct loop *loop, const char *url,
                       const struct msglink_tls *tls, msglink_reply_cb *cb, void *arg, struct err *e)
{
    struct msglink_client *client = mem_zalloc(sizeof *client);
    *client = (struct msglink_client){.loop = loop, .cb = cb, .arg = arg};
    int rc = nng_req0_open(&client->socket);
    if (rc) {
        free(client);
        return err_set(e, ERR_INTERNAL, "nng: %s", nng_strerror(rc));
    }
    rc = client_dial(client, url, tls, e);
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
    free(client);
}
