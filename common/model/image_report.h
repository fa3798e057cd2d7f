/*
 * What makes an image large, as a node finds it (agent/core/layer_report.h) and the controller tells it.
 * Texts of an image may hold any bytes but NUL. Who holds the struct owns what it points to. Pure.
 */
#ifndef CORRAL_COMMON_MODEL_IMAGE_REPORT_H
#define CORRAL_COMMON_MODEL_IMAGE_REPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define IMAGE_ID_LEN          71          /* "sha256:" and 64 digits */
#define IMAGE_REPORT_LAYERS   512         /* Docker itself takes 127 */
#define IMAGE_REPORT_ITEMS    50          /* of each kind */
#define IMAGE_REPORT_PATHS    5           /* of one item */
#define IMAGE_REPORT_PATH_MAX 512         /* bytes; a longer one is cut */
#define IMAGE_REPORT_TEXT_MAX 512         /* bytes of a layer's command, of a sentence */
#define IMAGE_DOCKERFILE_MAX  (16u << 10) /* bytes of the suggested build */

struct image_layer {
    char *digest;     /* of its unpacked bytes; "" where the image does not say */
    char *command;    /* that made it; "" where the image does not say */
    uint64_t bytes;   /* of its files */
    uint64_t files;   /* its files, folders, links and devices */
    uint64_t hidden;  /* bytes of its files that later layers hide */
    uint64_t removes; /* paths of earlier layers that it deletes */
};

enum image_item_kind {
    IMAGE_HIDDEN,     /* a file that a later layer deletes or replaces */
    IMAGE_CACHE,      /* the cache of a package manager, or what is seldom needed at run time */
    IMAGE_DUPLICATE,  /* files of the same content */
    IMAGE_LARGE,      /* one of the largest files */
    IMAGE_PRIVILEGED, /* a program that gives its user more rights */
    IMAGE_ADVICE,     /* what to change */
    IMAGE_ITEM_KINDS
};

/* What a field means depends on the kind; those that are not named are zero. */
struct image_item {
    char *path[IMAGE_REPORT_PATHS]; /* HIDDEN, LARGE, PRIVILEGED: one; CACHE: its folder, as a pattern;
                                       DUPLICATE: the first few */
    size_t paths;
    char *text;     /* CACHE: what it is; ADVICE: a sentence */
    uint64_t bytes; /* HIDDEN, LARGE: of the file; CACHE: of all its files; DUPLICATE: of one copy; ADVICE:
                       that it saves */
    uint64_t count; /* CACHE, DUPLICATE: files */
    uint32_t
        layer;     /* HIDDEN, LARGE: that has it; ADVICE: to change, plus 1, 0: none; from 0 on, the lowest */
    uint32_t by;   /* HIDDEN: the layer that hides it */
    uint32_t mode; /* PRIVILEGED: permission bits */
    bool flag;     /* HIDDEN: deleted, else replaced; PRIVILEGED: it has capabilities */
};

struct image_items {
    struct image_item *item;
    size_t count;
    uint64_t total_bytes; /* of all, also of those that are not listed; DUPLICATE: of what is too much */
    uint64_t total;       /* how many there are */
};

struct image_report {
    char id[IMAGE_ID_LEN + 1];
    char tree[65]; /* SHA-256 of the visible tree: names, modes, owners, times, links, contents, attributes */
    char why_partial[IMAGE_REPORT_TEXT_MAX]; /* why not all of the image was read; "": all was */
    uint64_t bytes;                          /* of the files of all layers */
    uint64_t visible_bytes, visible_files;   /* of the tree that a container sees */
    uint64_t saved_bytes;                    /* by the suggested build */
    char *dockerfile;                        /* NULL: there is nothing to suggest */
    struct image_layer *layer;
    size_t layers;
    struct image_items items[IMAGE_ITEM_KINDS];
};

/* All zero afterwards. */
void image_report_fini(struct image_report *report);

/* Adds an all-zero item; the caller's until the next one is added. */
struct image_item *image_items_add(struct image_items *items);

/* Sets a path of the item, cut to IMAGE_REPORT_PATH_MAX bytes; beyond IMAGE_REPORT_PATHS it does nothing. */
void image_item_path(struct image_item *item, const char *path);

#endif
