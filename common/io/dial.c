#include "common/io/dial.h"

#include "common/base/mem.h"
#include "common/io/lookup.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

struct dial {
    struct loop *loop;
    struct msglink_url url;
    struct tls_mutual *tls;
    unsigned tries;
    struct lookup *lookup;
    struct stream *stream;
    struct watch watch;
    struct later begin;
    dial_cb *cb;
    void *arg;
};

static void clear(struct dial *dial)
{
    lookup_cancel(dial->lookup);
    watch_stop(&dial->watch);
    later_cancel(&dial->begin);
}

static void fail(struct dial *dial, const char *why)
{
    clear(dial);
    dial->cb(dial->arg, NULL, why);
    stream_free(dial->stream); /* after the call: why may be of it */
    free(dial);
}

static void on_handshake(void *arg, bool readable, bool writable)
{
    struct dial *dial = arg;
    struct err e;
    int rc = stream_open(dial->stream, &e), fd = stream_fd(dial->stream);
    if (!rc) {
        watch_start(&dial->watch, dial->loop, fd, true, stream_blocked(dial->stream), on_handshake, dial);
    } else if (rc < 0) {
        fail(dial, e.text);
    } else {
        clear(dial);
        dial->cb(dial->arg, dial->stream, NULL);
        free(dial);
    }
}

static void on_connected(void *arg, bool readable, bool writable)
{
    struct dial *dial = arg;
    int why = 0;
    socklen_t len = sizeof why;
    if (getsockopt(stream_fd(dial->stream), SOL_SOCKET, SO_ERROR, &why, &len))
        why = errno;
    if (why)
        fail(dial, strerror(why));
    else
        on_handshake(dial, false, true);
}

static void connect_to(struct dial *dial, const struct sockaddr *address, socklen_t len)
{
    int fd = socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        fail(dial, strerror(errno));
        return;
    }
    if (!dial->url.local)
        msglink_keep_alive(fd);
    dial->stream = stream_new(dial->tls, fd);
    if (connect(fd, address, len) && errno != EINPROGRESS)
        fail(dial, strerror(errno));
    else
        watch_start(&dial->watch, dial->loop, fd, false, true, on_connected, dial);
}

static void on_found(void *arg, const struct addrinfo *found, const char *why)
{
    struct dial *dial = arg;
    dial->lookup = NULL;
    found = lookup_pick(found, dial->tries);
    if (found)
        connect_to(dial, found->ai_addr, found->ai_addrlen);
    else
        fail(dial, why);
}

static void begin(void *arg)
{
    struct dial *dial = arg;
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (!dial->url.local) {
        dial->lookup = lookup_start(dial->loop, dial->url.host, dial->url.port, on_found, dial);
        return;
    }
    snprintf(address.sun_path, sizeof address.sun_path, "%s", dial->url.path);
    connect_to(dial, (const struct sockaddr *)&address, sizeof address);
}

struct dial *dial_start(struct loop *loop, const struct msglink_url *url, struct tls_mutual *tls,
                        unsigned tries, dial_cb *cb, void *arg)
{
    struct dial *dial = mem_zalloc(sizeof *dial);
    *dial = (struct dial){.loop = loop, .url = *url, .tls = tls, .tries = tries, .cb = cb, .arg = arg};
    later_call(&dial->begin, loop, begin, dial);
    return dial;
}

void dial_cancel(struct dial *dial)
{
    if (!dial)
        return;
    clear(dial);
    stream_free(dial->stream);
    free(dial);
}
