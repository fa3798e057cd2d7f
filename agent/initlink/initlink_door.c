#include "agent/initlink/initlink_door.h"

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

struct initlink_door {
    struct loop *loop;
    char *folder;
    initlink_door_cb *cb;
    void *arg;
    pid_t expected; /* 0: not known yet */
    int fd;         /* -1: closed */
    struct watch watch;
    struct timer pause;
    uint64_t window_ms; /* when the count of strangers began */
    unsigned strangers;
};

static void watch_door(void *arg);

struct initlink_door *initlink_door_new(struct loop *loop, const char *folder, initlink_door_cb *cb,
                                        void *arg)
{
    struct initlink_door *door = mem_zalloc(sizeof *door);
    *door =
        (struct initlink_door){.loop = loop, .folder = mem_strdup(folder), .cb = cb, .arg = arg, .fd = -1};
    return door;
}

/* Field 4 of /proc/PID/stat, behind the name, which may hold anything; 0 where it cannot be read. */
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
 * Whether the peer is the process that was expected when it connected. Under gVisor it is the gofer, which
 * opens sockets for its sandbox: both are children of one shim, which no process inside a container is.
 */
static bool is_expected(const struct initlink_door *door, int fd)
{
    struct ucred peer;
    socklen_t len = sizeof peer;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) != 0)
        return false;
    if (peer.pid == door->expected)
        return true;
    pid_t shim = parent_of(door->expected);
    return shim > 1 && parent_of(peer.pid) == shim;
}

/* A tenant that connects all the time is looked at so often a second and no more; the rest waits. */
static bool too_many_strangers(struct initlink_door *door)
{
    uint64_t now = loop_now_ms();
    if (now - door->window_ms >= 1000) {
        door->window_ms = now;
        door->strangers = 0;
    }
    return ++door->strangers > INITLINK_ACCEPTS_PER_SECOND;
}

static void on_door(void *arg, bool readable, bool writable)
{
    struct initlink_door *door = arg;
    int fd = accept4(door->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd >= 0 && is_expected(door, fd)) {
        door->cb(door->arg, fd);
        return;
    }
    bool exhausted = fd < 0 && errno != EAGAIN && errno != EINTR && errno != ECONNABORTED;
    if (fd >= 0)
        close(fd);
    if (exhausted || too_many_strangers(door)) {
        watch_stop(&door->watch);
        timer_start(&door->pause, door->loop, 1000, watch_door, door);
    }
}

static void watch_door(void *arg)
{
    struct initlink_door *door = arg;
    if (door->fd >= 0 && door->expected)
        watch_start(&door->watch, door->loop, door->fd, true, false, on_door, door);
}

/* Through the folder's descriptor, since a socket's path may have 107 bytes only. */
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

int initlink_door_open(struct initlink_door *door, struct err *e)
{
    initlink_door_close(door);
    door->fd = open_socket(door->folder);
    if (door->fd < 0)
        return err_set(e, ERR_IO, "cannot listen in %s: %s", door->folder, strerror(errno));
    watch_door(door);
    return 0;
}

void initlink_door_close(struct initlink_door *door)
{
    if (door->fd < 0)
        return;
    char path[4096];
    watch_stop(&door->watch);
    timer_stop(&door->pause);
    close(door->fd);
    door->fd = -1;
    if ((size_t)snprintf(path, sizeof path, "%s/%s", door->folder, INIT_SOCKET_NAME) < sizeof path)
        unlink(path);
}

void initlink_door_expect(struct initlink_door *door, pid_t pid)
{
    door->expected = pid;
    watch_door(door);
}

void initlink_door_free(struct initlink_door *door)
{
    initlink_door_close(door);
    free(door->folder);
    free(door);
}
