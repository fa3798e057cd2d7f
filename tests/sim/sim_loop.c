/*
 * common/io/loop.h and log.h under virtual time, so that what runs on a loop runs in the simulation as it is.
 * Each process of the world has a loop; what it has not called when its process dies is never called.
 */
#include "common/io/loop.h"
#include "common/io/log.h"
#include "tests/sim/sim_loop.h"

#include "common/base/mem.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define TURN_MS 20 /* more than a turn of a loop that is well takes */

/* loop_now_ms and log_line name no loop. */
static struct world *running;

/* A call that is due, in the world's queue until its time, also where it was given up. */
struct event {
    struct loop *loop;
    struct timer *timer; /* one of the two; both NULL: given up */
    struct deferred *deferred;
};

struct loop *sim_loop_new(struct world *w, int process)
{
    struct loop *loop = mem_zalloc(sizeof *loop);
    *loop = (struct loop){.world = w, .process = process};
    running = w;
    return loop;
}

void loop_free(struct loop *loop)
{
    free(loop);
}

uint64_t loop_now_ms(void)
{
    return running->now;
}

uint64_t loop_now_us(void)
{
    return loop_now_ms() * 1000;
}

uint64_t wall_now_ms(void)
{
    return running->now;
}

uint64_t loop_awake_ms(struct loop *loop)
{
    return awake_read(&loop->awake, loop->world->now);
}

static void on_event(struct world *w, struct sim_event *e)
{
    struct event *event = e->data;
    loop_cb *cb;
    void *arg;
    if (!event->timer && !event->deferred)
        return;
    if (sim_stands_still(w, event->loop->process)) {
        sim_put_off(w, e);
        return;
    }
    if (event->timer) {
        cb = event->timer->cb;
        arg = event->timer->arg;
        event->timer->event = NULL;
    } else {
        cb = event->deferred->cb;
        arg = event->deferred->arg;
        event->deferred->event = NULL;
    }
    cb(arg);
}

static struct event *call_after(struct loop *loop, uint64_t delay_ms)
{
    struct event *event = mem_zalloc(sizeof *event);
    event->loop = loop;
    struct sim_event *e = sim_after(loop->world, delay_ms, on_event);
    e->sandbox = SIM_NO_SANDBOX;
    e->data = event;
    return event;
}

static void give_up(struct event **event)
{
    if (*event)
        (*event)->timer = NULL, (*event)->deferred = NULL;
    *event = NULL;
}

void timer_start(struct timer *timer, struct loop *loop, uint64_t delay_ms, loop_cb *cb, void *arg)
{
    timer_stop(timer);
    timer->cb = cb;
    timer->arg = arg;
    timer->event = call_after(loop, delay_ms);
    timer->event->timer = timer;
}

void timer_stop(struct timer *timer)
{
    give_up(&timer->event);
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

/* The turn takes up to TURN_MS: other events come in between, and a process that dies in it calls nothing. */
void deferred_call(struct deferred *deferred, struct loop *loop, loop_cb *cb, void *arg)
{
    deferred->cb = cb;
    deferred->arg = arg;
    if (deferred->event)
        return;
    deferred->event = call_after(loop, sim_random(loop->world, TURN_MS));
    deferred->event->deferred = deferred;
}

void deferred_cancel(struct deferred *deferred)
{
    give_up(&deferred->event);
}

void log_line(enum log_level level, const char *object, const char *fmt, ...)
{
    char text[512];
    va_list args;
    if (!running->verbose)
        return;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    sim_say(running, "%s: %s", object, text);
}
