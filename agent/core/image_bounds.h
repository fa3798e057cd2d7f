/*
 * Bounds of what an image declares. Docker accepts everything that an image declares: for a volume that is
 * not on the sandbox's own disk it would make one on the node's disk, without a limit. So an image past a
 * bound is refused with a sentence. Pure.
 */
#ifndef CORRAL_AGENT_CORE_IMAGE_BOUNDS_H
#define CORRAL_AGENT_CORE_IMAGE_BOUNDS_H

#include "common/model/image_ref.h"
#include "common/model/node_wire.h"
#include "common/model/sandbox_spec.h"

#include <stdbool.h>
#include <stddef.h>

#define IMAGE_VOLUMES_MAX     32
#define IMAGE_PATH_MAX        511    /* bytes of a volume's path, and of the working folder's */
#define IMAGE_WORDS_MAX       1024   /* of the image's own command, entrypoint included */
#define IMAGE_WORDS_BYTES_MAX 65000u /* bytes of all words, one added after each */
#define IMAGE_ENV_MAX         1024   /* variables */
#define IMAGE_ENV_BYTES_MAX   (64u * 1024)
#define IMAGE_LABEL_BYTES_MAX                                                                                \
    (16u * 1024)                         /* Docker returns them with each container, in each of its lists    \
                                          */
#define IMAGE_PORTS_MAX       20000      /* exposed ports: Docker writes them to disk at each step */
#define IMAGE_USERS_BYTES_MAX (1u << 20) /* of /etc/passwd and of /etc/group, which Docker reads */

struct image_facts {
    struct string_list volumes;    /* paths of its declared volumes */
    struct string_list entrypoint; /* its entrypoint and command */
    struct string_list command;
    char working_dir[IMAGE_PATH_MAX + 1]; /* its working folder; "": not declared */
    bool working_dir_long;                /* the declared one is longer than fits there */
    char arch[32], os[32];                /* the platform, in Docker's names; "": not declared */
    size_t env_count, env_bytes, label_bytes, port_count;
    bool has_own_label; /* a label with the prefix of Corral's own */
};

/* How the image is going to be used. */
struct image_use {
    bool own_command;  /* the image's own command and working folder are used */
    size_t words;      /* of the user's command, which replaces the image's own after the entrypoint */
    const char *arch;  /* of the node, in Docker's name; "": not known */
    bool narrow_calls; /* 32-bit system calls are allowed on this 64-bit node */
};

/* Whether it is within all bounds; false: why holds a sentence. */
bool image_fits(const struct image_facts *facts, const struct image_use *use,
                char why[static NODE_DETAIL_MAX + 1]);

/* For one that fits: cleans each path, and leaves each volume once. */
void image_tidy(struct image_facts *facts);

/*
 * Shortens an absolute path (only such) without following links, as Docker does: /./a//b/../c/ becomes /a/c.
 */
void image_clean_path(char *path);

/* Whether a clean path is this clean folder or lies in it. */
bool image_is_in(const char *path, const char *folder);

/* Whether an image of this many bytes may be on a node that allows at most `most` (0: no limit); why as
 * above. */
bool image_size_fits(uint64_t bytes, uint64_t most, char why[static NODE_DETAIL_MAX + 1]);

/* Whether a node with this much free disk may pull, where `least` bytes have to stay free; why as above, the
 * same sentence each time. */
bool image_has_room(uint64_t free_bytes, uint64_t least, char why[static NODE_DETAIL_MAX + 1]);

/*
 * Whether the image has exactly this name. Docker also finds images by other things, such as a part of an id.
 */
bool image_has_name(const struct string_list *names, const struct image_ref *ref);

#endif
