/*
 * What the controller and an agent say of images. The controller sends each node its whole set of orders, and
 * again after each change and at the start of each session: a desired state, so nothing is acknowledged but
 * the update that carried it. The agent reports the whole set of images of its node likewise, and single ones
 * whose pull goes on. Sets past the bound of one message come in pieces. Pure.
 */
#ifndef CORRAL_COMMON_MODEL_NODE_IMAGE_H
#define CORRAL_COMMON_MODEL_NODE_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NODE_IMAGE_REF_MAX    512
#define NODE_IMAGE_ID_MAX     79
#define NODE_IMAGE_DIGEST_MAX 71 /* "sha256:" and 64 digits */
#define NODE_IMAGE_TEXT_MAX   239
#define NODE_IMAGE_LAYER_MAX  15 /* of a layer's id, as Docker shows it */
#define NODE_LOGIN_NAME_MAX   255
#define NODE_LOGIN_SECRET_MAX 4096 /* tokens of registries are long */
#define NODE_LOGINS_MAX       64   /* in an update */
#define NODE_IMAGES_MAX       1024 /* of a node; orders for a node */

enum node_image_state {
    NODE_IMAGE_WAITING, /* ordered; its pull waits for its turn, or for its next try */
    NODE_IMAGE_PULLING,
    NODE_IMAGE_PRESENT,
    NODE_IMAGE_FAILED, /* the last pull failed; problem says why */
    NODE_IMAGE_STATES
};

enum node_layer_state {
    NODE_LAYER_WAITING,
    NODE_LAYER_DOWNLOADING,
    NODE_LAYER_EXTRACTING,
    NODE_LAYER_DONE,
    NODE_LAYER_STATES
};

/* Their public names. Static. */
const char *node_image_state_name(enum node_image_state state);
const char *node_layer_state_name(enum node_layer_state state);

/* Progress of one layer. Bytes come from the registry: a total may be 0 (not known), or false. */
struct node_image_layer {
    char id[NODE_IMAGE_LAYER_MAX + 1];
    enum node_layer_state state;
    uint64_t done_bytes, total_bytes;
};

/* Agent to controller: an image of its node, or one that it is to have. */
struct node_image {
    char ref[NODE_IMAGE_REF_MAX + 1]; /* as the order names it; else the whole name with a tag or digest */
    char id[NODE_IMAGE_ID_MAX + 1];   /* Docker's; "": it is not here */
    char digest[NODE_IMAGE_DIGEST_MAX + 1]; /* of its manifest in its registry; "": it has none */
    char problem[NODE_IMAGE_TEXT_MAX + 1];  /* why its pull failed, or why it could not be removed */
    enum node_image_state state;
    uint64_t generation; /* of the order that this is about; 0: it is here without one */
    uint64_t size_bytes; /* unpacked, with layers that it shares with others */
    uint64_t layers;
    uint64_t created_ago_ms; /* by the image's own word */
    uint64_t used_ago_ms;    /* since a sandbox last began with it, or its pull */
    uint64_t in_use;         /* containers that have it */
    bool used;               /* used_ago_ms is known */
    bool pulled;             /* by Corral, which alone it may remove */
    bool pinned;
    uint64_t done_bytes, total_bytes, layers_done, layers_total; /* of a pull under way, so far as is known */
    struct node_image_layer *pull;                               /* owned; of a pull under way */
    size_t pull_count;
};
void node_image_fini(struct node_image *image);

/* Controller to agent: what to do with an image. */
struct image_order {
    char ref[NODE_IMAGE_REF_MAX + 1];       /* the whole name, without a digest unless it has no tag */
    char digest[NODE_IMAGE_DIGEST_MAX + 1]; /* what the name stands for; "": its registry says */
    uint64_t generation;                    /* rises when it is to be asked for again */
    bool pull;
    bool keep; /* no garbage collection removes it: it is pinned, or a template's last copy */
    bool remove;
};

/* Controller to agent: how to log in to a registry. Never on disk, never in a log. */
struct registry_login {
    char registry[NODE_LOGIN_NAME_MAX + 1]; /* as in struct image_ref */
    char username[NODE_LOGIN_NAME_MAX + 1];
    char password[NODE_LOGIN_SECRET_MAX + 1];
};

/* Wipes them. NULL is fine. */
void registry_logins_free(struct registry_login *logins, size_t count);

/* Controller to agent: a piece of all orders for the node. Logins come with the first piece. */
struct image_orders {
    uint64_t number; /* of the whole set, different for each; 0: no piece */
    bool first, last;
    struct image_order *order;
    size_t count;
    struct registry_login *login;
    size_t logins;
};
/* dst: all zero. */
void image_orders_copy(struct image_orders *dst, const struct image_orders *src);
/* Frees what it holds, and wipes the passwords. */
void image_orders_fini(struct image_orders *orders);

/* Agent to controller: some images, or a piece of all of them. */
struct node_images {
    uint64_t number;  /* of the whole set, rises; 0: some images of which something changed */
    bool first, last; /* piece of a whole set */
    struct node_image *image;
    size_t count;
};
void node_images_fini(struct node_images *images);

#endif
