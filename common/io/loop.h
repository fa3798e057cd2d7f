/*
 * The event loop of a daemon, over libevent. One loop per daemon, one thread per loop: every function here is
 * called on that thread. Objects in the caller's memory (timer, watch, later, deferred) start all zero, must
 * be stopped before that memory is freed, and may be started or stopped from their own callback.
 *
 * Three clocks: loop_now_ms for everything that is timed (it does not jump, and it counts suspension),
 * loop_awake_ms for how long others have been silent (common/base/awake.h), wall_now_ms only for times that
 * people read.
 */
#ifndef CORRAL_COMMON_IO_LOOP_H
#define CORRAL_COMMON_IO_LOOP_H

#include "common/base/defs.h"

#include <stdbool.h>
#include <stdint.h>

struct event;
struct event_base;
struct loop;

typedef void loop_cb(void *arg);
typedef void loop_watch_cb(void *arg, bool readable, bool writable);

/* Owned by the caller, who frees it after stopping all that runs on it. Ignores SIGPIPE for the process. */
struct loop *loop_new(void);
void loop_free(struct loop *loop);

/* Runs until loop_stop, which may be called from any callback on the loop. */
void loop_run(struct loop *loop);
void loop_stop(struct loop *loop);

/* Milliseconds of CLOCK_BOOTTIME, read again at each call. */
uint64_t loop_now_ms(void);

/* The same clock in microseconds, for measuring what takes less than a millisecond. */
uint64_t loop_now_us(void);

/* How long this loop has been able to run, as common/base/awake.h counts it: for judging the silence of
 * others. */
uint64_t loop_awake_ms(struct loop *loop);

/* Microseconds of processor time that the calling thread has used. */
uint64_t loop_spent_us(void);

/* Unix milliseconds of the wall clock. Never use it to decide how much time has passed. */
uint64_t wall_now_ms(void);

/* For edges whose libraries need libevent itself (HTTP connections). Borrowed. */
struct event_base *loop_base(struct loop *loop);

struct timer {
    struct event *event;
    loop_cb *cb;
    void *arg;
};

/* Calls cb once, delay_ms from now. Starting a timer that runs moves it, also to another cb. */
void timer_start(struct timer *timer, struct loop *loop, uint64_t delay_ms, loop_cb *cb, void *arg);

/* Idempotent. Afterwards cb is not called, and the timer's memory may be freed. */
void timer_stop(struct timer *timer);

bool timer_armed(const struct timer *timer);

/* A call in the next turn of the loop: for callbacks that may not fire inside the call that started them. */
struct later {
    struct timer timer;
};
void later_call(struct later *later, struct loop *loop, loop_cb *cb, void *arg);
void later_cancel(struct later *later);

/*
 * A call at the end of this turn of the loop: after all callbacks that are ready now, before the loop waits
 * again. Asking several times before that results in one call. Asking from the callback itself results in one
 * more call, in the same turn.
 */
struct deferred {
    struct event *event;
    loop_cb *cb;
    void *arg;
};
void deferred_call(struct deferred *deferred, struct loop *loop, loop_cb *cb, void *arg);
void deferred_cancel(struct deferred *deferred);

struct watch {
    struct event *event;
    loop_watch_cb *cb;
    void *arg;
};

/*
 * Watches a descriptor (level-triggered) until watch_stop; starting again changes what is watched. The caller
 * keeps the descriptor, and closes it after watch_stop.
 */
void watch_start(struct watch *watch, struct loop *loop, int fd, bool read, bool write, loop_watch_cb *cb,
                 void *arg);
void watch_stop(struct watch *watch);

/* Calls cb on the loop (not in signal context) each time the process gets the signal. */
struct signal_watch {
    struct event *event;
    loop_cb *cb;
    void *arg;
};
void signal_watch_start(struct signal_watch *watch, struct loop *loop, int signo, loop_cb *cb, void *arg);
void signal_watch_stop(struct signal_watch *watch);

#endif
