#include "agent/cgroup/cgroup_hold.h"

#include "common/base/mem.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <unistd.h>

struct cgroup_hold {
    struct cgroup_holds *holds;
    STAILQ_ENTRY(cgroup_hold) link;
    int fd;
    const char *on, *off;
    bool desired, is;      /* is: the value written last */
    bool waiting, writing; /* in the list; being written by a thread */
    bool freed;
};
STAILQ_HEAD(hold_list, cgroup_hold);

struct cgroup_holds {
    pthread_mutex_t lock; /* protects the list and all holds */
    pthread_cond_t more;
    struct hold_list list;
    pthread_t thread[CGROUP_HANDS];
    unsigned threads;
    bool stopping;
};

/* Queues a pending change, or frees h if it is done with. Call with the lock held; h may be freed. */
static void settle(struct cgroup_hold *h)
{
    if (h->waiting || h->writing)
        return;
    if (h->desired != h->is) {
        h->waiting = true;
        STAILQ_INSERT_TAIL(&h->holds->list, h, link);
        pthread_cond_signal(&h->holds->more);
    } else if (h->freed) {
        close(h->fd);
        free(h);
    }
}

static void write_one(struct cgroup_hold *h)
{
    struct cgroup_holds *holds = h->holds;
    bool value = h->desired;
    const char *text = value ? h->on : h->off;
    h->waiting = false;
    if (value == h->is) {
        settle(h);
        return; /* the request was taken back before it was carried out */
    }
    h->writing = true;
    pthread_mutex_unlock(&holds->lock);
    ssize_t n = write(h->fd, text, strlen(text));
    (void)n; /* if it fails, the cgroup is gone, and there is nothing left to freeze */
    pthread_mutex_lock(&holds->lock);
    h->writing = false;
    h->is = value;
    settle(h);
}

static void *run(void *arg)
{
    struct cgroup_holds *holds = arg;
    struct cgroup_hold *h;
    pthread_mutex_lock(&holds->lock);
    for (;;) {
        if ((h = STAILQ_FIRST(&holds->list))) {
            STAILQ_REMOVE_HEAD(&holds->list, link);
            write_one(h);
        } else if (holds->stopping) {
            break;
        } else {
            pthread_cond_wait(&holds->more, &holds->lock);
        }
    }
    pthread_mutex_unlock(&holds->lock);
    return NULL;
}

/* With real-time priority where that is allowed, because a sandbox fills memory meanwhile. Signals are for
 * the loop. */
static int start_threads(struct cgroup_holds *holds)
{
    struct sched_param param = {.sched_priority = 1};
    sigset_t all, before;
    int rc = 0;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    while (!rc && holds->threads < CGROUP_HANDS) {
        rc = pthread_create(&holds->thread[holds->threads], NULL, run, holds);
        if (!rc)
            (void)pthread_setschedparam(holds->thread[holds->threads++], SCHED_RR, &param);
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return rc;
}

int cgroup_holds_new(struct cgroup_holds **out, struct err *e)
{
    struct cgroup_holds *holds = mem_zalloc(sizeof *holds);
    STAILQ_INIT(&holds->list);
    pthread_mutex_init(&holds->lock, NULL);
    pthread_cond_init(&holds->more, NULL);
    int rc = start_threads(holds);
    if (rc) {
        cgroup_holds_free(holds);
        return err_set(e, ERR_IO, "no thread can be started for freezers: %s", strerror(rc));
    }
    *out = holds;
    return 0;
}

void cgroup_holds_free(struct cgroup_holds *holds)
{
    if (!holds)
        return;
    pthread_mutex_lock(&holds->lock);
    holds->stopping = true;
    pthread_cond_broadcast(&holds->more);
    pthread_mutex_unlock(&holds->lock);
    for (unsigned i = 0; i < holds->threads; i++)
        pthread_join(holds->thread[i], NULL);
    pthread_cond_destroy(&holds->more);
    pthread_mutex_destroy(&holds->lock);
    free(holds);
}

struct cgroup_hold *cgroup_hold_new(struct cgroup_holds *holds, int fd, const char *on, const char *off)
{
    struct cgroup_hold *h = mem_zalloc(sizeof *h);
    *h = (struct cgroup_hold){.holds = holds, .fd = fd, .on = on, .off = off, .is = true};
    pthread_mutex_lock(&holds->lock);
    settle(h);
    pthread_mutex_unlock(&holds->lock);
    return h;
}

void cgroup_hold_set(struct cgroup_hold *h, bool held)
{
    struct cgroup_holds *holds = h->holds;
    pthread_mutex_lock(&holds->lock);
    h->desired = held;
    settle(h);
    pthread_mutex_unlock(&holds->lock);
}

void cgroup_hold_free(struct cgroup_hold *h)
{
    if (!h)
        return;
    struct cgroup_holds *holds = h->holds;
    pthread_mutex_lock(&holds->lock);
    h->freed = true;
    h->desired = false;
    settle(h);
    pthread_mutex_unlock(&holds->lock);
}
