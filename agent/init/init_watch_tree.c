#include "agent/init/init_watch_tree.h"

#include <stdlib.h>
#include <string.h>

/* FNV-1a (http://www.isthe.com/chongo/tech/comp/fnv/), over the number of the folder and the name. */
uint64_t init_watch_tree_hash(const struct init_watch_node *parent, const char *name)
{
    uint64_t hash = 14695981039346656037u ^ (uint64_t)(parent ? parent->number : 0);
    hash *= 1099511628211u;
    for (; *name; name++)
        hash = (hash ^ (uint8_t)*name) * 1099511628211u;
    return hash;
}

static struct init_watch_node **bucket_of_name(struct init_watch_tree *tree, uint64_t hash)
{
    return &tree->by_name[(hash ^ hash >> 32) % INIT_WATCH_BUCKETS];
}

static struct init_watch_node **bucket_of_number(struct init_watch_tree *tree, int number)
{
    return &tree->by_number[(unsigned)number % INIT_WATCH_BUCKETS];
}

/* --- putting in and taking out --- */

static void link_name(struct init_watch_tree *tree, struct init_watch_node *node,
                      struct init_watch_node *parent)
{
    node->parent = parent;
    node->name_hash = init_watch_tree_hash(parent, node->name);
    struct init_watch_node **bucket = bucket_of_name(tree, node->name_hash);
    node->same_name = *bucket;
    *bucket = node;
    node->previous = NULL;
    node->next = parent ? parent->child : NULL;
    if (node->next)
        node->next->previous = node;
    if (parent)
        parent->child = node;
    else
        tree->root = node;
}

static void unlink_name(struct init_watch_tree *tree, struct init_watch_node *node)
{
    struct init_watch_node **at = bucket_of_name(tree, node->name_hash);
    while (*at != node)
        at = &(*at)->same_name;
    *at = node->same_name;
    if (node->next)
        node->next->previous = node->previous;
    if (node->previous)
        node->previous->next = node->next;
    else if (node->parent)
        node->parent->child = node->next;
    else
        tree->root = NULL;
}

static void link_number(struct init_watch_tree *tree, struct init_watch_node *node)
{
    struct init_watch_node **bucket = bucket_of_number(tree, node->number);
    node->same_number = *bucket;
    *bucket = node;
}

static void unlink_number(struct init_watch_tree *tree, const struct init_watch_node *node)
{
    struct init_watch_node **at = bucket_of_number(tree, node->number);
    while (*at != node)
        at = &(*at)->same_number;
    *at = node->same_number;
}

static struct init_watch_node *new_node(const char *name, int number)
{
    struct init_watch_node *node = calloc(1, sizeof *node + strlen(name) + 1);
    if (!node)
        return NULL;
    node->number = number;
    strcpy(node->name, name);
    return node;
}

struct init_watch_node *init_watch_tree_add(struct init_watch_tree *tree, struct init_watch_node *parent,
                                            const char *name, int number)
{
    struct init_watch_node *node = new_node(name, number);
    if (!node)
        return NULL;
    link_name(tree, node, parent);
    link_number(tree, node);
    tree->count++;
    return node;
}

/* --- finding --- */

struct init_watch_node *init_watch_tree_find(const struct init_watch_tree *tree, int number)
{
    struct init_watch_node *node = tree->by_number[(unsigned)number % INIT_WATCH_BUCKETS];
    while (node && node->number != number)
        node = node->same_number;
    return node;
}

struct init_watch_node *init_watch_tree_child(const struct init_watch_tree *tree,
                                              const struct init_watch_node *parent, const char *name)
{
    uint64_t hash = init_watch_tree_hash(parent, name);
    struct init_watch_node *node = tree->by_name[(hash ^ hash >> 32) % INIT_WATCH_BUCKETS];
    while (node && (node->name_hash != hash || node->parent != parent || strcmp(node->name, name)))
        node = node->same_name;
    return node;
}

size_t init_watch_tree_path(const struct init_watch_node *node, const char *name, char *out, size_t size)
{
    size_t at = size, end = strlen(name);
    if (end >= size)
        return SIZE_MAX;
    at -= end + 1;
    memcpy(out + at, name, end + 1);
    for (; node && node->parent; node = node->parent) {
        size_t len = strlen(node->name), slash = out[at] != 0;
        if (at < len + slash)
            return SIZE_MAX;
        if (slash)
            out[--at] = '/';
        memcpy(out + (at -= len), node->name, len);
    }
    memmove(out, out + at, size - at);
    return size - at - 1;
}

/* --- moving and dropping --- */

static bool is_in(const struct init_watch_node *node, const struct init_watch_node *above)
{
    for (; node; node = node->parent) {
        if (node == above)
            return true;
    }
    return false;
}

/* The name is a part of the node, so that another name may need another node. */
bool init_watch_tree_move(struct init_watch_tree *tree, struct init_watch_node **node,
                          struct init_watch_node *parent, const char *name)
{
    struct init_watch_node *old = *node, *new;
    if (!old->parent || is_in(parent, old))
        return false;
    if (!strcmp(old->name, name)) {
        unlink_name(tree, old);
        link_name(tree, old, parent);
        return true;
    }
    if (!(new = new_node(name, old->number)))
        return false;
    new->own = old->own;
    new->child = old->child;
    for (struct init_watch_node *child = new->child; child; child = child->next)
        child->parent = new;
    unlink_name(tree, old);
    unlink_number(tree, old);
    free(old);
    link_name(tree, new, parent);
    link_number(tree, new);
    *node = new;
    return true;
}

/* Without recursion: folders may be many levels deep. */
void init_watch_tree_drop(struct init_watch_tree *tree, struct init_watch_node *node,
                          init_watch_gone_cb *gone, void *arg)
{
    struct init_watch_node *at = node;
    for (;;) {
        while (at->child)
            at = at->child;
        struct init_watch_node *parent = at->parent;
        bool last = at == node;
        if (gone)
            gone(arg, at);
        unlink_name(tree, at);
        unlink_number(tree, at);
        tree->count--;
        free(at);
        if (last)
            return;
        at = parent;
    }
}
