#include "agent/init/init_watch.h"

#include <string.h>

#define LOST_KEY 1 /* among the hashes of names */

bool init_watch_absolute(const struct init_watch *w, const struct init_watch_node *node, const char *name,
                         char out[PATH_MAX])
{
    size_t len = strlen(w->base);
    memcpy(out, w->base, len);
    out[len++] = '/';
    return len < PATH_MAX && init_watch_tree_path(node, name, out + len, PATH_MAX - len) != SIZE_MAX;
}

static enum init_file_type type_at(const struct init_watch *w, const struct init_watch_node *node,
                                   const char *name)
{
    char path[PATH_MAX];
    struct stat st;
    bool found =
        w->folder ? init_watch_absolute(w, node, name, path) && !lstat(path, &st) : !stat(w->path, &st);
    return found ? init_file_type_of(st.st_mode) : 0;
}

void init_watch_tell_lost(struct init_watch *w)
{
    if (init_watch_out_is_due(&w->out, LOST_KEY, INIT_CHANGE_OVERFLOW))
        init_watch_out_put(&w->out, INIT_CHANGE_OVERFLOW, INIT_OVERFLOW_QUEUE, "", "");
}

void init_watch_tell_unwatched(struct init_watch *w, const struct init_watch_node *parent, const char *name)
{
    char path[PATH_MAX];
    if (init_watch_tree_path(parent, name, path, sizeof path) == SIZE_MAX)
        init_watch_tell_lost(w);
    else if (init_watch_out_is_due(&w->out, init_watch_tree_hash(parent, name), INIT_CHANGE_OVERFLOW))
        init_watch_out_put(&w->out, INIT_CHANGE_OVERFLOW, INIT_OVERFLOW_FOLDERS, path, "");
}

/* A path that is too long cannot be told. */
void init_watch_tell(struct init_watch *w, enum init_file_change_kind kind, enum init_file_type type,
                     const struct init_watch_node *node, const char *name)
{
    char path[PATH_MAX];
    uint64_t key = init_watch_tree_hash(node, name);
    if (kind == INIT_CHANGE_DELETED)
        init_watch_out_forget(&w->out, key);
    else if (!init_watch_out_is_due(&w->out, key, kind))
        return;
    if (init_watch_tree_path(node, name, path, sizeof path) == SIZE_MAX) {
        init_watch_tell_lost(w);
        return;
    }
    if (!type && kind != INIT_CHANGE_DELETED)
        type = type_at(w, node, name);
    init_watch_out_put(&w->out, kind, type, path, "");
}

void init_watch_tell_moved(struct init_watch *w, enum init_file_type type, const char *from,
                           const struct init_watch_node *folder, const char *name)
{
    char path[PATH_MAX];
    if (init_watch_tree_path(folder, name, path, sizeof path) == SIZE_MAX) {
        init_watch_tell_lost(w);
        return;
    }
    init_watch_out_put(&w->out, INIT_CHANGE_MOVED, type ? type : type_at(w, folder, name), path, from);
}

void init_watch_tell_end(struct init_watch *w, enum init_watch_end why)
{
    init_watch_out_put(&w->out, INIT_CHANGE_END, why, "", "");
    w->over = true;
}

bool init_watch_is_draft(const char *name)
{
    return !strncmp(name, INIT_FILE_TEMPORARY, strlen(INIT_FILE_TEMPORARY));
}
