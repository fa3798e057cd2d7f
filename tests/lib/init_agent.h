/*
 * The init's half of the streams under a test that plays the agent and the processes: init_child_start gives
 * pipes whose other ends the test holds, and kills are only counted. Nothing is forked. Include once.
 */
#ifndef CORRAL_TESTS_LIB_INIT_AGENT_H
#define CORRAL_TESTS_LIB_INIT_AGENT_H

#include "agent/init/init_streams.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define PLAYED_MAX 1024
#define PLAYED_PID (1 << 30) /* no process has such a number */

/* The other ends of a process that the test plays. */
struct played {
    uint32_t number;
    pid_t pid;
    int in, out, err, program; /* -1: closed */
};

static struct {
    struct init_link link;
    struct init_streams streams;
    int fd; /* the agent's end */
    uint64_t now_ms;
    int refuse, fail;
    bool broken; /* the init received a bad frame */
    struct played played[PLAYED_MAX];
    size_t started, kills;
} world;

static void close_end(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

struct init_child *init_child_start(uint32_t number, const struct init_spawn *spawn, uint64_t now_ms)
{
    int out[2], err[2], in[2], program[2];
    if (world.fail || world.started == PLAYED_MAX) {
        errno = world.fail ? world.fail : EAGAIN;
        return NULL;
    }
    struct init_child *child = init_child_new(number, spawn, now_ms);
    if (!child || pipe2(out, O_NONBLOCK | O_CLOEXEC) || pipe2(err, O_NONBLOCK | O_CLOEXEC) ||
        pipe2(in, O_NONBLOCK | O_CLOEXEC) || pipe2(program, O_NONBLOCK | O_CLOEXEC))
        abort();
    child->pid = child->told.pid = PLAYED_PID + (pid_t)world.started;
    child->out_fd[0] = out[0];
    child->out_fd[1] = err[0];
    child->in_fd = in[1];
    child->error_fd = program[0];
    world.played[world.started++] = (struct played){number, child->pid, in[0], out[1], err[1], program[1]};
    return child;
}

void init_tree_kill_start(struct init_tree_kill *kill, uint64_t now_ms)
{
    kill->active = true;
    kill->began_at_ms = kill->next_at_ms = now_ms;
}

void init_tree_kill_pass(struct init_tree_kill *kill, uint32_t number, pid_t root, uint64_t now_ms)
{
    world.kills += kill->active;
    kill->active = false;
}

static void close_played(struct played *p)
{
    close_end(&p->in);
    close_end(&p->out);
    close_end(&p->err);
    close_end(&p->program);
}

static void world_begin(void)
{
    int fds[2];
    memset(&world, 0, sizeof world);
    world.now_ms = 1000;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) != 0)
        abort();
    init_link_init(&world.link, "/nowhere", world.now_ms);
    world.link.fd = fds[0];
    world.fd = fds[1];
    init_streams_init(&world.streams, &world.link);
    init_streams_linked(&world.streams);
}

static void world_end(void)
{
    for (size_t i = 0; i < world.started; i++)
        close_played(&world.played[i]);
    init_streams_fini(&world.streams);
    init_link_close(&world.link, world.now_ms);
    close_end(&world.fd);
}

/* As init_main.c does it, but without waiting. */
static void world_turn(void)
{
    static struct pollfd fds[INIT_STREAMS_FDS];
    struct init_frame frame;
    int wait, got = 0;
    size_t count = init_streams_poll(&world.streams, fds, world.now_ms, &wait);
    while (poll(fds, count, 0) < 0) {
        if (errno != EINTR) /* libFuzzer keeps its time by signals */
            abort();
    }
    init_streams_move(&world.streams, fds);
    init_streams_tick(&world.streams, world.now_ms);
    if (world.link.fd < 0)
        return;
    bool good = !(init_link_events(&world.link) & POLLIN) || init_link_receive(&world.link);
    while (good && (got = init_link_next(&world.link, &frame)) > 0)
        good = init_streams_serves(&frame) &&
               init_streams_frame(&world.streams, &frame, world.refuse, world.now_ms);
    good = good && got == 0;
    if (good)
        init_streams_send(&world.streams);
    if (good && init_link_flush(&world.link))
        return;
    world.broken = !good;
    init_link_close(&world.link, world.now_ms);
    init_streams_unlinked(&world.streams);
}

#endif
