#include "common/io/msglink_listener.h"

#include "common/io/log.h"
#include "common/io/log_sparse.h"
#include "common/base/mem.h"
#include "common/io/msglink_payer.h"
#include "common/io/network.h"
#include "common/io/pki.h"
#include "common/io/relay.h"

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/resource.h>
#include <sys/un.h>
#include <unistd.h>

#define ACCEPT_TURN       16 /* connections per turn of the loop */
#define REST_MS           100
#define BACKLOG           4096
#define OPENING_MAX       512
#define OPENING_MIN       16
#define STANDING_MAX      16384
#define PER_CERTIFICATE   16
#define FILES_PER_CONNECT 3 /* a socket to the peer, and both ends of one to nng */
#define TOKEN_LEN         16
#define KNOCKS_MAX        (MSGLINK_OPENING_MS / MSGLINK_AGAIN_MS)

enum phase { HANDSHAKE, HELLO, KNOCK, JOINING, STANDING };

/* How the listener tells nng's side about a connection: a message of nng's ipc transport, a request that
 * gets no reply. */
struct __attribute__((packed)) introduction {
    uint8_t opening[MSGLINK_OPENING_LEN];
    uint8_t type, size[8], request[4];
    struct __attribute__((packed)) word {
        uint64_t id;
        uint8_t token[TOKEN_LEN];
    } word;
};

struct connection {
    struct msglink_listener *listener;
    TAILQ_ENTRY(connection) link; /* of opening or standing, the oldest first */
    enum phase phase;
    bool doomed; /* closes once nng has taken it up */
    bool spoke;  /* at least one byte has come from it */
    struct stream *peer, *inner;
    struct relay *relay; /* owns both streams once it exists */
    struct watch watch;
    struct timer timer;
    uint8_t heard[MSGLINK_OPENING_LEN + MSGLINK_TICKET_LEN]; /* the ticket of a stream's only */
    size_t heard_len;
    unsigned knocks;
    struct msglink_peer who;
    struct network *network;
    struct network_member of_network; /* while it opens */
    struct msglink_payer *payer;      /* its network while it opens, then its certificate; NULL: nobody */
    uint8_t token[TOKEN_LEN];
    uint32_t pipe; /* 0: not introduced */
    UT_hash_handle by_id, by_pipe;
};

struct msglink_listener {
    struct loop *loop;
    struct msglink_url url;
    struct msglink_inner inner;
    struct tls_mutual *tls;
    msglink_allow_cb *allow;
    msglink_stream_cb *take_stream; /* NULL: there are none */
    void *arg;
    int fd;
    struct watch watch;
    struct timer rest;
    TAILQ_HEAD(, connection) opening, standing;
    struct network *networks; /* of connections that are not admitted yet */
    struct msglink_payers payers;
    struct connection *ids, *pipes;
    unsigned opening_max, standing_max, per_network;
    uint64_t last_id;
    struct msglink_stats stats;
    struct log_sparse said;
};

/* --- the end of a connection --- */

static void connection_free(struct connection *c)
{
    struct msglink_listener *listener = c->listener;
    if (c->phase <= HELLO) {
        TAILQ_REMOVE(&listener->opening, c, link);
        listener->stats.opening--;
        network_leave(&c->of_network);
        c->network->count--;
        network_drop(&listener->networks, c->network);
    } else {
        TAILQ_REMOVE(&listener->standing, c, link);
        listener->stats.standing--;
    }
    if (c->payer)
        msglink_payer_drop(c->payer);
    HASH_DELETE(by_id, listener->ids, c);
    if (c->pipe)
        HASH_DELETE(by_pipe, listener->pipes, c);
    timer_stop(&c->timer);
    watch_stop(&c->watch);
    if (c->relay) {
        relay_free(c->relay);
    } else {
        stream_free(c->peer);
        stream_free(c->inner);
    }
    free(c);
}

/* Closing a connection while nng takes it up may end nng's listener. Such a connection closes a moment
 * later. */
static void connection_close(struct connection *c)
{
    if (c->phase == JOINING)
        c->doomed = true;
    else
        connection_free(c);
}

static void on_over(void *arg)
{
    connection_free(arg);
}

/* Logs one line per minute for each network. */
static void refuse(struct connection *c, const char *why)
{
    uint64_t left_out;
    const char *from = c->who.address[0] ? c->who.address : "this host";
    const char *name = stream_who(c->peer) ? stream_who(c->peer)->name : "";
    if (why == stream_hung_up) { /* as peers do that only check whether somebody listens */
        c->listener->stats.over++;
        connection_free(c);
        return;
    }
    c->listener->stats.refused++;
    if (log_sparse_due(&c->listener->said, c->listener->url.local ? "local" : c->network->text, loop_now_ms(),
                       &left_out))
        log_warn("nodes", "from=%s node=%s a connection was refused: %s (%llu more since the last such line)",
                 from, name[0] ? name : "?", why, (unsigned long long)left_out);
    connection_free(c);
}

/* --- who pays for the loop's time --- */

static void on_spent(void *arg, uint64_t us)
{
    const struct connection *c = arg;
    if (c->payer)
        msglink_payer_spend(c->payer, us);
}

/* Pauses or resumes the admitted connections of this payer. A connection that is not admitted yet needs
 * no pausing: take_in refuses new ones of a payer that waits. */
static void on_payer_changed(void *arg, struct msglink_payer *payer)
{
    struct msglink_listener *listener = arg;
    struct connection *c;
    TAILQ_FOREACH(c, &listener->standing, link)
    {
        if (c->payer == payer && c->relay)
            relay_pause(c->relay, msglink_payer_waits(payer));
    }
}

/* --- nng takes it up --- */

static void on_inner_opening(void *arg, bool readable, bool writable)
{
    struct connection *c = arg;
    ssize_t n = stream_read(c->inner, c->heard + c->heard_len, MSGLINK_OPENING_LEN - c->heard_len);
    c->heard_len += n > 0 ? (size_t)n : 0;
    if (n >= 0 && c->heard_len < MSGLINK_OPENING_LEN)
        return;
    if (n < 0 || c->doomed || stream_write(c->peer, c->heard, MSGLINK_OPENING_LEN) != MSGLINK_OPENING_LEN) {
        connection_free(c);
        return;
    }
    timer_stop(&c->timer);
    watch_stop(&c->watch);
    c->phase = STANDING;
    c->relay = relay_new(c->listener->loop, c->peer, c->inner, on_over, c);
    if (!c->payer)
        return;
    relay_tell_spent(c->relay, on_spent);
    relay_pause(c->relay, msglink_payer_waits(c->payer));
}

/* nng takes a connection up at once, unless something is wrong with nng. */
static void on_time_over(void *arg)
{
    struct connection *c = arg;
    c->listener->stats.over++;
    connection_free(c);
}

static void knock(void *arg)
{
    struct connection *c = arg;
    int fd = msglink_inner_connect(&c->listener->inner);
    struct introduction said = {.type = 1, .request = {0x80, 0, 0, 1}, .word.id = c->who.id};
    if (fd < 0 && c->knocks++ < KNOCKS_MAX)
        timer_start(&c->timer, c->listener->loop, MSGLINK_AGAIN_MS, knock, c);
    else if (fd < 0)
        on_time_over(c);
    if (fd < 0)
        return;
    memcpy(said.opening, msglink_req_opening, sizeof said.opening);
    said.size[7] = sizeof said.request + sizeof said.word;
    memcpy(said.word.token, c->token, sizeof c->token);
    c->phase = JOINING;
    c->heard_len = 0;
    c->inner = stream_new(NULL, fd);
    if (stream_write(c->inner, &said, sizeof said) != sizeof said) {
        connection_free(c);
        return;
    }
    watch_start(&c->watch, c->listener->loop, fd, true, false, on_inner_opening, c);
    timer_start(&c->timer, c->listener->loop, MSGLINK_OPENING_MS, on_time_over, c);
}

/* A node has two connections, and more for a moment after some broke. So the oldest of too many is a
 * broken one. */
static void bound_certificate(struct msglink_listener *listener, const struct connection *newest)
{
    struct connection *c;
    if (!newest->payer || msglink_payer_users(newest->payer) <= PER_CERTIFICATE)
        return;
    TAILQ_FOREACH(c, &listener->standing, link)
    {
        if (c != newest && c->payer == newest->payer && !c->doomed) {
            connection_close(c);
            return;
        }
    }
}

/* Admits the connection. */
static void let_in(struct connection *c)
{
    struct msglink_listener *listener = c->listener;
    if (listener->stats.standing >= listener->standing_max) {
        refuse(c, "there is no room for more");
        return;
    }
    watch_stop(&c->watch);
    TAILQ_REMOVE(&listener->opening, c, link);
    TAILQ_INSERT_TAIL(&listener->standing, c, link);
    listener->stats.opening--;
    listener->stats.standing++;
    network_leave(&c->of_network);
    c->network->count--;
    network_drop(&listener->networks, c->network);
    c->network = NULL;
    if (c->payer)
        msglink_payer_drop(c->payer);
    c->payer = c->who.tls ? msglink_payer_get(&listener->payers, c->who.who.fingerprint) : NULL;
    c->phase = KNOCK;
    bound_certificate(listener, c);
    knock(c);
}

/* --- before admission --- */

static void on_opening(void *arg, bool readable, bool writable);

static void await(struct connection *c)
{
    bool blocked = stream_blocked(c->peer);
    watch_start(&c->watch, c->listener->loop, stream_fd(c->peer), true, blocked, on_opening, c);
}

/* It is no message's: its owner goes on with it, and here it is forgotten. */
static void hand_over(struct connection *c)
{
    struct msglink_listener *listener = c->listener;
    struct msglink_peer who = c->who;
    struct stream *peer = c->peer;
    uint8_t ticket[MSGLINK_TICKET_LEN];
    memcpy(ticket, c->heard + MSGLINK_OPENING_LEN, sizeof ticket);
    watch_stop(&c->watch);
    c->peer = NULL;
    connection_free(c);
    listener->take_stream(listener->arg, &who, ticket, peer);
}

static bool begins_like(const struct connection *c, const uint8_t opening[MSGLINK_OPENING_LEN])
{
    size_t len = c->heard_len < MSGLINK_OPENING_LEN ? c->heard_len : MSGLINK_OPENING_LEN;
    return !memcmp(c->heard, opening, len);
}

/* Reads no further than its first words, which say what else there is to read. */
static void hear(struct connection *c)
{
    bool is_stream = c->heard_len >= MSGLINK_OPENING_LEN && begins_like(c, msglink_stream_opening);
    size_t needed = is_stream ? sizeof c->heard : MSGLINK_OPENING_LEN;
    ssize_t n = stream_read(c->peer, c->heard + c->heard_len, needed - c->heard_len);
    c->heard_len += n > 0 ? (size_t)n : 0;
    if (n < 0)
        refuse(c, stream_why(c->peer));
    else if (!begins_like(c, msglink_req_opening) &&
             !(c->listener->take_stream && begins_like(c, msglink_stream_opening)))
        refuse(c, "it does not speak the protocol of agents");
    else if (c->heard_len < needed)
        await(c);
    else if (is_stream)
        hand_over(c);
    else if (begins_like(c, msglink_stream_opening))
        hear(c); /* the ticket may be in the same record, of which no descriptor tells */
    else
        let_in(c);
}

static void go_on_opening(struct connection *c)
{
    struct err e;
    c->spoke = true;
    int rc = c->phase == HANDSHAKE ? stream_open(c->peer, &e) : 1;
    if (rc < 0) {
        refuse(c, stream_why(c->peer));
        return;
    }
    if (rc && c->phase == HANDSHAKE) {
        c->who.tls = stream_who(c->peer) != NULL;
        if (c->who.tls)
            c->who.who = *stream_who(c->peer);
        c->phase = HELLO;
    }
    if (c->phase == HELLO)
        hear(c);
    else
        await(c);
}

static void on_opening(void *arg, bool readable, bool writable)
{
    struct connection *c = arg;
    struct msglink_payer *network = c->payer; /* outlives c in this turn */
    uint64_t before = loop_spent_us();
    go_on_opening(c);
    if (network)
        msglink_payer_spend(network, loop_spent_us() - before);
}

static struct connection *connection_of(struct network_member *member)
{
    return (struct connection *)(void *)((char *)member - offsetof(struct connection, of_network));
}

/* The oldest connection of this network, preferring those that have sent nothing. NULL: there is none. */
static struct connection *oldest_of(const struct network *network)
{
    struct network_member *member;
    TAILQ_FOREACH(member, &network->may_go, link)
    {
        if (!connection_of(member)->spoke)
            return connection_of(member);
    }
    member = TAILQ_FIRST(&network->may_go);
    return member ? connection_of(member) : NULL;
}

static struct connection *oldest(const struct msglink_listener *listener)
{
    struct connection *c;
    TAILQ_FOREACH(c, &listener->opening, link)
    {
        if (!c->spoke)
            return c;
    }
    return TAILQ_FIRST(&listener->opening);
}

/* If the network has too many connections, one of its own goes; otherwise, if there are too many in all,
 * one of all. */
static void make_room(struct msglink_listener *listener, const struct network *network)
{
    struct connection *goes = NULL;
    if (network->count >= listener->per_network)
        goes = oldest_of(network);
    else if (listener->stats.opening >= listener->opening_max)
        goes = oldest(listener);
    if (!goes)
        return;
    listener->stats.room++;
    connection_free(goes);
}

static void take_in(struct msglink_listener *listener, int fd, const struct sockaddr *from)
{
    char address[INET6_ADDRSTRLEN] = "", text[INET6_ADDRSTRLEN] = "local";
    struct msglink_payer *payer = NULL;
    if (!listener->url.local) {
        network_of(from, address, text);
        msglink_keep_alive(fd);
        payer = msglink_payer_get(&listener->payers, text);
    }
    if (payer && msglink_payer_waits(payer)) {
        msglink_payer_drop(payer);
        listener->stats.room++;
        close(fd);
        return;
    }
    struct connection *c = mem_zalloc(sizeof *c);
    struct network *network = network_get(&listener->networks, text);
    network->count++; /* keeps the row alive */
    make_room(listener, network);
    *c = (struct connection){.listener = listener,
                             .peer = stream_new(listener->tls, fd),
                             .network = network,
                             .payer = payer,
                             .who.id = ++listener->last_id};
    strcpy(c->who.address, address);
    pki_random(c->token, sizeof c->token);
    TAILQ_INSERT_TAIL(&listener->opening, c, link);
    network_join(network, &c->of_network);
    listener->stats.opening++;
    listener->stats.accepted++;
    HASH_ADD(by_id, listener->ids, who.id, sizeof c->who.id, c);
    watch_start(&c->watch, listener->loop, fd, true, false, on_opening, c);
    timer_start(&c->timer, listener->loop, MSGLINK_OPENING_MS, on_time_over, c);
}

static void on_accept(void *arg, bool readable, bool writable);

static void listen_on(void *arg)
{
    struct msglink_listener *listener = arg;
    watch_start(&listener->watch, listener->loop, listener->fd, true, false, on_accept, listener);
}

static void on_accept(void *arg, bool readable, bool writable)
{
    struct msglink_listener *listener = arg;
    struct sockaddr_storage from;
    for (int i = 0; i < ACCEPT_TURN; i++) {
        socklen_t len = sizeof from;
        int fd = accept4(listener->fd, (struct sockaddr *)&from, &len, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (fd >= 0) {
            take_in(listener, fd, (const struct sockaddr *)&from);
        } else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
            watch_stop(&listener->watch); /* pause, so that the loop does not spin */
            timer_start(&listener->rest, listener->loop, REST_MS, listen_on, listener);
            return;
        } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
            return;
        }
    }
}

/* --- listening --- */

static int bind_fd(int family, const struct sockaddr *address, socklen_t len)
{
    int on = 1, fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -1;
    if (family != AF_UNIX)
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (!bind(fd, address, len) && !listen(fd, BACKLOG))
        return fd;
    int why = errno;
    close(fd);
    errno = why;
    return -1;
}

/* A server that was killed leaves its path behind, and nobody answers there. */
static int listen_local(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    const struct sockaddr *sa = (const struct sockaddr *)&address;
    snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    int fd = bind_fd(AF_UNIX, sa, sizeof address);
    if (fd >= 0 || errno != EADDRINUSE)
        return fd;
    int other = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool dead = other >= 0 && connect(other, sa, sizeof address) && errno == ECONNREFUSED;
    if (other >= 0)
        close(other);
    errno = EADDRINUSE;
    return dead && !unlink(path) ? bind_fd(AF_UNIX, sa, sizeof address) : -1;
}

static int listen_tcp(const struct msglink_url *url)
{
    struct addrinfo hints = {.ai_flags = AI_PASSIVE | AI_NUMERICSERV, .ai_socktype = SOCK_STREAM}, *found;
    const char *host = url->host[0] && strcmp(url->host, "*") ? url->host : NULL;
    int rc = getaddrinfo(host, url->port, &hints, &found);
    if (rc) {
        errno = EADDRNOTAVAIL;
        return -1;
    }
    int fd = bind_fd(found->ai_family, found->ai_addr, found->ai_addrlen);
    int why = errno;
    freeaddrinfo(found);
    errno = why;
    return fd;
}

static void set_bounds(struct msglink_listener *listener)
{
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) || files.rlim_cur == RLIM_INFINITY)
        files.rlim_cur = 1u << 20;
    unsigned long opening = files.rlim_cur / 16, standing = files.rlim_cur / 2 / FILES_PER_CONNECT;
    listener->opening_max = opening > OPENING_MAX ? OPENING_MAX : (unsigned)opening;
    if (listener->opening_max < OPENING_MIN)
        listener->opening_max = OPENING_MIN;
    listener->per_network = listener->url.local ? listener->opening_max : listener->opening_max / 4;
    listener->standing_max = standing > STANDING_MAX ? STANDING_MAX : (unsigned)standing;
}

int msglink_listener_new(struct msglink_listener **out, struct loop *loop, const char *url,
                         const struct msglink_tls *tls, const struct msglink_inner *inner,
                         msglink_allow_cb *allow, void *arg, struct err *e)
{
    struct msglink_listener *listener = mem_zalloc(sizeof *listener);
    *listener = (struct msglink_listener){.loop = loop, .inner = *inner, .arg = arg, .fd = -1};
    listener->payers = (struct msglink_payers){.loop = loop, .changed = on_payer_changed, .arg = listener};
    TAILQ_INIT(&listener->opening);
    TAILQ_INIT(&listener->standing);
    int rc = msglink_url_parse(&listener->url, url, e);
    if (!rc)
        rc = msglink_tls_new(&listener->tls, &listener->url, tls, allow, arg, e);
    if (!rc) {
        listener->fd = listener->url.local ? listen_local(listener->url.path) : listen_tcp(&listener->url);
        if (listener->fd < 0)
            rc = err_set(e, ERR_IO, "cannot listen for agents on %s: %s", url, strerror(errno));
    }
    if (rc) {
        msglink_listener_free(listener);
        return rc;
    }
    set_bounds(listener);
    listen_on(listener);
    *out = listener;
    return 0;
}

void msglink_listener_free(struct msglink_listener *listener)
{
    struct connection *c;
    if (!listener)
        return;
    watch_stop(&listener->watch);
    timer_stop(&listener->rest);
    while ((c = TAILQ_FIRST(&listener->opening)) || (c = TAILQ_FIRST(&listener->standing)))
        connection_free(c);
    if (listener->fd >= 0) {
        close(listener->fd);
        if (listener->url.local)
            unlink(listener->url.path);
    }
    msglink_payers_fini(&listener->payers);
    tls_mutual_free(listener->tls);
    log_sparse_fini(&listener->said);
    free(listener);
}

/* --- what the server asks --- */

static struct connection *find(const struct msglink_listener *listener, uint64_t id)
{
    struct connection *c;
    HASH_FIND(by_id, listener->ids, &id, sizeof id, c);
    return c;
}

const struct msglink_peer *msglink_listener_peer(const struct msglink_listener *listener, uint32_t pipe)
{
    struct connection *c;
    HASH_FIND(by_pipe, listener->pipes, &pipe, sizeof pipe, c);
    return c && !c->doomed ? &c->who : NULL;
}

bool msglink_listener_serves(const struct msglink_listener *listener, uint32_t pipe)
{
    struct connection *c;
    HASH_FIND(by_pipe, listener->pipes, &pipe, sizeof pipe, c);
    return c && (!c->payer || msglink_payer_serves(c->payer));
}

void msglink_listener_spent(const struct msglink_listener *listener, uint32_t pipe, uint64_t us)
{
    struct connection *c;
    HASH_FIND(by_pipe, listener->pipes, &pipe, sizeof pipe, c);
    if (c)
        on_spent(c, us);
}

bool msglink_listener_introduce(struct msglink_listener *listener, uint32_t pipe, const uint8_t *bytes,
                                size_t len)
{
    struct word word;
    if (len != sizeof word || !pipe)
        return false;
    memcpy(&word, bytes, sizeof word);
    struct connection *c = find(listener, word.id);
    if (!c || c->phase < JOINING || c->pipe || memcmp(word.token, c->token, sizeof c->token) != 0)
        return false;
    c->pipe = pipe;
    HASH_ADD(by_pipe, listener->pipes, pipe, sizeof c->pipe, c);
    return true;
}

bool msglink_listener_stands(const struct msglink_listener *listener, uint64_t id)
{
    const struct connection *c = find(listener, id);
    return c && c->phase == STANDING;
}

void msglink_listener_drop(struct msglink_listener *listener, const char *name)
{
    struct connection *c, *next;
    for (c = TAILQ_FIRST(&listener->standing); c; c = next) {
        next = TAILQ_NEXT(c, link);
        if (c->who.tls && !strcmp(c->who.who.name, name))
            connection_close(c);
    }
}

void msglink_listener_take_streams(struct msglink_listener *listener, msglink_stream_cb *cb)
{
    listener->take_stream = cb;
}

struct msglink_stats msglink_listener_stats(const struct msglink_listener *listener)
{
    return listener->stats;
}
