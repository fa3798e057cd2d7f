#include "agent/disk/image_tree.h"

#include "common/base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

struct tree_job {
    pid_t pid;
    int tree, error;
    image_tree_cb *cb;
    void *arg;
};

static int clone_root(pid_t pid)
{
    struct mount_attr read_only = {.attr_set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV};
    int process = (int)syscall(SYS_pidfd_open, pid, 0), tree = -1;
    if (process < 0)
        return -1;
    if (!unshare(CLONE_FS) && !setns(process, CLONE_NEWNS))
        tree = open_tree(AT_FDCWD, "/", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
    int why = errno;
    close(process);
    if (tree >= 0 && mount_setattr(tree, "", AT_EMPTY_PATH, &read_only, sizeof read_only)) {
        why = errno;
        close(tree);
        tree = -1;
    }
    errno = why;
    return tree;
}

/* A thread that enters the container's mount namespace cannot leave it, so it ends afterwards. */
static void *enter(void *arg)
{
    struct tree_job *job = arg;
    job->tree = clone_root(job->pid);
    job->error = errno;
    return NULL;
}

static int open_work(void *arg, struct err *e)
{
    struct tree_job *job = arg;
    pthread_t thread;
    int rc = pthread_create(&thread, NULL, enter, job);
    if (rc)
        return err_set(e, ERR_IO, "its image's root cannot be seen: %s", strerror(rc));
    pthread_join(thread, NULL);
    return job->tree >= 0 ? 0
                          : err_set(e, ERR_IO, "its image's root cannot be seen: %s", strerror(job->error));
}

static void on_opened(void *arg, int code, const struct err *e)
{
    struct tree_job job = *(struct tree_job *)arg;
    free(arg);
    if (code && job.tree >= 0) { /* cancelled after it was done */
        close(job.tree);
        job.tree = -1;
    }
    job.cb(job.arg, code, e, job.tree);
}

void image_tree_open(struct worker *worker, const struct sandbox_id *id, pid_t pid, image_tree_cb *cb,
                     void *arg)
{
    struct tree_job *job = mem_zalloc(sizeof *job);
    *job = (struct tree_job){.pid = pid, .tree = -1, .cb = cb, .arg = arg};
    worker_do(worker, id, open_work, on_opened, job);
}
