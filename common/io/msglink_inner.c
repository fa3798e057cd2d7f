/* nng's side of both ends: where it listens, how to connect to it, and how to close it. */
#include "common/io/msglink_int.h"

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#define CLOSER_STACK      (256u * 1024)
#define KEEP_ALIVE_S      5
#define KEEP_ALIVE_TRY    3
#define UNACKNOWLEDGED_MS 15000

const uint8_t msglink_req_opening[MSGLINK_OPENING_LEN] = {0, 'S', 'P', 0, 0, 0x30, 0, 0};
const uint8_t msglink_rep_opening[MSGLINK_OPENING_LEN] = {0, 'S', 'P', 0, 0, 0x31, 0, 0};
const uint8_t msglink_stream_opening[MSGLINK_OPENING_LEN] = {0, 'C', 'R', 'L', 'M', 'U', 'X', 1};

/* --- the end of a socket --- */

#define UNTOLD_MAX 64

/* Counts for the whole process, as nng's own threads serve the whole process. */
static atomic_uint closing;

/* Sockets for which there was no thread yet; used by the loop's thread only. They are counted in closing. */
static struct {
    uint32_t id[UNTOLD_MAX];
    unsigned count;
} untold;

static void *close_socket(void *arg)
{
    nng_socket socket = {.id = (uint32_t)(uintptr_t)arg};
    nng_close(socket);
    atomic_fetch_sub(&closing, 1);
    return NULL;
}

static bool close_beside(uint32_t id)
{
    pthread_attr_t attr;
    pthread_t thread;
    pthread_attr_init(&attr);
    pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    pthread_attr_setstacksize(&attr, CLOSER_STACK);
    bool begun = !pthread_create(&thread, &attr, close_socket, (void *)(uintptr_t)id);
    pthread_attr_destroy(&attr);
    return begun;
}

/*
 * nng_close waits for nng's own threads. nng 1.5.2 was seen to wait for ever when its sockets were on the
 * network themselves. The loop must not hang with it, so a thread waits. nng_close begins by ending the
 * listener. If no thread can be started, msglink_closing tries again. Past UNTOLD_MAX such sockets, one stays
 * open and counted, and only a new process helps, as with a close that hangs.
 */
void msglink_close(nng_socket socket)
{
    atomic_fetch_add(&closing, 1);
    if (!close_beside(socket.id) && untold.count < UNTOLD_MAX)
        untold.id[untold.count++] = socket.id;
}

unsigned msglink_closing(void)
{
    while (untold.count && close_beside(untold.id[untold.count - 1]))
        untold.count--;
    return atomic_load(&closing);
}

/* --- where it listens --- */

/* Refuses other processes: any process on this machine can connect to an abstract address. Runs on a
 * thread of nng. */
static void on_pipe(nng_pipe pipe, nng_pipe_ev event, void *arg)
{
    uint64_t pid = 0;
    if (nng_pipe_get_uint64(pipe, NNG_OPT_IPC_PEER_PID, &pid) || pid != (uint64_t)getpid())
        nng_pipe_close(pipe);
}

int msglink_inner_listen(struct msglink_inner *inner, nng_socket socket, struct err *e)
{
    nng_listener listener;
    nng_sockaddr address;
    int rc = nng_socket_set_size(socket, NNG_OPT_RECVMAXSZ, MSGLINK_MAX);
    if (!rc)
        rc = nng_pipe_notify(socket, NNG_PIPE_EV_ADD_PRE, on_pipe, NULL);
    if (!rc)
        rc = nng_listener_create(&listener, socket, "abstract://"); /* the kernel chooses a free name */
    if (!rc)
        rc = nng_listener_start(listener, 0);
    if (!rc)
        rc = nng_listener_get_addr(listener, NNG_OPT_LOCADDR, &address);
    if (rc || address.s_abstract.sa_len > sizeof inner->name)
        return err_set(e, ERR_INTERNAL, "nng does not listen: %s", nng_strerror(rc));
    inner->len = address.s_abstract.sa_len;
    memcpy(inner->name, address.s_abstract.sa_name, inner->len);
    return 0;
}

int msglink_inner_connect(const struct msglink_inner *inner)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    memcpy(address.sun_path + 1, inner->name, inner->len);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    socklen_t len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + inner->len);
    if (fd >= 0 && connect(fd, (const struct sockaddr *)&address, len)) {
        close(fd);
        fd = -1;
    }
    return fd;
}

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

/* --- what the fronts share --- */

void msglink_keep_alive(int fd)
{
    int on = 1, seconds = KEEP_ALIVE_S, tries = KEEP_ALIVE_TRY, ms = UNACKNOWLEDGED_MS;
    setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &seconds, sizeof seconds);
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &seconds, sizeof seconds);
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &tries, sizeof tries);
    setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &ms, sizeof ms);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

int msglink_url_parse(struct msglink_url *out, const char *url, struct err *e)
{
    const char *at = strstr(url, "://"), *port = strrchr(url, ':');
    size_t scheme = at ? (size_t)(at - url) : 0;
    *out = (struct msglink_url){.tls = scheme == 7 && !strncmp(url, "tls+tcp", scheme),
                                .local = scheme == 3 && !strncmp(url, "ipc", scheme)};
    if (out->local && at[3] == '/' && strlen(at + 3) < sizeof out->path) {
        strcpy(out->path, at + 3);
        return 0;
    }
    if (out->local || (!out->tls && (scheme != 3 || strncmp(url, "tcp", scheme))) || port == at)
        return err_set(e, ERR_CONFIG, "\"%s\" is none of tls+tcp://host:port, tcp://host:port, ipc:///path",
                       url);
    at += 3;
    bool bracket = *at == '[' && port[-1] == ']';
    size_t len = (size_t)(port - at) - (bracket ? 2 : 0);
    if (len >= sizeof out->host || strlen(port + 1) >= sizeof out->port || !port[1] ||
        strspn(port + 1, "0123456789") != strlen(port + 1))
        return err_set(e, ERR_CONFIG, "\"%s\": the host or port is not valid", url);
    memcpy(out->host, at + bracket, len);
    strcpy(out->port, port + 1);
    return 0;
}

int msglink_tls_new(struct tls_mutual **out, const struct msglink_url *url, const struct msglink_tls *files,
                    tls_allow_cb *allow, void *arg, struct err *e)
{
    struct tls_files pem = {files->ca_file, files->cert_file, files->key_file, files->server_name};
    *out = NULL;
    return url->tls ? tls_mutual_new(out, &pem, allow, arg, e) : 0;
}

bool msglink_stream_introduce(struct stream *stream, const uint8_t ticket[MSGLINK_TICKET_LEN])
{
    uint8_t said[MSGLINK_OPENING_LEN + MSGLINK_TICKET_LEN];
    memcpy(said, msglink_stream_opening, MSGLINK_OPENING_LEN);
    memcpy(said + MSGLINK_OPENING_LEN, ticket, MSGLINK_TICKET_LEN);
    return stream_write(stream, said, sizeof said) == sizeof said;
}
