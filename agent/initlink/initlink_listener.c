#include "agent/initlink/initlink_listener.h"

#include "agent/initlink/initlink.h"
#include "common/base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

struct initlink_listener {
    struct loop *loop;
    char *folder;
    initlink_listener_cb *cb;
    void *arg;
    pid_t expected; /* 0: not known yet */
    int fd;         /* -1: closed */
    struct watch watch;
    struct timer pause;
    uint64_t window_ms; /* when the counting of strangers began */
    unsigned strangers;
};

static void watch_listener(void *arg);

struct initlink_listener *initlink_listener_new(struct loop *loop, const char *folder,
                                                initlink_listener_cb *cb, void *arg)
{
    struct initlink_listener *listener = mem_zalloc(sizeof *listener);
    *listener = (struct initlink_listener){
        .loop = loop, .folder = mem_strdup(folder), .cb = cb, .arg = arg, .fd = -1};
    return listener;
}

/* The parent of a process: field 4 of /proc/PID/stat, behind the name, which may contain anything; 0 if it
 * cannot be read. */
static pid_t parent_of(pid_t pid)
{
    char path[64], text[512];
    int parent = 0;
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
    if (fd >= 0)
        close(fd);
    text[n > 0 ? n : 0] = 0;
    const char *name_end = strrchr(text, ')');
    return name_end && sscanf(name_end, ") %*c %d", &parent) == 1 ? parent : 0;
}

/*
 * Whether the peer was the expected process when it connected. Under gVisor the peer is the gofer, which
 * opens sockets for its sandbox: gofer and sandbox are children of one shim, and no process inside a
 * container is.
 */
static bool is_expected(const struct initlink_listener *listener, int fd)
{
    struct ucred peer;
    socklen_t len = sizeof peer;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) != 0)
        return false;
    if (peer.pid == listener->expected)
        return true;
    pid_t shim = parent_of(listener->expected);
    return shim > 1 && parent_of(peer.pid) == shim;
}

/* Limits how many unexpected connections are checked per second; further ones wait in the kernel's queue. */
static bool too_many_strangers(struct initlink_listener *listener)
{
    uint64_t now = loop_now_ms();
    if (now - listener->window_ms >= 1000) {
        listener->window_ms = now;
        listener->strangers = 0;
    }
    return ++listener->strangers > INITLINK_ACCEPTS_PER_SECOND;
}

static void on_listener(void *arg, bool readable, bool writable)
{
    struct initlink_listener *listener = arg;
    int fd = accept4(listener->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd >= 0 && is_expected(listener, fd)) {
        listener->cb(listener->arg, fd);
        return;
    }
    bool exhausted = fd < 0 && errno != EAGAIN && errno != EINTR && errno != ECONNABORTED;
    if (fd >= 0)
        close(fd);
    if (exhausted || too_many_strangers(listener)) {
        watch_stop(&listener->watch);
        timer_start(&listener->pause, listener->loop, 1000, watch_listener, listener);
    }
}

static void watch_listener(void *arg)
{
    struct initlink_listener *listener = arg;
    if (listener->fd >= 0 && listener->expected)
        watch_start(&listener->watch, listener->loop, listener->fd, true, false, on_listener, listener);
}

/* Binds through the folder's descriptor, since a socket's path is limited to 107 bytes. */
static int bind_in(int folder_fd, int fd)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "/proc/self/fd/%d/%s", folder_fd, INIT_SOCKET_NAME);
    if (unlinkat(folder_fd, INIT_SOCKET_NAME, 0) != 0 && errno != ENOENT)
        return -1;
    if (bind(fd, (struct sockaddr *)&address, sizeof address) != 0 ||
        fchmodat(folder_fd, INIT_SOCKET_NAME, 0666, 0) != 0)
        return -1;
    return listen(fd, 16);
}

static int open_socket(const char *folder)
{
    if (mkdir(folder, 0755) != 0 && errno != EEXIST)
        return -1;
    int folder_fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (folder_fd < 0)
        return -1;
    int fd =
        fchmod(folder_fd, 0755) == 0 ? socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0) : -1;
    if (fd >= 0 && bind_in(folder_fd, fd) != 0) {
        int error = errno;
        close(fd);
        fd = -1;
        errno = error;
    }
    int error = errno;
    close(folder_fd);
    errno = error;
    return fd;
}

int initlink_listener_open(struct initlink_listener *listener, struct err *e)
{
    initlink_listener_close(listener);
    listener->fd = open_socket(listener->folder);
    if (listener->fd < 0)
        return err_set(e, ERR_IO, "cannot listen in %s: %s", listener->folder, strerror(errno));
    watch_listener(listener);
    return 0;
}

void initlink_listener_close(struct initlink_listener *listener)
{
    if (listener->fd < 0)
        return;
    char path[4096];
    watch_stop(&listener->watch);
    timer_stop(&listener->pause);
    close(listener->fd);
    listener->fd = -1;
    if ((size_t)snprintf(path, sizeof path, "%s/%s", listener->folder, INIT_SOCKET_NAME) < sizeof path)
        unlink(path);
}

void initlink_listener_expect(struct initlink_listener *listener, pid_t pid)
{
    listener->expected = pid;
    watch_listener(listener);
}

void initlink_listener_free(struct initlink_listener *listener)
{
    initlink_listener_close(listener);
    free(listener->folder);
    free(listener);
}
