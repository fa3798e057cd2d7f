#include "agent/init/init_watch.h"

#include <poll.h>
#include <unistd.h>

#define PAIR_MS 10 /* how long the second half of a move may take */

static const struct inotify_event *event_at(const struct init_watch *w, size_t at)
{
    return (const void *)(w->events + at);
}

static size_t size_of(const struct inotify_event *e)
{
    return sizeof *e + e->len;
}

static bool is_half_moved(const struct init_watch *w)
{
    const struct inotify_event *last = NULL;
    for (size_t at = 0; at < w->len; at += size_of(event_at(w, at)))
        last = event_at(w, at);
    return last && last->mask & IN_MOVED_FROM;
}

/* Reads what there is; after the first half of a move also what follows at once. */
static void fill(struct init_watch *w)
{
    struct pollfd poller = {.fd = w->fd, .events = POLLIN};
    ssize_t n = read(w->fd, w->events, sizeof w->events / 2);
    w->len = n > 0 ? (size_t)n : 0;
    if (!is_half_moved(w) || poll(&poller, 1, PAIR_MS) != 1)
        return;
    n = read(w->fd, w->events + w->len, sizeof w->events - w->len);
    w->len += n > 0 ? (size_t)n : 0;
}

/* The second half of a move; NULL: it went elsewhere. Halves need not follow each other directly. */
static struct inotify_event *second_half(struct init_watch *w, size_t at, struct init_watch_node **folder)
{
    uint32_t cookie = event_at(w, at)->cookie;
    for (at += size_of(event_at(w, at)); at < w->len; at += size_of(event_at(w, at))) {
        struct inotify_event *e = (void *)(w->events + at);
        if (e->mask & IN_MOVED_TO && e->cookie == cookie)
            return (*folder = init_watch_tree_find(&w->tree, e->wd)) && e->len ? e : NULL;
    }
    return NULL;
}

/* A folder that is there again under the name is a later one, which a walk has told of already. What has
 * moved then was never told of, and neither was what is in it. */
static void take_moved(struct init_watch *w, struct init_watch_node *from, const struct inotify_event *e,
                       struct init_watch_node *to, const char *name)
{
    char path[PATH_MAX];
    bool folder = e->mask & IN_ISDIR;
    struct init_watch_node *moved = folder ? init_watch_tree_child(&w->tree, from, e->name) : NULL;
    bool later = moved && init_watch_folders_is_there(w, moved);
    bool told = !later && init_watch_tree_path(from, e->name, path, sizeof path) != SIZE_MAX;
    init_watch_out_forget(&w->out, init_watch_tree_hash(from, e->name));
    init_watch_out_forget(&w->out, init_watch_tree_hash(to, name));
    if (moved && !later)
        (void)init_watch_folders_place(w, &moved, to, name);
    else if (folder)
        init_watch_folders_untell(init_watch_tree_child(&w->tree, to, name));
    if (init_watch_is_draft(e->name)) /* a PUT: its file was replaced */
        init_watch_tell(w, INIT_CHANGE_MODIFIED, INIT_FILE_REGULAR, to, name);
    else if (told)
        init_watch_tell_moved(w, folder ? INIT_FILE_FOLDER : 0, path, to, name);
    else
        init_watch_tell(w, INIT_CHANGE_CREATED, folder ? INIT_FILE_FOLDER : 0, to, name);
    if (folder && w->recursive)
        init_watch_folders_new(w, to, name);
}

static void take_gone(struct init_watch *w, const struct init_watch_node *node, const struct inotify_event *e)
{
    bool folder = e->mask & IN_ISDIR;
    if (!init_watch_is_draft(e->name))
        init_watch_tell(w, INIT_CHANGE_DELETED, folder ? INIT_FILE_FOLDER : 0, node, e->name);
    if (folder)
        init_watch_folders_drop(w, init_watch_tree_child(&w->tree, node, e->name));
}

static void take_new(struct init_watch *w, struct init_watch_node *node, const struct inotify_event *e)
{
    bool folder = e->mask & IN_ISDIR;
    if (init_watch_is_draft(e->name))
        return;
    if (e->mask & IN_MOVED_TO) /* perhaps in the place of something */
        init_watch_out_forget(&w->out, init_watch_tree_hash(node, e->name));
    init_watch_tell(w, INIT_CHANGE_CREATED, folder ? INIT_FILE_FOLDER : 0, node, e->name);
    if (folder && w->recursive)
        init_watch_folders_new(w, node, e->name);
}

static void take_changed(struct init_watch *w, const struct init_watch_node *node, uint32_t mask,
                         const char *name)
{
    enum init_file_type type = mask & IN_ISDIR ? INIT_FILE_FOLDER : 0;
    if (mask & IN_MODIFY)
        init_watch_tell(w, INIT_CHANGE_MODIFIED, type, node, name);
    if (mask & IN_ATTRIB)
        init_watch_tell(w, INIT_CHANGE_ATTRIBUTES, type, node, name);
}

static void take_named(struct init_watch *w, struct init_watch_node *node, size_t at)
{
    const struct inotify_event *e = event_at(w, at);
    struct init_watch_node *to = NULL;
    struct inotify_event *second = e->mask & IN_MOVED_FROM ? second_half(w, at, &to) : NULL;
    if (second) {
        second->mask = 0; /* it is done with */
        take_moved(w, node, e, to, second->name);
    } else if (e->mask & (IN_DELETE | IN_MOVED_FROM)) {
        take_gone(w, node, e);
    } else if (e->mask & (IN_CREATE | IN_MOVED_TO)) {
        take_new(w, node, e);
    } else if (!init_watch_is_draft(e->name)) {
        take_changed(w, node, e->mask, e->name);
    }
}

/* Of a folder itself its parent's watch tells, too, but for the one at the path. */
static void take_own(struct init_watch *w, struct init_watch_node *node, uint32_t mask)
{
    bool gone = mask & (IN_DELETE_SELF | IN_IGNORED | IN_UNMOUNT), moved = mask & IN_MOVE_SELF;
    if (node != w->tree.root) {
        if (mask & IN_IGNORED)
            init_watch_folders_drop(w, node);
        return;
    }
    if (gone || moved || (!w->folder && mask & IN_ATTRIB)) /* of a file that another one has replaced */
        init_watch_path_look(w, moved, gone);
    if (!w->over)
        take_changed(w, w->tree.root, mask | (w->folder ? IN_ISDIR : 0u), "");
}

static void take_all(struct init_watch *w)
{
    for (size_t at = 0; at < w->len && !w->over && !w->out.error; at += size_of(event_at(w, at))) {
        const struct inotify_event *e = event_at(w, at);
        if (e->mask & IN_Q_OVERFLOW) {
            init_watch_folders_again(w);
            continue;
        }
        struct init_watch_node *node = init_watch_tree_find(&w->tree, e->wd);
        if (node && e->len)
            take_named(w, node, at);
        else if (node)
            take_own(w, node, e->mask);
    }
}

void init_watch_events_take(struct init_watch *w)
{
    fill(w);
    take_all(w);
}
