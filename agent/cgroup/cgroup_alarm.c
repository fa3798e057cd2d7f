#include "agent/cgroup/cgroup_alarm.h"

#include "common/base/mem.h"
#include "common/io/worker.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#define SAMPLE_MIN_US    1000
#define SAMPLE_MAX_US    10000
#define FILL_PER_US      4096 /* bytes: no core fills memory faster */
#define GROWN_BYTES      (64u << 10)
#define SAMPLE_ASKING_US 5000 /* until the kernel has taken the thresholds */
#define ASKERS           4    /* threads that wait for the kernel to take thresholds */
#define HOLDS_A_SECOND   200  /* on notices of one sandbox; beyond it only the timer holds it */
#define NEVER            UINT64_MAX
#define BATCH            64

struct cgroup_watched {
    struct cgroup_alarm *alarm;
    struct cgroup_watched *next, **slot;
    struct cgroup_memory memory;
    uint64_t number;  /* identifies it in epoll events, so that a late notice finds nothing */
    uint64_t next_us; /* of the next sample by timer */
    uint64_t interval_us, unreclaimable, oom_kills;
    uint64_t second_us; /* since when holds are counted */
    unsigned holds;
    unsigned asking;    /* requests for thresholds that the kernel has not answered yet */
    bool warned, rings; /* rings: the owner is to be called */
    void *arg;
};

struct cgroup_alarm {
    struct loop *loop;
    cgroup_alarm_cb *cb;
    void *arg;
    struct worker *askers;
    struct cgroup_holds *holds;
    pthread_mutex_t lock; /* protects the list and everything in it */
    struct cgroup_watched *list;
    uint64_t numbers;
    pthread_t thread;
    bool stopping;
    int epoll, wake, bell; /* wake: read by the thread; bell: read by the loop */
    struct watch watch;
};

static uint64_t now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

static void signal_fd(int fd)
{
    uint64_t one = 1;
    if (write(fd, &one, sizeof one) < 0)
        return; /* the counter is full, so the other side wakes anyway */
}

static void ring(struct cgroup_watched *w)
{
    w->rings = true;
    signal_fd(w->alarm->bell);
}

/*
 * The time in which half of what is left could be filled at FILL_PER_US; longer where the use does not grow.
 */
static uint64_t next_interval(struct cgroup_watched *w, uint64_t unreclaimable)
{
    uint64_t critical = w->memory.levels.critical;
    uint64_t us = (critical > unreclaimable ? critical - unreclaimable : 0) / FILL_PER_US;
    if (unreclaimable < w->unreclaimable + GROWN_BYTES && w->interval_us * 2 > us)
        us = w->interval_us * 2;
    w->unreclaimable = unreclaimable;
    w->interval_us = us < SAMPLE_MIN_US ? SAMPLE_MIN_US : us > SAMPLE_MAX_US ? SAMPLE_MAX_US : us;
    return w->interval_us;
}

/* A hold costs the sandbox and the agent time: one that oscillates around a threshold is sampled by timer. */
static bool may_hold(struct cgroup_watched *w, uint64_t now)
{
    if (now - w->second_us >= 1000000) {
        w->second_us = now;
        w->holds = 0;
    }
    return w->holds++ < HOLDS_A_SECOND;
}

static void look(struct cgroup_watched *w, uint64_t now, bool noticed)
{
    struct cgroup_memory *m = &w->memory;
    uint64_t usage;
    w->next_us = NEVER;
    if (m->held)
        return; /* held: the owner decides */
    uint64_t kills = cgroup_memory_oom_kills(m);
    if (kills != w->oom_kills)
        ring(w);
    w->oom_kills = kills;
    if (!cgroup_memory_usage(m, &usage) || usage < m->levels.near) {
        w->warned = false;
        w->interval_us = w->unreclaimable = 0;
        if (w->asking)
            w->next_us = now + SAMPLE_ASKING_US;
        return;
    }
    if (noticed && usage >= m->levels.warning && may_hold(w, now))
        cgroup_memory_hold(m);
    uint64_t unreclaimable = cgroup_memory_unreclaimable(m, usage);
    if (unreclaimable >= m->levels.critical) {
        cgroup_memory_hold(m);
        w->warned = true;
        ring(w);
        /* Without a freezer it keeps running, and is sampled until it is killed. */
        w->next_us = m->held ? NEVER : now + SAMPLE_MIN_US;
        return;
    }
    cgroup_memory_release(m);
    bool warns = unreclaimable >= m->levels.warning;
    if (warns && !w->warned)
        ring(w);
    w->warned = warns;
    w->next_us = now + next_interval(w, unreclaimable);
}

static struct cgroup_watched *find(struct cgroup_alarm *alarm, uint64_t number)
{
    struct cgroup_watched *w = alarm->list;
    while (w && w->number != number)
        w = w->next;
    return w;
}

static void notice(struct cgroup_alarm *alarm, const struct epoll_event *event, uint64_t now)
{
    uint64_t count;
    if (event->data.u64 == 0) {
        ssize_t n = read(alarm->wake, &count, sizeof count);
        (void)n;
        return;
    }
    struct cgroup_watched *w = find(alarm, event->data.u64);
    if (!w)
        return;
    cgroup_memory_noticed(&w->memory);
    look(w, now, true);
    if (!w->memory.held && w->next_us == NEVER)
        w->next_us = now + SAMPLE_MIN_US; /* the notice of an OOM comes before the kill, so sample again */
}

static uint64_t look_at_due(struct cgroup_alarm *alarm, uint64_t now)
{
    uint64_t next = NEVER;
    for (struct cgroup_watched *w = alarm->list; w; w = w->next) {
        if (w->next_us <= now)
            look(w, now, false);
        if (w->next_us < next)
            next = w->next_us;
    }
    return next;
}

static void wait_for(struct cgroup_alarm *alarm, uint64_t until, struct epoll_event *events, int *count)
{
    uint64_t now = now_us(), us = until > now ? until - now : 0;
    struct timespec wait = {.tv_sec = (time_t)(us / 1000000), .tv_nsec = (long)(us % 1000000) * 1000};
    *count = epoll_pwait2(alarm->epoll, events, BATCH, until == NEVER ? NULL : &wait, NULL);
}

static void *run(void *arg)
{
    struct cgroup_alarm *alarm = arg;
    struct epoll_event events[BATCH];
    pthread_mutex_lock(&alarm->lock);
    while (!alarm->stopping) {
        int count;
        uint64_t next = look_at_due(alarm, now_us());
        pthread_mutex_unlock(&alarm->lock);
        wait_for(alarm, next, events, &count);
        pthread_mutex_lock(&alarm->lock);
        for (int i = 0; i < count; i++)
            notice(alarm, &events[i], now_us());
    }
    pthread_mutex_unlock(&alarm->lock);
    return NULL;
}

/* --- on the loop --- */

/* Finds one that is to ring, from the start of the list each time: the owner may drop any of them in its
 * callback. */
static struct cgroup_watched *next_ringing(struct cgroup_alarm *alarm)
{
    pthread_mutex_lock(&alarm->lock);
    struct cgroup_watched *w = alarm->list;
    while (w && !w->rings)
        w = w->next;
    if (w)
        w->rings = false;
    pthread_mutex_unlock(&alarm->lock);
    return w;
}

static void on_bell(void *arg, bool readable, bool writable)
{
    struct cgroup_alarm *alarm = arg;
    uint64_t count;
    if (read(alarm->bell, &count, sizeof count) < 0)
        return;
    for (struct cgroup_watched *w; (w = next_ringing(alarm));)
        alarm->cb(alarm->arg, w->arg);
}

static bool epoll_add(struct cgroup_alarm *alarm, int fd, uint32_t events, uint64_t number)
{
    struct epoll_event event = {.events = events, .data.u64 = number};
    return fd < 0 || !epoll_ctl(alarm->epoll, EPOLL_CTL_ADD, fd, &event);
}

/* The thread blocks all signals, which are for the loop. It runs with real-time priority where that is
 * allowed; it uses next to no processor time. */
static int start_thread(struct cgroup_alarm *alarm)
{
    sigset_t all, before;
    struct sched_param param = {.sched_priority = 1};
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int rc = pthread_create(&alarm->thread, NULL, run, alarm);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (!rc && pthread_setschedparam(alarm->thread, SCHED_RR, &param))
        return 0; /* it keeps the normal priority */
    return rc;
}

static void close_all(struct cgroup_alarm *alarm)
{
    int *fds[] = {&alarm->epoll, &alarm->wake, &alarm->bell};
    for (size_t i = 0; i < ARRAY_LEN(fds); i++) {
        if (*fds[i] >= 0)
            close(*fds[i]);
    }
    pthread_mutex_destroy(&alarm->lock);
    free(alarm);
}

int cgroup_alarm_new(struct cgroup_alarm **out, struct loop *loop, cgroup_alarm_cb *cb, void *arg,
                     struct err *e)
{
    struct cgroup_alarm *alarm = mem_zalloc(sizeof *alarm);
    *alarm = (struct cgroup_alarm){.loop = loop, .cb = cb, .arg = arg};
    pthread_mutex_init(&alarm->lock, NULL);
    alarm->epoll = epoll_create1(EPOLL_CLOEXEC);
    alarm->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    alarm->bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    bool good = alarm->epoll >= 0 && alarm->wake >= 0 && alarm->bell >= 0 &&
                epoll_add(alarm, alarm->wake, EPOLLIN, 0) && !worker_new(&alarm->askers, loop, ASKERS, e) &&
                !cgroup_holds_new(&alarm->holds, e) && !start_thread(alarm);
    if (!good) {
        worker_free(alarm->askers);
        cgroup_holds_free(alarm->holds);
        close_all(alarm);
        return err_set(e, ERR_IO, "no thread can be started to watch memory: %s", strerror(errno));
    }
    watch_start(&alarm->watch, loop, alarm->bell, true, false, on_bell, alarm);
    *out = alarm;
    return 0;
}

void cgroup_alarm_free(struct cgroup_alarm *alarm)
{
    if (!alarm)
        return;
    worker_free(alarm->askers);
    pthread_mutex_lock(&alarm->lock);
    alarm->stopping = true;
    pthread_mutex_unlock(&alarm->lock);
    signal_fd(alarm->wake);
    pthread_join(alarm->thread, NULL);
    watch_stop(&alarm->watch);
    cgroup_holds_free(alarm->holds);
    close_all(alarm);
}

static bool listen_to(struct cgroup_watched *w)
{
    return epoll_add(w->alarm, w->memory.notice_fd, w->memory.paths.v2 ? EPOLLPRI | EPOLLET : EPOLLIN,
                     w->number);
}

/* Removes the descriptor from epoll explicitly: a request for thresholds under way keeps it open. */
static void listen_no_more(struct cgroup_watched *w)
{
    if (w->memory.notice_fd >= 0)
        epoll_ctl(w->alarm->epoll, EPOLL_CTL_DEL, w->memory.notice_fd, NULL);
}

struct asking {
    struct cgroup_alarm *alarm;
    uint64_t number;
    struct cgroup_asking what;
};

static int ask_work(void *arg, struct err *e)
{
    const struct asking *asking = arg;
    cgroup_asking_do(&asking->what);
    return 0;
}

static void on_asked(void *arg, int code, const struct err *e)
{
    struct asking *asking = arg;
    struct cgroup_alarm *alarm = asking->alarm;
    pthread_mutex_lock(&alarm->lock);
    struct cgroup_watched *w = find(alarm, asking->number);
    if (w && !code)
        w->asking--;
    pthread_mutex_unlock(&alarm->lock);
    cgroup_asking_close(&asking->what);
    free(asking);
}

/* Asks the kernel for the thresholds; until it has taken them, the sandbox is sampled by timer. Call with the
 * lock held. */
static void ask(struct cgroup_watched *w)
{
    struct asking *asking = mem_zalloc(sizeof *asking);
    struct sandbox_id order = {""};
    *asking = (struct asking){.alarm = w->alarm, .number = w->number};
    if (!cgroup_memory_asking(&w->memory, &asking->what)) {
        free(asking);
        return;
    }
    w->asking++;
    snprintf(order.text, sizeof order.text, "%llu", (unsigned long long)w->number);
    worker_do(w->alarm->askers, &order, ask_work, on_asked, asking);
}

int cgroup_alarm_watch(struct cgroup_alarm *alarm, const struct cgroup_paths *paths,
                       const struct cgroup_levels *levels, void *watched_arg, struct cgroup_watched **out,
                       struct err *e)
{
    struct cgroup_watched *w = mem_zalloc(sizeof *w);
    int rc = cgroup_memory_open(&w->memory, paths, levels, alarm->holds, e);
    if (rc) {
        free(w);
        return rc;
    }
    w->alarm = alarm;
    w->arg = watched_arg;
    pthread_mutex_lock(&alarm->lock);
    w->number = ++alarm->numbers;
    w->next = alarm->list;
    w->slot = &alarm->list;
    if (w->next)
        w->next->slot = &w->next;
    alarm->list = w;
    if (!listen_to(w))
        w->interval_us = SAMPLE_MAX_US; /* without epoll only the timer samples it, every 10 ms */
    ask(w);
    pthread_mutex_unlock(&alarm->lock);
    signal_fd(alarm->wake); /* its use may already be near the limit */
    *out = w;
    return 0;
}

void cgroup_alarm_level(struct cgroup_watched *w, const struct cgroup_levels *levels)
{
    pthread_mutex_lock(&w->alarm->lock);
    listen_no_more(w);
    cgroup_memory_level(&w->memory, levels);
    listen_to(w);
    ask(w);
    w->next_us = 0;
    pthread_mutex_unlock(&w->alarm->lock);
    signal_fd(w->alarm->wake);
}

void cgroup_alarm_release(struct cgroup_watched *w)
{
    pthread_mutex_lock(&w->alarm->lock);
    bool held = w->memory.held;
    if (held) {
        cgroup_memory_release(&w->memory);
        w->next_us = now_us() + SAMPLE_MIN_US;
    }
    pthread_mutex_unlock(&w->alarm->lock);
    if (held)
        signal_fd(w->alarm->wake);
}

void cgroup_alarm_drop(struct cgroup_watched *w)
{
    if (!w)
        return;
    pthread_mutex_lock(&w->alarm->lock);
    *w->slot = w->next;
    if (w->next)
        w->next->slot = w->slot;
    listen_no_more(w);
    cgroup_memory_close(&w->memory);
    pthread_mutex_unlock(&w->alarm->lock);
    free(w);
}
