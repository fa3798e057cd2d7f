/*
 * Docker's exec: one call makes it, a connection of its own starts it and then carries its bytes, those of
 * the program in frames (docker_unframe), those to it bare.
 */
#include "agent/docker/docker_frames.h"
#include "agent/docker/docker_int.h"

#include "common/base/mem.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define HEAD_MAX 2048 /* of Docker's answer */

/* One way. It reads only when it has written what it read before. */
struct way {
    size_t at, len;
    uint8_t bytes[DOCKER_EXEC_BYTES];
};

struct docker_exec {
    struct docker *docker;
    docker_exec_cb *cb;
    void *arg;
    struct docker_call *call; /* that makes it; NULL afterwards */
    bool freed;               /* and the call's callback is still to come */
    struct timer deadline;    /* of Docker's answer */
    int outer, inner;         /* the connection to Docker, and our end of the socket; -1: none */
    struct watch outer_watch, inner_watch;
    char head[HEAD_MAX + 1];
    size_t head_len;
    struct docker_unframe unframe;
    struct way in, out; /* to the program, and from it */
};

static void close_fd(int *fd, struct watch *watch)
{
    watch_stop(watch);
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

static void end(struct docker_exec *exec)
{
    timer_stop(&exec->deadline);
    close_fd(&exec->outer, &exec->outer_watch);
    close_fd(&exec->inner, &exec->inner_watch);
}

/* The callback may free it. */
static void fail(struct docker_exec *exec, const struct err *e)
{
    end(exec);
    exec->cb(exec->arg, e->code, e, -1);
}

static void fail_for(struct docker_exec *exec, int code, const char *why)
{
    struct err e;
    (void)err_set(&e, code, "Docker's exec: %s", why);
    fail(exec, &e);
}

/* --- while it stands --- */

static bool worth_another_try(ssize_t n)
{
    return n < 0 && (errno == EAGAIN || errno == EINTR);
}

/* False: that end is over. */
static bool fill(struct way *way, int fd)
{
    ssize_t n = recv(fd, way->bytes, sizeof way->bytes, MSG_DONTWAIT);
    way->at = 0;
    way->len = n > 0 ? (size_t)n : 0;
    return n > 0 || worth_another_try(n);
}

static bool drain(struct way *way, int fd)
{
    ssize_t n = send(fd, way->bytes + way->at, way->len - way->at, MSG_DONTWAIT | MSG_NOSIGNAL);
    way->at += n > 0 ? (size_t)n : 0;
    if (way->at == way->len)
        way->at = way->len = 0;
    return n > 0 || worth_another_try(n);
}

static bool move(struct docker_exec *exec)
{
    if (!exec->out.len &&
        (!fill(&exec->out, exec->outer) || !docker_unframe(&exec->unframe, exec->out.bytes, &exec->out.len)))
        return false;
    if (exec->out.len && !drain(&exec->out, exec->inner))
        return false;
    if (!exec->in.len && !fill(&exec->in, exec->inner))
        return false;
    return !exec->in.len || drain(&exec->in, exec->outer);
}

static void watch_one(struct watch *watch, struct docker_exec *exec, int fd, bool read, bool write,
                      loop_watch_cb *cb)
{
    if (read || write)
        watch_start(watch, exec->docker->loop, fd, read, write, cb, exec);
    else
        watch_stop(watch);
}

static void on_bytes(void *arg, bool readable, bool writable)
{
    struct docker_exec *exec = arg;
    if (!move(exec)) {
        end(exec);
        return;
    }
    watch_one(&exec->outer_watch, exec, exec->outer, !exec->out.len, exec->in.len, on_bytes);
    watch_one(&exec->inner_watch, exec, exec->inner, !exec->in.len, exec->out.len, on_bytes);
}

/* --- the beginning --- */

/* Docker has answered; the bytes behind its head are the program's. */
static void begin(struct docker_exec *exec, const char *behind)
{
    int fds[2];
    size_t len = exec->head_len - (size_t)(behind - exec->head);
    memcpy(exec->out.bytes, behind, len);
    if (!docker_unframe(&exec->unframe, exec->out.bytes, &len)) {
        fail_for(exec, ERR_PROTOCOL, "its output comes in no frames");
        return;
    }
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds) != 0) {
        fail_for(exec, ERR_IO, strerror(errno));
        return;
    }
    timer_stop(&exec->deadline);
    exec->out.len = len;
    exec->inner = fds[0];
    watch_one(&exec->outer_watch, exec, exec->outer, !len, false, on_bytes);
    watch_one(&exec->inner_watch, exec, exec->inner, true, len, on_bytes);
    exec->cb(exec->arg, 0, NULL, fds[1]);
}

/* 101, or 200 from a Docker that does not upgrade. */
static bool is_good(const char *head)
{
    return !strncmp(head, "HTTP/1.1 101", 12) || !strncmp(head, "HTTP/1.1 200", 12);
}

static void on_head(void *arg, bool readable, bool writable)
{
    struct docker_exec *exec = arg;
    ssize_t n = recv(exec->outer, exec->head + exec->head_len, HEAD_MAX - exec->head_len, MSG_DONTWAIT);
    if (worth_another_try(n))
        return;
    exec->head_len += n > 0 ? (size_t)n : 0;
    exec->head[exec->head_len] = 0;
    char *blank = strstr(exec->head, "\r\n\r\n");
    if (blank && is_good(exec->head))
        begin(exec, blank + 4);
    else if (blank || n <= 0 || exec->head_len == HEAD_MAX)
        fail_for(exec, ERR_IO, n > 0 ? "it was refused" : "Docker hung up");
}

static void on_deadline(void *arg)
{
    fail_for(arg, ERR_NODE_TIMEOUT, "no answer in time");
}

static bool ask(struct docker_exec *exec, const char *id)
{
    static const char body[] = "{\"Detach\":false,\"Tty\":false}";
    char text[512];
    int len =
        snprintf(text, sizeof text,
                 "POST %s/exec/%s/start HTTP/1.1\r\nHost: docker\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n"
                 "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s",
                 exec->docker->prefix, id, sizeof body - 1, body);
    exec->outer = docker_http_dial(exec->docker->http);
    return exec->outer >= 0 && send(exec->outer, text, (size_t)len, MSG_NOSIGNAL) == len;
}

static void on_created(void *arg, int code, const struct err *e, const char *id)
{
    struct docker_exec *exec = arg;
    exec->call = NULL;
    if (exec->freed)
        free(exec);
    else if (code)
        fail(exec, e);
    else if (!ask(exec, id))
        fail_for(exec, ERR_IO, strerror(errno));
    else {
        watch_start(&exec->outer_watch, exec->docker->loop, exec->outer, true, false, on_head, exec);
        timer_start(&exec->deadline, exec->docker->loop, DOCKER_QUICK_MS, on_deadline, exec);
    }
}

struct docker_exec *docker_exec_run(struct docker *docker, const char *container,
                                    const struct string_list *command, docker_exec_cb *cb, void *arg)
{
    struct docker_exec *exec = mem_zalloc(sizeof *exec);
    *exec = (struct docker_exec){.docker = docker, .cb = cb, .arg = arg, .outer = -1, .inner = -1};
    exec->call = docker_exec_create(docker, container, command, on_created, exec);
    return exec;
}

void docker_exec_free(struct docker_exec *exec)
{
    if (!exec)
        return;
    end(exec);
    if (!exec->call) {
        free(exec);
        return;
    }
    exec->freed = true;
    docker_cancel(exec->call);
}
