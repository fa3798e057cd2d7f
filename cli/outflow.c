#include "cli/outflow.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BLOCKING_PIECE                                                                                       \
    512 /* of a file that could not be opened again: what a terminal that is writable takes */

/* O_NONBLOCK on the descriptor itself would also hold for the shell that it came from. */
int outflow_reopen(int fd, int mode)
{
    char path[32];
    struct stat st;
    if (fstat(fd, &st) || !(S_ISCHR(st.st_mode) || S_ISFIFO(st.st_mode)))
        return -1;
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    return open(path, mode | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
}

void outflow_init(struct outflow *o, int fd)
{
    struct stat st;
    int own = outflow_reopen(fd, O_WRONLY);
    *o = (struct outflow){
        .fd = own < 0 ? fd : own, .is_own = own >= 0, .is_file = !fstat(fd, &st) && S_ISREG(st.st_mode)};
}

void outflow_fini(struct outflow *o)
{
    if (o->is_own)
        (void)close(o->fd);
    text_fini(&o->bytes);
}

void outflow_add(struct outflow *o, const uint8_t *bytes, size_t len)
{
    if (!o->error)
        text_add_bytes(&o->bytes, (const char *)bytes, len);
}

bool outflow_has_room(const struct outflow *o)
{
    return o->bytes.len - o->at < OUTFLOW_ROOM;
}

bool outflow_waits(const struct outflow *o)
{
    return o->bytes.len > o->at;
}

static ssize_t write_some(const struct outflow *o)
{
    size_t len = o->bytes.len - o->at;
    struct pollfd ready = {.fd = o->fd, .events = POLLOUT};
    bool may_block = !o->is_own && !o->is_file;
    if (may_block && poll(&ready, 1, 0) != 1) {
        errno = EAGAIN;
        return -1;
    }
    return write(o->fd, o->bytes.data + o->at, may_block && len > BLOCKING_PIECE ? BLOCKING_PIECE : len);
}

void outflow_flush(struct outflow *o)
{
    while (outflow_waits(o)) {
        ssize_t n = write_some(o);
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
            break;
        if (n < 0) {
            o->error = errno;
            o->at = o->bytes.len;
            break;
        }
        o->at += (size_t)n;
    }
    if (o->at == o->bytes.len || o->at > OUTFLOW_ROOM) {
        if (o->at < o->bytes.len)
            memmove(o->bytes.data, o->bytes.data + o->at, o->bytes.len - o->at);
        o->bytes.len -= o->at;
        o->at = 0;
    }
}

void outflow_note(int fd, const char *text)
{
    struct outflow o;
    outflow_init(&o, fd);
    outflow_add(&o, (const uint8_t *)text, strlen(text));
    outflow_flush(&o);
    outflow_fini(&o);
}
