/*
 * The folders that one watch has under its eyes (init_file_watch.c), as a tree: found by the kernel's number
 * of their watch, or by the folder above and a name. A folder that moves takes along what is in it. Pure;
 * memory is bounded by INIT_WATCH_FOLDERS_MAX folders.
 */
#ifndef CORRAL_AGENT_INIT_INIT_WATCH_TREE_H
#define CORRAL_AGENT_INIT_INIT_WATCH_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define INIT_WATCH_BUCKETS 4096

struct init_watch_node {
    struct init_watch_node *parent, *child, *next, *previous; /* next and previous: beside it in its parent */
    struct init_watch_node *same_number, *same_name;          /* in the buckets */
    int number;                                               /* of its watch */
    struct {                                                  /* its owner's */
        unsigned round;                                       /* of the last walk that has seen it */
        bool unread; /* its entries are to be gone through in this walk */
        bool fresh;  /* they never were, so that nothing was told of them */
        dev_t device;
        ino_t inode;
    } own;
    uint64_t name_hash;
    char name[];
};

/* All zero at the start. */
struct init_watch_tree {
    struct init_watch_node *root;
    size_t count;
    struct init_watch_node *by_number[INIT_WATCH_BUCKETS], *by_name[INIT_WATCH_BUCKETS];
};

/* For each node that goes, the deepest first, before it is freed. */
typedef void init_watch_gone_cb(void *arg, const struct init_watch_node *node);

/* Adds a folder; parent NULL: the root. Whatever was there of this name has been dropped by the caller. NULL:
 * there is no memory. */
struct init_watch_node *init_watch_tree_add(struct init_watch_tree *tree, struct init_watch_node *parent,
                                            const char *name, int number);

struct init_watch_node *init_watch_tree_find(const struct init_watch_tree *tree, int number);
struct init_watch_node *init_watch_tree_child(const struct init_watch_tree *tree,
                                              const struct init_watch_node *parent, const char *name);

/*
 * Moves a folder with all that is in it below another, under a name. *node may become another pointer. False:
 * that would put it into itself, it is the root, or there is no memory; nothing has changed then.
 */
bool init_watch_tree_move(struct init_watch_tree *tree, struct init_watch_node **node,
                          struct init_watch_node *parent, const char *name);

/* Removes a folder and all that is in it. */
void init_watch_tree_drop(struct init_watch_tree *tree, struct init_watch_node *node,
                          init_watch_gone_cb *gone, void *arg);

/* Writes the path below the root of an entry of this folder, "" as name for the folder itself. Returns its
 * length; SIZE_MAX: it does not fit. */
size_t init_watch_tree_path(const struct init_watch_node *node, const char *name, char *out, size_t size);

/* A hash of a name in a folder; what a sandbox makes collide harms itself alone. */
uint64_t init_watch_tree_hash(const struct init_watch_node *parent, const char *name);

#endif
