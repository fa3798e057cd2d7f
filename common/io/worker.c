#include "common/io/worker.h"

#include "common/base/mem.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/queue.h>
#include <unistd.h>

struct job {
    STAILQ_ENTRY(job) link;
    struct sandbox_id order;
    worker_work *work;
    worker_cb *cb;
    void *arg;
    int code;
    struct err error;
};
STAILQ_HEAD(job_list, job);

struct worker {
    struct loop *loop;
    pthread_mutex_t lock; /* protects the lists, running and stopping */
    pthread_cond_t more;
    struct job_list waiting, done;
    const struct job *running[WORKER_THREADS_MAX];
    pthread_t thread[WORKER_THREADS_MAX];
    unsigned threads;
    bool stopping;
    size_t jobs; /* not answered yet; used by the loop's thread only */
    int bell;
    struct watch watch;
};

static bool order_runs(const struct worker *w, const struct job *job)
{
    for (unsigned i = 0; i < w->threads; i++) {
        if (w->running[i] && !memcmp(&w->running[i]->order, &job->order, sizeof job->order))
            return true;
    }
    return false;
}

/* Takes the first job whose order does not run. Earlier jobs of that order cannot be in the list before
 * it. */
static struct job *take(struct worker *w)
{
    struct job *job;
    STAILQ_FOREACH(job, &w->waiting, link)
    {
        if (!order_runs(w, job)) {
            STAILQ_REMOVE(&w->waiting, job, job, link);
            return job;
        }
    }
    return NULL;
}

static void ring(struct worker *w)
{
    uint64_t one = 1;
    if (write(w->bell, &one, sizeof one) < 0)
        return; /* the counter is full, so the loop wakes anyway */
}

static const struct job **slot(struct worker *w)
{
    const struct job **free_slot = w->running;
    while (*free_slot)
        free_slot++;
    return free_slot;
}

static void *run(void *arg)
{
    struct worker *w = arg;
    pthread_mutex_lock(&w->lock);
    while (!w->stopping) {
        struct job *job = take(w);
        if (!job) {
            pthread_cond_wait(&w->more, &w->lock);
            continue;
        }
        const struct job **mine = slot(w);
        *mine = job;
        pthread_mutex_unlock(&w->lock);
        job->code = job->work(job->arg, &job->error);
        pthread_mutex_lock(&w->lock);
        *mine = NULL;
        STAILQ_INSERT_TAIL(&w->done, job, link);
        pthread_cond_signal(&w->more); /* the next job of its order may run now */
        ring(w);
    }
    pthread_mutex_unlock(&w->lock);
    return NULL;
}

/* --- on the loop --- */

static void answer(struct worker *w, struct job_list *list)
{
    struct job *job;
    while ((job = STAILQ_FIRST(list))) {
        STAILQ_REMOVE_HEAD(list, link);
        w->jobs--;
        job->cb(job->arg, job->code, job->code ? &job->error : NULL);
        free(job);
    }
}

static void on_bell(void *arg, bool readable, bool writable)
{
    struct worker *w = arg;
    struct job_list done = STAILQ_HEAD_INITIALIZER(done);
    uint64_t count;
    if (read(w->bell, &count, sizeof count) < 0)
        return;
    pthread_mutex_lock(&w->lock);
    STAILQ_CONCAT(&done, &w->done);
    pthread_mutex_unlock(&w->lock);
    answer(w, &done);
}

void worker_do(struct worker *w, const struct sandbox_id *order, worker_work *work, worker_cb *cb, void *arg)
{
    struct job *job = mem_zalloc(sizeof *job);
    *job = (struct job){.work = work, .cb = cb, .arg = arg};
    if (order)
        job->order = *order;
    bool full = w->jobs++ >= WORKER_JOBS_MAX;
    if (full)
        job->code = err_set(&job->error, ERR_RATE_LIMITED, "too much waits for the disk");
    pthread_mutex_lock(&w->lock);
    if (full)
        STAILQ_INSERT_TAIL(&w->done, job, link);
    else
        STAILQ_INSERT_TAIL(&w->waiting, job, link);
    pthread_cond_signal(&w->more);
    pthread_mutex_unlock(&w->lock);
    if (full)
        ring(w);
}

/* The threads block all signals: signals belong to the loop. */
static int start_threads(struct worker *w, unsigned threads)
{
    sigset_t all, before;
    int rc = 0;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    pthread_mutex_lock(&w->lock);
    while (!rc && w->threads < threads) {
        rc = pthread_create(&w->thread[w->threads], NULL, run, w);
        w->threads += !rc;
    }
    pthread_mutex_unlock(&w->lock);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return rc;
}

static void cancel(struct worker *w, struct job_list *list)
{
    struct job *job;
    STAILQ_FOREACH(job, list, link)
    job->code = err_set(&job->error, ERR_CANCELLED, "the work is cancelled");
    answer(w, list);
}

void worker_free(struct worker *w)
{
    if (!w)
        return;
    pthread_mutex_lock(&w->lock);
    w->stopping = true;
    pthread_cond_broadcast(&w->more);
    pthread_mutex_unlock(&w->lock);
    for (unsigned i = 0; i < w->threads; i++)
        pthread_join(w->thread[i], NULL);
    watch_stop(&w->watch);
    cancel(w, &w->done);
    cancel(w, &w->waiting);
    if (w->bell >= 0)
        close(w->bell);
    pthread_cond_destroy(&w->more);
    pthread_mutex_destroy(&w->lock);
    free(w);
}

int worker_new(struct worker **out, struct loop *loop, unsigned threads, struct err *e)
{
    struct worker *w = mem_zalloc(sizeof *w);
    if (!threads || threads > WORKER_THREADS_MAX)
        abort();
    w->loop = loop;
    STAILQ_INIT(&w->waiting);
    STAILQ_INIT(&w->done);
    pthread_mutex_init(&w->lock, NULL);
    pthread_cond_init(&w->more, NULL);
    w->bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (w->bell < 0 || start_threads(w, threads)) {
        worker_free(w);
        return err_set(e, ERR_IO, "no thread can be started for the disk: %s", strerror(errno));
    }
    watch_start(&w->watch, loop, w->bell, true, false, on_bell, w);
    *out = w;
    return 0;
}
