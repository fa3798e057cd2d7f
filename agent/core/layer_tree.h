/*
 * The layers of an image, and the tree that they show together, by the rules of the OCI image specification
 * ("Applying Changesets"): a later layer replaces files, a whiteout deletes a path of earlier layers, and an
 * opaque folder hides what earlier layers have in it. Pure.
 *
 * Layers are read in any order, each into a slot, and put into their order at the end. An image is made by
 * anybody: names and numbers may be anything. Memory is bounded by the numbers below; past one of them
 * layer_tree_add refuses, and the caller reads on without details. Work is bounded as well: hiding costs as
 * much as what is hidden, times its depth.
 */
#ifndef CORRAL_AGENT_CORE_LAYER_TREE_H
#define CORRAL_AGENT_CORE_LAYER_TREE_H

#include "common/base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LAYER_ENTRIES_MAX 500000
#define LAYER_NODES_MAX   600000
#define LAYER_NAMES_MAX   (64u << 20) /* bytes of names and targets */
#define LAYER_PATH_MAX    4095        /* bytes of one */
#define LAYER_SLOTS_MAX   512
#define LAYER_NONE        UINT32_MAX

enum layer_kind {
    LAYER_FILE,
    LAYER_FOLDER,
    LAYER_SYMLINK,
    LAYER_SPECIAL, /* a device or a FIFO: mode says which */
    LAYER_LINK,    /* a further name (hard link) of an earlier entry of its layer */
    LAYER_WHITEOUT,
    LAYER_OPAQUE /* a folder whose contents in earlier layers are hidden */
};

/* One entry as it is read. Strings are borrowed. */
struct layer_item {
    const char *path;   /* relative or absolute; "." and empty parts are dropped */
    const char *target; /* SYMLINK: as it stands; LINK: a path like the first */
    enum layer_kind kind;
    uint32_t mode; /* with the type of the file */
    uint32_t uid, gid, major, minor;
    int64_t mtime; /* Unix seconds */
    uint32_t mtime_ns;
    uint64_t size;           /* FILE */
    uint8_t content[32];     /* FILE: SHA-256 */
    uint8_t attributes[32];  /* SHA-256 of its extended attributes; zero: it has none */
    bool capable;            /* one of them gives capabilities */
    uint64_t at, len, spare; /* where its bytes are kept, with their headers; spare: of its headers */
};

struct layer_entry {
    uint32_t node, inode; /* inode: of a LINK the entry that it is a further name of, else the entry itself */
    uint32_t target;      /* SYMLINK: offset in names */
    uint32_t mode, uid, gid, major, minor, mtime_ns;
    uint32_t shown;   /* of an inode: how many names of it are visible */
    uint32_t ordinal; /* for layer_tree_describe */
    int64_t mtime;
    uint64_t size, at, len, spare;
    uint8_t content[32], attributes[32];
    uint16_t slot, hidden_by; /* hidden_by: the position of the last layer that hid it */
    uint8_t kind;
    bool capable, deleted; /* deleted: hidden by a whiteout, not by a replacement */
};

struct layer_node {
    uint32_t parent, name; /* name: offset in names */
    uint32_t child, sibling, chain;
    uint32_t entry;  /* that is visible here; LAYER_NONE: none */
    uint32_t latest; /* the last entry that was read for it */
    uint32_t live;   /* visible entries here and below */
    uint16_t layer;  /* position of the layer of the visible entry */
};

struct layer_slot {
    uint32_t first, count; /* of its entries */
    uint64_t bytes, files;
};

struct layer_tree {
    struct layer_entry *entry;
    struct layer_node *node; /* 0 is the root */
    char *names;
    uint32_t *buckets;
    struct layer_slot slot[LAYER_SLOTS_MAX];
    uint32_t entries, entries_room, nodes, nodes_room, names_len, names_room, bucket_count, slots;
    uint64_t seed;
    uint64_t removed[LAYER_SLOTS_MAX]; /* by position: paths that it deletes */
    uint16_t order[LAYER_SLOTS_MAX];   /* by position: the slot */
    uint32_t layers;
    uint64_t odd; /* entries that no image should have; the first of them: */
    char odd_first[160];
};

/* The caller's. seed: random, so that names cannot be chosen to collide. */
struct layer_tree *layer_tree_new(uint64_t seed);
void layer_tree_free(struct layer_tree *tree);

/* Begins the next slot, which all entries go to from now on. ERR_TOO_LARGE. */
int layer_tree_begin(struct layer_tree *tree, struct err *e) MUST_CHECK;

/*
 * Adds an entry to the current slot. One that no image should have (a path that leads outside, a link to
 * nothing) is counted in odd and left out. ERR_TOO_LARGE: the tree holds as much as it may.
 */
int layer_tree_add(struct layer_tree *tree, const struct layer_item *item, struct err *e) MUST_CHECK;

/*
 * Puts the slots into this order, lowest first, and finds what is visible. A slot may be there twice, as a
 * layer of an image may be; each has to exist. Once.
 */
void layer_tree_settle(struct layer_tree *tree, const uint16_t *slots, uint32_t count);

/* The visible nodes, parents first, each folder's by name: the first after this one (0: from the start);
 * LAYER_NONE after the last. The root itself comes first if it has an entry: pass LAYER_NONE. */
uint32_t layer_tree_next(const struct layer_tree *tree, uint32_t node);

/* Writes the node's absolute path. */
void layer_tree_path(const struct layer_tree *tree, uint32_t node, char out[static LAYER_PATH_MAX + 2]);

/* The node at this path; LAYER_NONE: there is none. */
uint32_t layer_tree_find(const struct layer_tree *tree, const char *path);

const char *layer_tree_target(const struct layer_tree *tree, const struct layer_entry *entry);

/*
 * Describes the visible tree in bytes that are equal exactly for equal trees: names, kinds, modes, owners,
 * times, sizes, contents, targets, extended attributes, devices, and which names are of one inode.
 */
typedef void layer_bytes_cb(void *arg, const void *bytes, size_t len);
void layer_tree_describe(struct layer_tree *tree, layer_bytes_cb *cb, void *arg);

#endif
