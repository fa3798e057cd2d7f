/* The end that listens, and that looks after nng's listener. */
#include "common/msglink_int.h"

#include "common/mem.h"

#include <errno.h>
#include <netdb.h>
#include <nng/protocol/reqrep0/rep.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define HEADER_MAX   64 /* of a raw request: pipe and request ids */
#define RECEIVE_TURN 64 /* messages in one turn of the loop */
#define QUEUE_MAX                                                                                            \
    4096 /* messages between our thread and nng's, either way; 0, its default, drops a second reply */
#define LOOK_MS     1000
#define KNOCK_LOOKS 4 /* how often is looked for what a knock did */

struct msglink_token {
    size_t len;
    uint8_t header[HEADER_MAX];
};

struct msglink_server {
    struct loop *loop;
    nng_socket socket; /* id 0: none, its address is still taken */
    struct watch watch;
    msglink_request_cb *cb;
    void *arg;
    char *url, *ca_file, *cert_file, *key_file; /* the files NULL without TLS */
    struct timer look;
    struct counts {
        uint64_t fatal, all;
    } seen;    /* of the listener's errors and connections, when it was last known to live */
    int knock; /* a connection of our own that it is to end; -1: nothing is suspected */
    unsigned looks, renewed;
};

static void serve_one(struct msglink_server *server, nng_msg *message)
{
    size_t len = nng_msg_header_len(message);
    if (len <= HEADER_MAX) {
        struct msglink_token *token = mem_zalloc(sizeof *token);
        token->len = len;
        memcpy(token->header, nng_msg_header(message), len);
        server->cb(server->arg, token, nng_msg_body(message), nng_msg_len(message));
    }
    nng_msg_free(message);
}

static void on_requests(void *arg, bool readable, bool writable)
{
    struct msglink_server *server = arg;
    nng_msg *message;
    for (int i = 0; i < RECEIVE_TURN && !nng_recvmsg(server->socket, &message, NNG_FLAG_NONBLOCK); i++)
        serve_one(server, message);
}

static int listen_now(struct msglink_server *server, struct err *e)
{
    struct msglink_tls tls = {
        .ca_file = server->ca_file, .cert_file = server->cert_file, .key_file = server->key_file};
    nng_listener listener;
    nng_tls_config *config;
    int rc = msglink_tls(server->url, NNG_TLS_MODE_SERVER, &tls, &config, e);
    if (rc)
        return rc;
    nng_socket_set_size(server->socket, NNG_OPT_RECVMAXSZ, MSGLINK_MAX);
    rc = nng_listener_create(&listener, server->socket, server->url);
    if (!rc && config)
        rc = nng_listener_set_ptr(listener, NNG_OPT_TLS_CONFIG, config);
    if (!rc)
        rc = nng_listener_start(listener, 0);
    if (config)
        nng_tls_config_free(config);
    return rc ? err_set(e, ERR_IO, "cannot listen for agents on %s: %s", server->url, nng_strerror(rc)) : 0;
}

static void stop_knocking(struct msglink_server *server)
{
    if (server->knock >= 0)
        close(server->knock);
    server->knock = -1;
}

static void server_close(struct msglink_server *server)
{
    stop_knocking(server);
    server->seen = (struct counts){0};
    watch_stop(&server->watch);
    if (server->socket.id)
        msglink_close(server->socket);
    server->socket.id = 0;
}

static int server_open(struct msglink_server *server, struct err *e)
{
    int rc = nng_rep0_open_raw(&server->socket);
    if (rc) {
        server->socket.id = 0;
        return err_set(e, ERR_INTERNAL, "nng: %s", nng_strerror(rc));
    }
    if (nng_socket_set_int(server->socket, NNG_OPT_SENDBUF, QUEUE_MAX) ||
        nng_socket_set_int(server->socket, NNG_OPT_RECVBUF, QUEUE_MAX))
        rc = err_set(e, ERR_INTERNAL, "nng takes no queue of %d messages", QUEUE_MAX);
    if (!rc)
        rc = listen_now(server, e);
    if (!rc)
        rc = msglink_watch(server->loop, server->socket, &server->watch, on_requests, server, e);
    if (rc)
        server_close(server);
    return rc;
}

/*
 * --- whether it still takes connections ---
 *
 * With nng 1.5.2 a peer that goes while its connection is being made may end the listener for all others
 * (mended upstream in 1.6, issue 1518): what it sees, "closed" or "canceled", it takes for its own end. It
 * counts that, the first among its "other" errors, and from then on nothing. So when such a count rises
 * somebody knocks: a connection that is no peer's, which a listener that lives counts and ends. One that does
 * not is closed, with its connections, and another made.
 */

/* Of the listener of this socket; all 0 where nng keeps no statistics. */
static struct counts count_listener(nng_socket socket)
{
    struct counts out = {0};
    nng_stat *root, *listener, *item;
    if (nng_stats_get(&root))
        return out;
    for (listener = nng_stat_child(root); listener; listener = nng_stat_next(listener)) {
        struct counts these = {0};
        bool ours = false;
        if (strcmp(nng_stat_name(listener), "listener"))
            continue;
        for (item = nng_stat_child(listener); item; item = nng_stat_next(item)) {
            bool counter = nng_stat_type(item) == NNG_STAT_COUNTER;
            ours |= !strcmp(nng_stat_name(item), "socket") &&
                    nng_stat_value(item) == (uint64_t)nng_socket_id(socket);
            these.all += counter ? nng_stat_value(item) : 0;
            bool fatal = !strcmp(nng_stat_name(item), "other") || !strcmp(nng_stat_name(item), "canceled");
            these.fatal += counter && fatal ? nng_stat_value(item) : 0;
        }
        if (ours)
            out = these;
    }
    nng_stats_free(root);
    return out;
}

static int connect_fd(int family, const struct sockaddr *address, socklen_t len)
{
    int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && connect(fd, address, len)) {
        close(fd);
        fd = -1;
    }
    return fd;
}

/* tcp://host:port, tls+tcp://host:port, ipc:///path. A descriptor, on its way to the listener; -1: none. */
static int connect_to(const char *url)
{
    struct addrinfo hints = {.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV, .ai_socktype = SOCK_STREAM}, *found;
    struct sockaddr_un path = {.sun_family = AF_UNIX};
    const char *at = strstr(url, "://") + 3, *port = strrchr(at, ':');
    char host[64];
    if (!strncmp(url, "ipc:", 4)) {
        strncpy(path.sun_path, at, sizeof path.sun_path - 1);
        return connect_fd(AF_UNIX, (struct sockaddr *)&path, sizeof path);
    }
    bool bracket = *at == '[';
    if (!port || port - at >= (ptrdiff_t)sizeof host)
        return -1;
    snprintf(host, sizeof host, "%.*s", (int)(port - at) - 2 * bracket, at + bracket);
    if (getaddrinfo(strcmp(host, "*") ? host : "127.0.0.1", port + 1, &hints, &found))
        return -1;
    int fd = connect_fd(found->ai_family, found->ai_addr, found->ai_addrlen);
    freeaddrinfo(found);
    return fd;
}

/* The listener ends such a connection itself: one that its peer ends is what it may not survive. */
static void knock(struct msglink_server *server)
{
    static const char noise[64] = "nobody speaks like this here";
    server->looks = 0;
    server->knock = connect_to(server->url);
    if (server->knock >= 0 && send(server->knock, noise, sizeof noise, MSG_NOSIGNAL) < 0)
        server->looks = KNOCK_LOOKS; /* nobody takes connections at all */
}

/* Whether what knocked was sent away. */
static bool was_answered(const struct msglink_server *server)
{
    char bytes[64];
    ssize_t n;
    while ((n = recv(server->knock, bytes, sizeof bytes, MSG_DONTWAIT)) > 0)
        continue;
    return !n || (errno != EAGAIN && errno != EWOULDBLOCK);
}

static void look(void *arg)
{
    struct msglink_server *server = arg;
    struct err e;
    timer_start(&server->look, server->loop, LOOK_MS, look, server);
    if (!server->socket.id) {
        server->renewed += !server_open(server, &e);
        return;
    }
    struct counts now = count_listener(server->socket);
    if (server->knock < 0) {
        bool suspect = now.fatal != server->seen.fatal;
        server->seen = now;
        if (suspect)
            knock(server);
    } else if (now.all != server->seen.all && was_answered(server)) {
        stop_knocking(server);
        if (now.all - server->seen.all == 1)
            server->seen = now;
        else
            msglink_server_suspect(server); /* what else came may have been its end: once more */
    } else if (++server->looks >= KNOCK_LOOKS) {
        server_close(server);
        server->renewed += !server_open(server, &e);
    }
}

void msglink_server_suspect(struct msglink_server *server)
{
    server->seen.fatal = UINT64_MAX;
}

unsigned msglink_server_renewed(const struct msglink_server *server)
{
    return server->renewed;
}

/* --- life --- */

int msglink_server_new(struct msglink_server **out, struct loop *loop, const char *url,
                       const struct msglink_tls *tls, msglink_request_cb *cb, void *arg, struct err *e)
{
    struct msglink_server *server = mem_zalloc(sizeof *server);
    *server = (struct msglink_server){.loop = loop,
                                      .cb = cb,
                                      .arg = arg,
                                      .url = mem_strdup(url),
                                      .ca_file = mem_strdup(tls->ca_file),
                                      .cert_file = mem_strdup(tls->cert_file),
                                      .key_file = mem_strdup(tls->key_file),
                                      .knock = -1};
    int rc = server_open(server, e);
    if (rc) {
        msglink_server_free(server);
        return rc;
    }
    timer_start(&server->look, loop, LOOK_MS, look, server);
    *out = server;
    return 0;
}

void msglink_server_free(struct msglink_server *server)
{
    if (!server)
        return;
    timer_stop(&server->look);
    server_close(server);
    free(server->url);
    free(server->ca_file);
    free(server->cert_file);
    free(server->key_file);
    free(server);
}

/* What cannot be sent at once is dropped: the peer asks again. */
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
