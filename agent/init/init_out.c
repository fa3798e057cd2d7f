#include "agent/init/init_out.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

void init_out_init(struct init_out *out, uint64_t now_ms)
{
    *out = (struct init_out){.budget = INIT_OUT_PER_SECOND, .filled_at_ms = now_ms};
    for (int i = 0; i < INIT_OUT_STREAMS; i++)
        out->relay[i].child_fd = out->relay[i].from = -1;
}

static int target_of(int stream)
{
    return stream == 0 ? STDOUT_FILENO : STDERR_FILENO;
}

static void close_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

bool init_out_open(struct init_out *out)
{
    for (int i = 0; i < INIT_OUT_STREAMS; i++) {
        int ends[2];
        if (pipe2(ends, O_CLOEXEC) != 0)
            return false;
        out->relay[i].from = ends[0];
        out->relay[i].child_fd = ends[1];
        fcntl(ends[0], F_SETFL, O_NONBLOCK);
        fcntl(target_of(i), F_SETFL, fcntl(target_of(i), F_GETFL) | O_NONBLOCK);
    }
    return true;
}

void init_out_take(const struct init_out *out)
{
    for (int i = 0; i < INIT_OUT_STREAMS; i++) {
        if (out->relay[i].child_fd >= 0)
            dup2(out->relay[i].child_fd, target_of(i));
    }
}

void init_out_started(struct init_out *out)
{
    for (int i = 0; i < INIT_OUT_STREAMS; i++)
        close_fd(&out->relay[i].child_fd);
}

static void fill(struct init_out *out, uint64_t now_ms)
{
    uint64_t ms = now_ms - out->filled_at_ms;
    out->filled_at_ms = now_ms;
    out->budget += (int64_t)(ms < 1000 ? ms : 1000) * (INIT_OUT_PER_SECOND / 1000);
    if (out->budget > INIT_OUT_PER_SECOND)
        out->budget = INIT_OUT_PER_SECOND;
}

static bool waits_for_rate(const struct init_out *out)
{
    return out->budget <= 0 && !out->hurried;
}

int init_out_poll(struct init_out *out, uint64_t now_ms, struct pollfd fds[static INIT_OUT_STREAMS])
{
    bool open = false;
    fill(out, now_ms);
    for (int i = 0; i < INIT_OUT_STREAMS; i++) {
        const struct init_relay *r = &out->relay[i];
        open |= r->from >= 0;
        if (r->at < r->len)
            fds[i] = (struct pollfd){.fd = target_of(i), .events = POLLOUT};
        else
            fds[i] = (struct pollfd){.fd = waits_for_rate(out) ? -1 : r->from, .events = POLLIN};
    }
    return open && waits_for_rate(out) ? (int)(-out->budget / (INIT_OUT_PER_SECOND / 1000)) + 1 : -1;
}

static void charge(struct init_out *out, const struct init_relay *r)
{
    int64_t lines = 1;
    for (size_t i = 0; i < r->len; i++)
        lines += r->bytes[i] == '\n';
    out->budget -= (int64_t)r->len + lines * INIT_OUT_LINE_COST;
}

static bool worth_another_try(ssize_t n)
{
    return n < 0 && (errno == EAGAIN || errno == EINTR);
}

/* If nobody reads the output, it is lost, as without the init. */
static void push(struct init_relay *r, int target)
{
    ssize_t n = write(target, r->bytes + r->at, r->len - r->at);
    if (n >= 0)
        r->at += (size_t)n;
    else if (!worth_another_try(n))
        r->at = r->len;
}

static void pull(struct init_out *out, struct init_relay *r)
{
    ssize_t n = read(r->from, r->bytes, sizeof r->bytes);
    r->at = 0;
    r->len = n > 0 ? (size_t)n : 0;
    if (n > 0)
        charge(out, r);
    else if (!worth_another_try(n))
        close_fd(&r->from);
}

void init_out_move(struct init_out *out, const struct pollfd fds[static INIT_OUT_STREAMS])
{
    for (int i = 0; i < INIT_OUT_STREAMS; i++) {
        struct init_relay *r = &out->relay[i];
        if (fds[i].fd < 0 || !fds[i].revents)
            continue;
        if (r->at == r->len)
            pull(out, r);
        if (r->at < r->len)
            push(r, target_of(i));
    }
}

bool init_out_done(const struct init_out *out)
{
    for (int i = 0; i < INIT_OUT_STREAMS; i++) {
        if (out->relay[i].from >= 0 || out->relay[i].at < out->relay[i].len)
            return false;
    }
    return true;
}
