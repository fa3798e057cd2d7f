#include "agent/init/init_watch.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static uint64_t number_in(const char *path)
{
    unsigned long long number = 0;
    FILE *f = fopen(path, "re");
    if (f && fscanf(f, "%llu", &number) != 1)
        number = 0;
    if (f)
        fclose(f);
    return number;
}

/* What an error of inotify means, with the bound that was reached. */
static int explain(int error, struct init_file_result *r)
{
    r->size = 0;
    if (error == ENOSPC) {
        r->size = number_in("/proc/sys/user/max_inotify_watches");
        return INIT_FAULT_WATCHES;
    }
    if (error == EMFILE || error == ENFILE) {
        r->size = number_in("/proc/sys/user/max_inotify_instances");
        return INIT_FAULT_INSTANCES;
    }
    if (error == INIT_FAULT_FOLDERS)
        r->size = INIT_WATCH_FOLDERS_MAX;
    return error;
}

static int begin(struct init_watch *w, struct init_file_result *r)
{
    struct stat st;
    int fd, error = init_file_open(w->path, &fd, &st);
    if (error)
        return error;
    if ((w->fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK)) < 0)
        error = errno;
    if (error)
        close(fd);
    else
        error = init_watch_path_add(w, fd, &st);
    if (!error && w->recursive)
        error = init_watch_folders_begin(w);
    if (error)
        return explain(error, r);
    init_file_describe(&st, r);
    r->size = r->length = INIT_FILE_ENDLESS;
    return 0;
}

static void run(struct init_watch *w)
{
    struct pollfd pollers[] = {{.fd = w->fd, .events = POLLIN}, {.fd = w->out.fd}};
    while (!w->over && !w->out.error) {
        if (poll(pollers, 2, INIT_WATCH_LOOK_MS) < 0 && errno != EINTR)
            return;
        if (pollers[1].revents)
            return; /* nobody reads any more */
        if (pollers[0].revents)
            init_watch_events_take(w);
        if (!w->over && init_watch_now_ms() - w->looked_ms >= INIT_WATCH_LOOK_MS)
            init_watch_path_look(w, false, false);
        init_watch_out_flush(&w->out);
    }
}

void init_file_watch(const char *path, bool recursive, int out)
{
    struct init_file_result r = {0};
    struct init_watch *w = calloc(1, sizeof *w);
    size_t len = strlen(path);
    int error = !w ? ENOMEM : len >= sizeof w->base ? ENAMETOOLONG : 0;
    if (!error) {
        while (len && path[len - 1] == '/')
            len--;
        memcpy(w->base, path, len);
        w->path = path;
        w->recursive = recursive;
        w->fd = -1;
        w->out.fd = out;
        w->round = 1;
        w->looked_ms = init_watch_now_ms();
        error = begin(w, &r);
    }
    r.error = (uint32_t)error;
    if (!init_file_print(out, &r, sizeof r) && !error)
        run(w);
    if (w && w->fd >= 0)
        close(w->fd);
    if (w && w->tree.root)
        init_watch_tree_drop(&w->tree, w->tree.root, NULL, NULL);
    free(w);
}
