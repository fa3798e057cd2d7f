#include "agent/core/layer_tree.h"

#include "common/base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BUCKETS_FIRST 1024

/* --- names and nodes --- */

static uint32_t name_add(struct layer_tree *tree, const char *name, size_t len)
{
    if (len + 1 > LAYER_NAMES_MAX - tree->names_len)
        return LAYER_NONE;
    if (tree->names_len + len + 1 > tree->names_room) {
        tree->names_room = (uint32_t)(2 * (tree->names_len + len + 1));
        tree->names = mem_grow(tree->names, tree->names_room, 1);
    }
    uint32_t at = tree->names_len;
    memcpy(tree->names + at, name, len);
    tree->names[at + len] = 0;
    tree->names_len += (uint32_t)len + 1;
    return at;
}

static uint32_t hash_of(const struct layer_tree *tree, uint32_t parent, const char *name, size_t len)
{
    uint64_t hash = tree->seed ^ (parent * 0x9e3779b97f4a7c15u);
    for (size_t i = 0; i < len; i++) {
        hash = (hash ^ (unsigned char)name[i]) * 0x100000001b3u;
        hash ^= hash >> 29;
    }
    return (uint32_t)(hash ^ hash >> 32);
}

static uint32_t node_hash(const struct layer_tree *tree, uint32_t node)
{
    const char *name = tree->names + tree->node[node].name;
    return hash_of(tree, tree->node[node].parent, name, strlen(name));
}

static void rehash(struct layer_tree *tree, uint32_t count)
{
    tree->buckets = mem_grow(tree->buckets, count, sizeof *tree->buckets);
    memset(tree->buckets, 0xff, count * sizeof *tree->buckets);
    tree->bucket_count = count;
    for (uint32_t i = 1; i < tree->nodes; i++) {
        uint32_t *bucket = &tree->buckets[node_hash(tree, i) & (count - 1)];
        tree->node[i].chain = *bucket;
        *bucket = i;
    }
}

static uint32_t child_find(const struct layer_tree *tree, uint32_t parent, const char *name, size_t len)
{
    uint32_t i = tree->buckets[hash_of(tree, parent, name, len) & (tree->bucket_count - 1)];
    for (; i != LAYER_NONE; i = tree->node[i].chain) {
        const char *its = tree->names + tree->node[i].name;
        if (tree->node[i].parent == parent && !strncmp(its, name, len) && !its[len])
            break;
    }
    return i;
}

static uint32_t node_add(struct layer_tree *tree, uint32_t parent, uint32_t name)
{
    if (tree->nodes == tree->nodes_room) {
        tree->nodes_room = tree->nodes_room ? 2 * tree->nodes_room : 1024;
        tree->node = mem_grow(tree->node, tree->nodes_room, sizeof *tree->node);
    }
    uint32_t i = tree->nodes++;
    tree->node[i] = (struct layer_node){.parent = parent,
                                        .name = name,
                                        .child = LAYER_NONE,
                                        .sibling = LAYER_NONE,
                                        .chain = LAYER_NONE,
                                        .entry = LAYER_NONE,
                                        .latest = LAYER_NONE};
    return i;
}

static uint32_t child_add(struct layer_tree *tree, uint32_t parent, const char *name, size_t len)
{
    uint32_t at = tree->nodes < LAYER_NODES_MAX ? name_add(tree, name, len) : LAYER_NONE;
    if (at == LAYER_NONE)
        return LAYER_NONE;
    uint32_t i = node_add(tree, parent, at);
    tree->node[i].sibling = tree->node[parent].child;
    tree->node[parent].child = i;
    if (tree->nodes > tree->bucket_count)
        rehash(tree, 2 * tree->bucket_count);
    else {
        uint32_t *bucket = &tree->buckets[node_hash(tree, i) & (tree->bucket_count - 1)];
        tree->node[i].chain = *bucket;
        *bucket = i;
    }
    return i;
}

/* The next part of a path, without empty ones and "."; NULL after the last. */
static const char *part_next(const char **path, size_t *len)
{
    for (;;) {
        const char *part = *path + strspn(*path, "/");
        *len = strcspn(part, "/");
        *path = part + *len;
        if (!*len)
            return NULL;
        if (*len != 1 || part[0] != '.')
            return part;
    }
}

static bool leads_outside(const char *path)
{
    size_t len;
    for (const char *part; (part = part_next(&path, &len));)
        if (len == 2 && !strncmp(part, "..", 2))
            return true;
    return false;
}

uint32_t layer_tree_find(const struct layer_tree *tree, const char *path)
{
    uint32_t node = 0;
    size_t len;
    for (const char *part; node != LAYER_NONE && (part = part_next(&path, &len));)
        node = child_find(tree, node, part, len);
    return node;
}

/* LAYER_NONE: there is no room for it. */
static uint32_t node_at(struct layer_tree *tree, const char *path)
{
    uint32_t node = 0;
    size_t len;
    for (const char *part; node != LAYER_NONE && (part = part_next(&path, &len));) {
        uint32_t child = child_find(tree, node, part, len);
        node = child == LAYER_NONE ? child_add(tree, node, part, len) : child;
    }
    return node;
}

/* --- reading --- */

struct layer_tree *layer_tree_new(uint64_t seed)
{
    struct layer_tree *tree = mem_zalloc(sizeof *tree);
    tree->seed = seed;
    node_add(tree, LAYER_NONE, name_add(tree, "", 0));
    rehash(tree, BUCKETS_FIRST);
    return tree;
}

void layer_tree_free(struct layer_tree *tree)
{
    if (!tree)
        return;
    free(tree->entry);
    free(tree->node);
    free(tree->names);
    free(tree->buckets);
    free(tree);
}

int layer_tree_begin(struct layer_tree *tree, struct err *e)
{
    if (tree->slots == LAYER_SLOTS_MAX)
        return err_set(e, ERR_TOO_LARGE, "it has more than %d layers", LAYER_SLOTS_MAX);
    tree->slot[tree->slots++] = (struct layer_slot){.first = tree->entries};
    return 0;
}

static int odd(struct layer_tree *tree, const struct layer_item *item, const char *what)
{
    if (!tree->odd++)
        snprintf(tree->odd_first, sizeof tree->odd_first, "%.100s %s", item->path, what);
    return 0;
}

static int full(struct err *e)
{
    return err_set(e, ERR_TOO_LARGE, "it has more than %d files, or more than %u MiB of names",
                   LAYER_ENTRIES_MAX, LAYER_NAMES_MAX >> 20);
}

static struct layer_entry *entry_add(struct layer_tree *tree)
{
    if (tree->entries == tree->entries_room) {
        tree->entries_room = tree->entries_room ? 2 * tree->entries_room : 1024;
        tree->entry = mem_grow(tree->entry, tree->entries_room, sizeof *tree->entry);
    }
    struct layer_entry *entry = &tree->entry[tree->entries];
    *entry = (struct layer_entry){.inode = tree->entries, .slot = (uint16_t)(tree->slots - 1)};
    tree->entries++;
    return entry;
}

static void entry_fill(struct layer_entry *entry, const struct layer_item *item)
{
    entry->kind = (uint8_t)item->kind;
    entry->mode = item->mode;
    entry->uid = item->uid;
    entry->gid = item->gid;
    entry->major = item->major;
    entry->minor = item->minor;
    entry->mtime = item->mtime;
    entry->mtime_ns = item->mtime_ns;
    entry->size = item->kind == LAYER_FILE ? item->size : 0;
    entry->at = item->at;
    entry->len = item->len;
    entry->spare = item->spare;
    entry->capable = item->capable;
    memcpy(entry->content, item->content, sizeof entry->content);
    memcpy(entry->attributes, item->attributes, sizeof entry->attributes);
}

/* The inode that a further name is of; LAYER_NONE: its layer has none at that path. */
static uint32_t inode_of(const struct layer_tree *tree, const char *target)
{
    uint32_t node = leads_outside(target) ? LAYER_NONE : layer_tree_find(tree, target);
    uint32_t latest = node == LAYER_NONE ? LAYER_NONE : tree->node[node].latest;
    if (latest == LAYER_NONE || latest < tree->slot[tree->slots - 1].first)
        return LAYER_NONE;
    const struct layer_entry *entry = &tree->entry[latest];
    return entry->kind == LAYER_FOLDER || entry->kind >= LAYER_WHITEOUT ? LAYER_NONE : entry->inode;
}

int layer_tree_add(struct layer_tree *tree, const struct layer_item *item, struct err *e)
{
    struct layer_slot *slot = &tree->slot[tree->slots - 1];
    uint32_t inode = LAYER_NONE, target = LAYER_NONE;
    if (strlen(item->path) > LAYER_PATH_MAX || leads_outside(item->path))
        return odd(tree, item, "leads outside, or is too long");
    if (item->kind == LAYER_LINK && (inode = inode_of(tree, item->target)) == LAYER_NONE)
        return odd(tree, item, "is a hard link to what its layer does not have");
    if (tree->entries == LAYER_ENTRIES_MAX)
        return full(e);
    uint32_t node = node_at(tree, item->path);
    if (!node && item->kind != LAYER_FOLDER && item->kind != LAYER_OPAQUE)
        return odd(tree, item, "is the root, and no folder");
    if (item->kind == LAYER_SYMLINK)
        target = name_add(tree, item->target, strlen(item->target));
    if (node == LAYER_NONE || (item->kind == LAYER_SYMLINK && target == LAYER_NONE))
        return full(e);
    struct layer_entry *entry = entry_add(tree);
    entry_fill(entry, item);
    entry->node = node;
    entry->target = target;
    if (inode != LAYER_NONE)
        entry->inode = inode;
    slot->count++;
    slot->bytes += entry->size;
    slot->files += entry->kind < LAYER_WHITEOUT;
    if (entry->kind < LAYER_WHITEOUT)
        tree->node[node].latest = tree->entries - 1;
    return 0;
}

/* --- what is visible --- */

static void live_add(struct layer_tree *tree, uint32_t node, int by)
{
    for (; node != LAYER_NONE; node = tree->node[node].parent)
        tree->node[node].live += (uint32_t)by;
}

static void hide(struct layer_tree *tree, uint32_t node, uint16_t layer, bool deleted)
{
    struct layer_entry *entry = &tree->entry[tree->node[node].entry];
    struct layer_entry *inode = &tree->entry[entry->inode];
    inode->shown--;
    inode->hidden_by = layer;
    inode->deleted = deleted;
    tree->node[node].entry = LAYER_NONE;
    live_add(tree, node, -1);
}

/* The next node of the subtree of top that has something visible here or below, after node; LAYER_NONE after
 * the last. */
static uint32_t walk(const struct layer_tree *tree, uint32_t top, uint32_t node)
{
    uint32_t next = tree->node[node].live || node == top ? tree->node[node].child : LAYER_NONE;
    for (;;) {
        for (; next != LAYER_NONE; next = tree->node[next].sibling)
            if (tree->node[next].live)
                return next;
        if (node == top)
            return LAYER_NONE;
        next = tree->node[node].sibling;
        node = tree->node[node].parent;
    }
}

static void hide_below(struct layer_tree *tree, uint32_t top, uint16_t layer, bool deleted)
{
    if (tree->node[top].live == (tree->node[top].entry != LAYER_NONE))
        return;
    for (uint32_t i = walk(tree, top, top); i != LAYER_NONE; i = walk(tree, top, i))
        if (tree->node[i].entry != LAYER_NONE)
            hide(tree, i, layer, deleted);
}

static void apply_whiteout(struct layer_tree *tree, const struct layer_entry *entry, uint16_t layer)
{
    struct layer_node *node = &tree->node[entry->node];
    if (!node->live)
        return;
    tree->removed[layer]++;
    hide_below(tree, entry->node, layer, true);
    if (entry->kind == LAYER_WHITEOUT && node->entry != LAYER_NONE)
        hide(tree, entry->node, layer, true);
}

/* A layer that has something in a folder has the folder, also where it does not list it: what else an earlier
 * layer has at its path is hidden. */
static void clear_way(struct layer_tree *tree, uint32_t node, uint16_t layer)
{
    for (node = tree->node[node].parent; node != LAYER_NONE; node = tree->node[node].parent) {
        uint32_t entry = tree->node[node].entry;
        if (entry != LAYER_NONE && tree->entry[entry].kind != LAYER_FOLDER)
            hide(tree, node, layer, false);
    }
}

static void apply_entry(struct layer_tree *tree, uint32_t index, uint16_t layer)
{
    const struct layer_entry *entry = &tree->entry[index];
    struct layer_node *node = &tree->node[entry->node];
    clear_way(tree, entry->node, layer);
    if (node->entry != LAYER_NONE)
        hide(tree, entry->node, layer, false);
    if (entry->kind != LAYER_FOLDER)
        hide_below(tree, entry->node, layer, false);
    node->entry = index;
    node->layer = layer;
    tree->entry[entry->inode].shown++;
    live_add(tree, entry->node, 1);
}

static void apply(struct layer_tree *tree, const struct layer_slot *slot, uint16_t layer)
{
    for (uint32_t i = slot->first; i < slot->first + slot->count; i++)
        if (tree->entry[i].kind >= LAYER_WHITEOUT)
            apply_whiteout(tree, &tree->entry[i], layer);
    for (uint32_t i = slot->first; i < slot->first + slot->count; i++)
        if (tree->entry[i].kind < LAYER_WHITEOUT)
            apply_entry(tree, i, layer);
}

static int by_name(const void *a, const void *b, void *arg)
{
    const struct layer_tree *tree = arg;
    return strcmp(tree->names + tree->node[*(const uint32_t *)a].name,
                  tree->names + tree->node[*(const uint32_t *)b].name);
}

static void sort_children(struct layer_tree *tree)
{
    uint32_t *child = mem_grow(NULL, tree->nodes, sizeof *child);
    for (uint32_t i = 0; i < tree->nodes; i++) {
        uint32_t count = 0;
        for (uint32_t c = tree->node[i].child; c != LAYER_NONE; c = tree->node[c].sibling)
            child[count++] = c;
        qsort_r(child, count, sizeof *child, by_name, tree);
        for (uint32_t c = count; c-- > 0;)
            tree->node[child[c]].sibling = c + 1 < count ? child[c + 1] : LAYER_NONE;
        tree->node[i].child = count ? child[0] : LAYER_NONE;
    }
    free(child);
}

void layer_tree_settle(struct layer_tree *tree, const uint16_t *slots, uint32_t count)
{
    for (uint32_t i = 0; i < count && i < LAYER_SLOTS_MAX; i++) {
        tree->order[i] = slots[i];
        tree->layers = i + 1;
        apply(tree, &tree->slot[slots[i]], (uint16_t)i);
    }
    sort_children(tree);
}

uint32_t layer_tree_next(const struct layer_tree *tree, uint32_t node)
{
    if (node == LAYER_NONE && tree->node[0].entry != LAYER_NONE)
        return 0;
    for (node = walk(tree, 0, node == LAYER_NONE ? 0 : node); node != LAYER_NONE; node = walk(tree, 0, node))
        if (tree->node[node].entry != LAYER_NONE)
            break;
    return node;
}

void layer_tree_path(const struct layer_tree *tree, uint32_t node, char out[static LAYER_PATH_MAX + 2])
{
    size_t at = LAYER_PATH_MAX + 1;
    out[at] = 0;
    for (; node; node = tree->node[node].parent) {
        const char *name = tree->names + tree->node[node].name;
        size_t len = strlen(name);
        if (len + 1 > at)
            break; /* not reached: layer_tree_add refuses such a path */
        memcpy(out + (at -= len), name, len);
        out[--at] = '/';
    }
    if (at == LAYER_PATH_MAX + 1)
        out[--at] = '/';
    memmove(out, out + at, LAYER_PATH_MAX + 2 - at);
}

const char *layer_tree_target(const struct layer_tree *tree, const struct layer_entry *entry)
{
    return entry->target == LAYER_NONE ? "" : tree->names + entry->target;
}

/* --- the description --- */

void layer_tree_describe(struct layer_tree *tree, layer_bytes_cb *cb, void *arg)
{
    char path[LAYER_PATH_MAX + 2], line[256];
    uint32_t ordinal = 0;
    for (uint32_t i = layer_tree_next(tree, LAYER_NONE); i != LAYER_NONE; i = layer_tree_next(tree, i)) {
        struct layer_entry *entry = &tree->entry[tree->entry[tree->node[i].entry].inode];
        const char *target = layer_tree_target(tree, entry);
        if (!entry->ordinal)
            entry->ordinal = ++ordinal;
        layer_tree_path(tree, i, path);
        int len = snprintf(line, sizeof line, "%u %u %o %u %u %u %u %lld.%09u %llu ", entry->ordinal,
                           entry->kind, entry->mode, entry->uid, entry->gid, entry->major, entry->minor,
                           (long long)entry->mtime, entry->mtime_ns, (unsigned long long)entry->size);
        cb(arg, line, (size_t)len);
        cb(arg, entry->content, sizeof entry->content);
        cb(arg, entry->attributes, sizeof entry->attributes);
        cb(arg, path, strlen(path) + 1);
        cb(arg, target, strlen(target) + 1);
    }
}
