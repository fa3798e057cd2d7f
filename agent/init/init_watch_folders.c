#include "agent/init/init_watch.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* --- the tree --- */

static void on_gone(void *arg, const struct init_watch_node *node)
{
    struct init_watch *w = arg;
    (void)inotify_rm_watch(w->fd, node->number);
}

void init_watch_folders_drop(struct init_watch *w, struct init_watch_node *node)
{
    if (node && node->parent)
        init_watch_tree_drop(&w->tree, node, on_gone, w);
}

int init_watch_add(const struct init_watch *w, int fd, uint32_t mask)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    return inotify_add_watch(w->fd, path, mask);
}

bool init_watch_folders_place(struct init_watch *w, struct init_watch_node **node,
                              struct init_watch_node *parent, const char *name)
{
    struct init_watch_node *there = init_watch_tree_child(&w->tree, parent, name);
    if (there == *node)
        return true;
    if (!init_watch_tree_move(&w->tree, node, parent, name))
        return false;
    init_watch_folders_drop(w, there);
    return true;
}

/* Opens a folder that is watched; -1 where another one is at its path, since it has moved meanwhile. The
 * event that tells of it comes. */
static int open_watched(const struct init_watch *w, const struct init_watch_node *node)
{
    char path[PATH_MAX];
    struct stat st;
    if (!init_watch_absolute(w, node, "", path))
        return -1;
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_NONBLOCK | O_CLOEXEC | (node->parent ? O_NOFOLLOW : 0));
    if (fd < 0 || (!fstat(fd, &st) && st.st_dev == node->own.device && st.st_ino == node->own.inode))
        return fd;
    close(fd);
    return -1;
}

/* The node that follows in a walk through all that is in the top one; NULL: there is none. */
static struct init_watch_node *next_below(const struct init_watch_node *top, struct init_watch_node *node)
{
    if (node->child)
        return node->child;
    while (node != top && !node->next)
        node = node->parent;
    return node == top ? NULL : node->next;
}

void init_watch_folders_untell(struct init_watch_node *top)
{
    for (struct init_watch_node *node = top; node; node = next_below(top, node))
        node->own.fresh = true;
}

bool init_watch_folders_is_there(const struct init_watch *w, const struct init_watch_node *node)
{
    int fd = open_watched(w, node);
    if (fd >= 0)
        close(fd);
    return fd >= 0;
}

static int make(struct init_watch *w, struct init_watch_node **node, struct init_watch_node *parent,
                const char *name, int number)
{
    int error = 0;
    init_watch_folders_drop(w, init_watch_tree_child(&w->tree, parent, name));
    if (w->tree.count >= INIT_WATCH_FOLDERS_MAX)
        error = INIT_FAULT_FOLDERS;
    else if (!(*node = init_watch_tree_add(&w->tree, parent, name, number)))
        error = ENOMEM;
    else
        (*node)->own.fresh = true;
    if (error)
        (void)inotify_rm_watch(w->fd, number);
    return error;
}

static int push_unread(struct init_watch *w, struct init_watch_node *node)
{
    node->own.round = w->round;
    if (node->own.unread)
        return 0;
    if (w->unread_count == INIT_WATCH_FOLDERS_MAX)
        return INIT_FAULT_FOLDERS;
    node->own.unread = true;
    w->unread[w->unread_count++] = node->number;
    return 0;
}

static int adopt_open(struct init_watch *w, struct init_watch_node *parent, const char *name, int fd,
                      bool *added)
{
    struct stat st;
    if (fstat(fd, &st) || init_file_has_no_size(fd))
        return 0; /* /proc and /sys, in a folder above them */
    int number = init_watch_add(w, fd, INIT_WATCH_FOLDER);
    if (number < 0)
        return errno == EACCES || errno == ENOENT ? 0 : errno;
    struct init_watch_node *node = init_watch_tree_find(&w->tree, number);
    bool elsewhere = node && (node->parent != parent || strcmp(node->name, name) != 0);
    const struct init_watch_node *there = init_watch_tree_child(&w->tree, parent, name);
    if (there && there != node) { /* what was told of that one is not in this one */
        init_watch_tell(w, INIT_CHANGE_DELETED, INIT_FILE_FOLDER, parent, name);
        init_watch_tell(w, INIT_CHANGE_CREATED, INIT_FILE_FOLDER, parent, name);
    }
    if (node && !init_watch_folders_place(w, &node, parent, name))
        return 0;  /* what comes in the log sets it right */
    if (elsewhere) /* all that is in it was told as being there */
        init_watch_folders_untell(node);
    *added = !node || elsewhere;
    int error = node ? 0 : make(w, &node, parent, name, number);
    if (error || node->own.round == w->round)
        return error;
    node->own.device = st.st_dev;
    node->own.inode = st.st_ino;
    return push_unread(w, node);
}

/* Watches the folder of this name in an open one, if there is one that may be read. */
static int adopt(struct init_watch *w, struct init_watch_node *parent, int folder, const char *name,
                 bool *added)
{
    char path[PATH_MAX];
    *added = false;
    if (!init_watch_absolute(w, parent, name, path))
        return ENAMETOOLONG;
    int fd = openat(folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT || errno == ENOTDIR || errno == ELOOP || errno == EACCES ? 0 : errno;
    int error = adopt_open(w, parent, name, fd, added);
    close(fd);
    return error;
}

/* --- walking --- */

enum walk {
    WALK_STRICTLY, /* the first one: an error ends it */
    WALK_SILENTLY,
    WALK_TELLING /* what is in a folder that was not watched was made before the watch was */
};

static bool is_entry(const char *name)
{
    return strcmp(name, ".") && strcmp(name, "..") && !init_watch_is_draft(name);
}

static int take_entry(struct init_watch *w, struct init_watch_node *node, int folder,
                      const struct dirent *entry, enum walk walk)
{
    enum init_file_type type = entry->d_type == DT_UNKNOWN ? 0 : init_file_type_of(DTTOIF(entry->d_type));
    bool added = false;
    int error = !type || type == INIT_FILE_FOLDER ? adopt(w, node, folder, entry->d_name, &added) : 0;
    if (walk == WALK_TELLING && (node->own.fresh || added)) {
        init_watch_out_forget(&w->out, init_watch_tree_hash(node, entry->d_name)); /* what was told is over */
        init_watch_tell(w, INIT_CHANGE_CREATED, type, node, entry->d_name);
    }
    if (error && walk != WALK_STRICTLY)
        init_watch_tell_unwatched(w, node, entry->d_name);
    return walk == WALK_STRICTLY ? error : 0;
}

static int read_folder(struct init_watch *w, struct init_watch_node *node, enum walk walk)
{
    const struct dirent *entry;
    int error = 0, fd = open_watched(w, node);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    if (!dir) {
        if (fd >= 0)
            close(fd);
        return 0;
    }
    while (!error && !w->out.error && (entry = readdir(dir))) {
        if (is_entry(entry->d_name))
            error = take_entry(w, node, dirfd(dir), entry, walk);
    }
    node->own.fresh = false;
    closedir(dir);
    return error;
}

/* Goes through all folders that were added. */
static int walk_unread(struct init_watch *w, enum walk walk)
{
    int error = 0;
    while (w->unread_count && !error) {
        struct init_watch_node *node = init_watch_tree_find(&w->tree, w->unread[--w->unread_count]);
        if (!node || !node->own.unread)
            continue;
        node->own.unread = false;
        error = read_folder(w, node, walk);
    }
    return error;
}

/*
 * All below it is gone through, also what is watched already: while an event of a folder in it was read, the
 * path to it may have been another one by then.
 */
void init_watch_folders_new(struct init_watch *w, struct init_watch_node *parent, const char *name)
{
    bool added;
    int folder = open_watched(w, parent);
    if (folder < 0)
        return;
    w->round++;
    if (adopt(w, parent, folder, name, &added))
        init_watch_tell_unwatched(w, parent, name);
    close(folder);
    (void)walk_unread(w, WALK_TELLING);
}

static void drop_unseen(struct init_watch *w)
{
    for (size_t i = 0; i < INIT_WATCH_BUCKETS; i++) {
        struct init_watch_node *node = w->tree.by_number[i];
        while (node) {
            bool seen = node->own.round == w->round || !node->parent;
            if (!seen)
                init_watch_folders_drop(w, node);
            node = seen ? node->same_number : w->tree.by_number[i];
        }
    }
}

void init_watch_folders_again(struct init_watch *w)
{
    init_watch_out_forget_all(&w->out);
    if (w->recursive) {
        w->round++;
        (void)push_unread(w, w->tree.root);
        (void)walk_unread(w, WALK_SILENTLY);
        drop_unseen(w);
    }
    init_watch_tell_lost(w);
}

int init_watch_folders_begin(struct init_watch *w)
{
    w->tree.root->own.device = w->device;
    w->tree.root->own.inode = w->inode;
    (void)push_unread(w, w->tree.root);
    return walk_unread(w, WALK_STRICTLY);
}
