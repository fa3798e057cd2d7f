/*
 * What the files of a watch share; private to agent/init/init_watch_*.c and init_file_watch.c. A watch is of
 * one file or folder, by inotify. The kernel watches single folders: below a folder each one has a watch of
 * its own, added as it appears. Folders are watched by their descriptors, so that a watch is on what was
 * opened; links are not followed. Functions return 0 or an errno, or one of enum init_file_fault.
 *
 * What the kernel tells is a log of the past, and what is looked at is the present: a folder may have moved
 * on when its event is read. So the tree follows the log, and each folder that an event names is looked at
 * again: the number of its watch says which one it is, wherever it was before.
 */
#ifndef CORRAL_AGENT_INIT_INIT_WATCH_H
#define CORRAL_AGENT_INIT_INIT_WATCH_H

#include "agent/init/init_file_int.h"
#include "agent/init/init_watch_out.h"
#include "agent/init/init_watch_tree.h"

#include <sys/inotify.h>

#define INIT_WATCH_LOOK_MS 5000 /* how often the path is looked at, for what the kernel tells nothing of */

/* What is asked of the kernel: for a folder, for a file, and also for what is at the path. */
#define INIT_WATCH_FOLDER                                                                                    \
    (IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_MODIFY | IN_ATTRIB | IN_EXCL_UNLINK |          \
     IN_ONLYDIR)
#define INIT_WATCH_FILE (IN_MODIFY | IN_ATTRIB)
#define INIT_WATCH_ROOT (IN_DELETE_SELF | IN_MOVE_SELF)

struct init_watch {
    const char *path;
    char base[PATH_MAX]; /* the path without slashes at its end; "" for / */
    bool recursive, folder;
    bool over;    /* the end was told */
    dev_t device; /* of what is at the path */
    ino_t inode;
    int fd;         /* of inotify */
    unsigned round; /* of the walk */
    uint64_t looked_ms;
    struct init_watch_tree tree;
    struct init_watch_out out;
    size_t unread_count;
    int unread[INIT_WATCH_FOLDERS_MAX]; /* numbers of folders whose entries are still to be gone through */
    size_t len;                         /* of events */
    _Alignas(struct inotify_event) char events[64u << 10];
};

/* --- init_watch_tell.c --- */

/* The absolute path of an entry, as init_watch_tree_path. False: it is too long. */
bool init_watch_absolute(const struct init_watch *w, const struct init_watch_node *node, const char *name,
                         char out[PATH_MAX]);

/* Tells of a change of an entry, or of what is at the path (the root and ""). type 0: it is looked up. */
void init_watch_tell(struct init_watch *w, enum init_file_change_kind kind, enum init_file_type type,
                     const struct init_watch_node *node, const char *name);
void init_watch_tell_moved(struct init_watch *w, enum init_file_type type, const char *from,
                           const struct init_watch_node *folder, const char *name);

/* Changes were lost. */
void init_watch_tell_lost(struct init_watch *w);

/* This folder cannot be watched. */
void init_watch_tell_unwatched(struct init_watch *w, const struct init_watch_node *parent, const char *name);

void init_watch_tell_end(struct init_watch *w, enum init_watch_end why);

/* Whether it is the name of a file that a PUT has not finished, of which nothing is told. */
bool init_watch_is_draft(const char *name);

/* --- init_watch_folders.c --- */

/* Watches what is open, with this mask. Returns the watch's number, or -1 with errno. */
int init_watch_add(const struct init_watch *w, int fd, uint32_t mask);

/* Watches all folders below the root. The first error ends it. */
int init_watch_folders_begin(struct init_watch *w);

/* Changes were lost: looks for all folders again, and then tells of it, so that what changes from then on is
 * seen. */
void init_watch_folders_again(struct init_watch *w);

/* A folder is there now: watches it and all that is in it, and tells of what is in it, which was made before
 * the watch was. */
void init_watch_folders_new(struct init_watch *w, struct init_watch_node *parent, const char *name);

/* Moves a folder to where it is now, in place of what was there. False: it cannot be there. */
bool init_watch_folders_place(struct init_watch *w, struct init_watch_node **node,
                              struct init_watch_node *parent, const char *name);

/* Whether the folder of this node, and no other one, is at the node's path. */
bool init_watch_folders_is_there(const struct init_watch *w, const struct init_watch_node *node);

/* What is in a folder, and in those below it, is to be told again where it is gone through next. NULL:
 * nothing. */
void init_watch_folders_untell(struct init_watch_node *top);

/* A folder is gone, with all that was in it. NULL, or the root: nothing. */
void init_watch_folders_drop(struct init_watch *w, struct init_watch_node *node);

/* --- init_watch_path.c --- */

uint64_t init_watch_now_ms(void);

/* Watches what is at the path. Takes fd. */
int init_watch_path_add(struct init_watch *w, int fd, const struct stat *st);

/* Ends the watch if its path no longer leads where it led. gone: what was there is removed. A file that was
 * replaced, as most programs write files, is watched on. */
void init_watch_path_look(struct init_watch *w, bool moved, bool gone);

/* --- init_watch_events.c --- */

/* Reads the events that there are, and carries them out. */
void init_watch_events_take(struct init_watch *w);

#endif
