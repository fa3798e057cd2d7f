#include "agent/init/init_watch.h"

#include <errno.h>
#include <time.h>
#include <unistd.h>

uint64_t init_watch_now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

int init_watch_path_add(struct init_watch *w, int fd, const struct stat *st)
{
    w->folder = S_ISDIR(st->st_mode);
    w->recursive = w->recursive && w->folder;
    w->device = st->st_dev;
    w->inode = st->st_ino;
    int number = init_watch_add(w, fd, INIT_WATCH_ROOT | (w->folder ? INIT_WATCH_FOLDER : INIT_WATCH_FILE));
    int error = number < 0 ? errno : 0;
    close(fd);
    if (!error && !init_watch_tree_add(&w->tree, NULL, "", number))
        error = ENOMEM;
    return error;
}

static bool follow_file(struct init_watch *w, const struct stat *st)
{
    int fd = -1;
    struct stat opened;
    if (w->folder || !S_ISREG(st->st_mode) || init_file_open(w->path, &fd, &opened))
        return false;
    int number = S_ISREG(opened.st_mode) ? init_watch_add(w, fd, INIT_WATCH_FILE | INIT_WATCH_ROOT) : -1;
    close(fd);
    if (number < 0)
        return false;
    if (number != w->tree.root->number) {
        (void)inotify_rm_watch(w->fd, w->tree.root->number);
        init_watch_tree_drop(&w->tree, w->tree.root, NULL, NULL);
        if (!init_watch_tree_add(&w->tree, NULL, "", number))
            return false;
    }
    w->device = opened.st_dev;
    w->inode = opened.st_ino;
    init_watch_tell(w, INIT_CHANGE_MODIFIED, INIT_FILE_REGULAR, w->tree.root, "");
    return true;
}

/* A number of an inode may be another's after its end. */
void init_watch_path_look(struct init_watch *w, bool moved, bool gone)
{
    struct stat st;
    bool found = !stat(w->path, &st);
    bool same = found && !gone && st.st_dev == w->device && st.st_ino == w->inode;
    w->looked_ms = init_watch_now_ms();
    if (same || (found && follow_file(w, &st)))
        return;
    init_watch_tell_end(w, found ? INIT_WATCH_REPLACED : moved ? INIT_WATCH_MOVED : INIT_WATCH_DELETED);
}
