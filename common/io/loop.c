#include "common/io/loop.h"

#include "common/base/awake.h"
#include "common/base/mem.h"

#include <event2/event.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>

#define LOOK_MS   (AWAKE_STEP_MS / 4)
#define END_TURNS 3

struct loop {
    struct event_base *base;
    struct awake awake;
    struct timer look;
};

static void *must(void *p)
{
    if (!p)
        abort();
    return p;
}

struct loop *loop_new(void)
{
    struct loop *loop = mem_zalloc(sizeof *loop);
    loop->base = must(event_base_new());
    signal(SIGPIPE, SIG_IGN);
    return loop;
}

void loop_free(struct loop *loop)
{
    if (!loop)
        return;
    timer_stop(&loop->look);
    for (int i = 0; i < END_TURNS; i++) /* cancelled operations finish in a turn of their own */
        event_base_loop(loop->base, EVLOOP_NONBLOCK);
    event_base_free(loop->base);
    free(loop);
}

static void look(void *arg)
{
    struct loop *loop = arg;
    loop_awake_ms(loop);
    timer_start(&loop->look, loop, LOOK_MS, look, loop);
}

void loop_run(struct loop *loop)
{
    look(loop);
    event_base_loop(loop->base, EVLOOP_NO_EXIT_ON_EMPTY);
}

void loop_stop(struct loop *loop)
{
    event_base_loopbreak(loop->base);
}

static uint64_t clock_us(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static uint64_t clock_ms(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

uint64_t loop_now_ms(void)
{
    return clock_ms(CLOCK_BOOTTIME);
}

uint64_t loop_now_us(void)
{
    return clock_us(CLOCK_BOOTTIME);
}

uint64_t loop_awake_ms(struct loop *loop)
{
    return awake_read(&loop->awake, loop_now_ms());
}

uint64_t loop_spent_us(void)
{
    return clock_us(CLOCK_THREAD_CPUTIME_ID);
}

uint64_t wall_now_ms(void)
{
    return clock_ms(CLOCK_REALTIME);
}

struct event_base *loop_base(struct loop *loop)
{
    return loop->base;
}

/* Frees the event, so that the caller's memory holds nothing of libevent afterwards. */
static void drop(struct event **event)
{
    if (*event)
        event_free(*event);
    *event = NULL;
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    struct timer *timer = arg;
    loop_cb *cb = timer->cb;
    void *cb_arg = timer->arg;
    drop(&timer->event);
    cb(cb_arg);
}

void timer_start(struct timer *timer, struct loop *loop, uint64_t delay_ms, loop_cb *cb, void *arg)
{
    struct timeval delay = {.tv_sec = (time_t)(delay_ms / 1000),
                            .tv_usec = (suseconds_t)(delay_ms % 1000) * 1000};
    timer->cb = cb;
    timer->arg = arg;
    if (!timer->event)
        timer->event = must(event_new(loop->base, -1, 0, on_timer, timer));
    event_add(timer->event, &delay);
}

void timer_stop(struct timer *timer)
{
    drop(&timer->event);
}

bool timer_armed(const struct timer *timer)
{
    return timer->event;
}

void later_call(struct later *later, struct loop *loop, loop_cb *cb, void *arg)
{
    timer_start(&later->timer, loop, 0, cb, arg);
}

void later_cancel(struct later *later)
{
    timer_stop(&later->timer);
}

static void on_deferred(evutil_socket_t fd, short what, void *arg)
{
    struct deferred *deferred = arg;
    deferred->cb(deferred->arg);
}

/* libevent appends a newly active event to the queue of active ones, so this callback runs after them. */
void deferred_call(struct deferred *deferred, struct loop *loop, loop_cb *cb, void *arg)
{
    deferred->cb = cb;
    deferred->arg = arg;
    if (!deferred->event)
        deferred->event = must(event_new(loop->base, -1, 0, on_deferred, deferred));
    event_active(deferred->event, EV_TIMEOUT, 0);
}

void deferred_cancel(struct deferred *deferred)
{
    drop(&deferred->event);
}

static void on_watch(evutil_socket_t fd, short what, void *arg)
{
    struct watch *watch = arg;
    watch->cb(watch->arg, what & EV_READ, what & EV_WRITE);
}

void watch_start(struct watch *watch, struct loop *loop, int fd, bool read, bool write, loop_watch_cb *cb,
                 void *arg)
{
    short what = (short)(EV_PERSIST | (read ? EV_READ : 0) | (write ? EV_WRITE : 0));
    watch_stop(watch);
    watch->cb = cb;
    watch->arg = arg;
    watch->event = must(event_new(loop->base, fd, what, on_watch, watch));
    event_add(watch->event, NULL);
}

void watch_stop(struct watch *watch)
{
    drop(&watch->event);
}

static void on_signal(evutil_socket_t fd, short what, void *arg)
{
    struct signal_watch *watch = arg;
    watch->cb(watch->arg);
}

void signal_watch_start(struct signal_watch *watch, struct loop *loop, int signo, loop_cb *cb, void *arg)
{
    signal_watch_stop(watch);
    watch->cb = cb;
    watch->arg = arg;
    watch->event = must(evsignal_new(loop->base, signo, on_signal, watch));
    event_add(watch->event, NULL);
}

void signal_watch_stop(struct signal_watch *watch)
{
    drop(&watch->event);
}
