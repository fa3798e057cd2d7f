#include "common/http/http_server_int.h"

#include "common/base/mem.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define REST_MS     100
#define ACCEPT_TURN 64 /* connections accepted per turn of the loop; the rest waits in the kernel */

const struct http_limits http_default_limits = {.head_bytes = 32768,
                                                .body_bytes = 1u << 20,
                                                .connections = 12288,
                                                .connections_per_address = 1024,
                                                .strangers = 4096,
                                                .strangers_bytes = 16u << 20,
                                                .known_bytes = 256u << 20,
                                                .account_bytes = 16u << 20,
                                                .head_ms = 10000,
                                                .body_ms = 30000,
                                                .idle_ms = 75000,
                                                .write_ms = 30000};

/* --- places --- */

/* Closes the oldest stranger, whatever it is doing. */
static bool stranger_goes(struct http_server *server)
{
    if (TAILQ_EMPTY(&server->strangers.list))
        return false;
    http_connection_close(TAILQ_FIRST(&server->strangers.list));
    return true;
}

/* Makes room within a network: a stranger's connection is closed, so strangers lock out nobody who shares
 * their address. */
static bool network_has_room(struct http_server *server, struct network *network)
{
    if (network->count < server->limits.connections_per_address)
        return true;
    struct network_member *oldest = TAILQ_FIRST(&network->may_go);
    if (!oldest)
        return false;
    network->count++; /* keeps the row alive */
    http_connection_close((void *)((char *)oldest - offsetof(struct http_connection, of_network)));
    network->count--;
    return true;
}

/* Closes the connection that has been idle longest, of those that are no strangers. */
static bool idle_one_goes(struct http_server *server)
{
    struct http_connection *c;
    while ((c = TAILQ_FIRST(&server->idle))) {
        if (http_connection_idles(c)) {
            http_connection_close(c);
            return true;
        }
    }
    return false;
}

/* Whether there is room for one more connection; closes another one if necessary. */
static bool has_room(struct http_server *server)
{
    if (server->strangers.count >= server->limits.strangers)
        return stranger_goes(server);
    return http_server_connections(server) < server->limits.connections || stranger_goes(server) ||
           idle_one_goes(server);
}

static struct bufferevent *io_new(struct http_server *server, int fd)
{
    struct bufferevent *io = bufferevent_socket_new(loop_base(server->loop), fd, BEV_OPT_CLOSE_ON_FREE);
    if (!io)
        close(fd);
    return io;
}

static void on_next_turn(void *arg)
{
    struct http_server *server = arg;
    server->accepted = 0;
    if (!timer_armed(&server->rest))
        evconnlistener_enable(server->listener);
}

/* Somebody may open thousands of connections at once: only a few are accepted in each turn of the loop. */
static void count_accept(struct http_server *server)
{
    if (!server->accepted++)
        later_call(&server->accepts, server->loop, on_next_turn, server);
    if (server->accepted == ACCEPT_TURN)
        evconnlistener_disable(server->listener);
}

static void on_accept(struct evconnlistener *listener, evutil_socket_t fd, struct sockaddr *sa, int len,
                      void *arg)
{
    struct http_server *server = arg;
    char address[INET6_ADDRSTRLEN], text[INET6_ADDRSTRLEN];
    struct bufferevent *io = NULL;
    struct tls_session *session = NULL;
    int on = 1;
    count_accept(server);
    network_of(sa, address, text);
    bool room = has_room(server);
    struct network *network = network_get(&server->networks, text);
    if (!room || !network_has_room(server, network)) {
        close(fd);
    } else {
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        if (server->tls)
            session = tls_session_new(server->tls, fd);
        else
            io = io_new(server, fd);
    }
    if (io || session)
        http_connection_new(server, io, session, network, address);
    else
        network_drop(&server->networks, network);
}

static void on_rested(void *arg)
{
    struct http_server *server = arg;
    evconnlistener_enable(server->listener);
}

/* Out of descriptors: the listener pauses for a moment, so that the loop does not spin. */
static void on_accept_error(struct evconnlistener *listener, void *arg)
{
    struct http_server *server = arg;
    evconnlistener_disable(listener);
    timer_start(&server->rest, server->loop, REST_MS, on_rested, server);
}

static bool socket_address(const char *address, uint16_t port, struct sockaddr_storage *sa, int *len)
{
    struct sockaddr_in *v4 = (void *)sa;
    struct sockaddr_in6 *v6 = (void *)sa;
    memset(sa, 0, sizeof *sa);
    if (inet_pton(AF_INET, address, &v4->sin_addr) == 1) {
        v4->sin_family = AF_INET;
        v4->sin_port = htons(port);
        *len = sizeof *v4;
        return true;
    }
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons(port);
    *len = sizeof *v6;
    return inet_pton(AF_INET6, address, &v6->sin6_addr) == 1;
}

int http_server_new(struct http_server **out, struct loop *loop, const char *address, uint16_t port,
                    const struct http_limits *limits, const struct http_server_ops *ops, void *owner,
                    struct err *e)
{
    struct sockaddr_storage sa;
    int len;
    if (!socket_address(address, port, &sa, &len))
        return err_set(e, ERR_CONFIG, "listen_address \"%s\" is no IP address", address);
    struct http_server *server = mem_zalloc(sizeof *server);
    *server = (struct http_server){.loop = loop, .limits = *limits, .ops = *ops, .owner = owner};
    TAILQ_INIT(&server->strangers.list);
    TAILQ_INIT(&server->known.list);
    TAILQ_INIT(&server->idle);
    http_turns_init(&server->turns, loop);
    http_pool_init(&server->strangers_pool, limits->strangers_bytes, 0);
    http_pool_init(&server->known_pool, limits->known_bytes, limits->account_bytes);
    server->listener = evconnlistener_new_bind(
        loop_base(loop), on_accept, server, LEV_OPT_CLOSE_ON_FREE | LEV_OPT_REUSEABLE | LEV_OPT_CLOSE_ON_EXEC,
        4096, (struct sockaddr *)&sa, len);
    if (!server->listener) {
        int rc = err_set(e, ERR_IO,
                         strchr(address, ':') ? "cannot listen on [%s]:%u: %s" : "cannot listen on %s:%u: %s",
                         address, port, strerror(errno));
        free(server);
        return rc;
    }
    evconnlistener_set_error_cb(server->listener, on_accept_error);
    socklen_t size = sizeof sa;
    getsockname(evconnlistener_get_fd(server->listener), (struct sockaddr *)&sa, &size);
    server->port = ntohs(sa.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)(void *)&sa)->sin6_port
                                                  : ((struct sockaddr_in *)(void *)&sa)->sin_port);
    *out = server;
    return 0;
}

void http_server_free(struct http_server *server)
{
    if (!server)
        return;
    timer_stop(&server->rest);
    later_cancel(&server->accepts);
    evconnlistener_free(server->listener);
    while (!TAILQ_EMPTY(&server->strangers.list))
        http_connection_close(TAILQ_FIRST(&server->strangers.list));
    while (!TAILQ_EMPTY(&server->known.list))
        http_connection_close(TAILQ_FIRST(&server->known.list));
    http_turns_fini(&server->turns);
    tls_server_free(server->tls);
    free(server);
}

void http_server_set_limits(struct http_server *server, const struct http_limits *limits)
{
    server->limits = *limits;
    server->strangers_pool.max = limits->strangers_bytes;
    server->known_pool.max = limits->known_bytes;
    server->known_pool.account_max = limits->account_bytes;
}

void http_server_set_tls(struct http_server *server, struct tls_server *tls)
{
    tls_server_free(server->tls);
    server->tls = tls;
}

uint16_t http_server_port(const struct http_server *server)
{
    return server->port;
}

unsigned http_server_connections(const struct http_server *server)
{
    return server->strangers.count + server->known.count;
}
