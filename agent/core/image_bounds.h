/*
 * What an image may bring along. Docker takes all that an image declares: a volume that is not on the
 * sandbox's own disk would be one on its node's, with no limit. So what is past a bound is refused, in words.
 * Pure.
 */
#ifndef CORRAL_AGENT_CORE_IMAGE_BOUNDS_H
#define CORRAL_AGENT_CORE_IMAGE_BOUNDS_H

#include "common/model/image_ref.h"
#include "common/model/node_wire.h"
#include "common/model/sandbox_spec.h"

#include <stdbool.h>
#include <stddef.h>

#define IMAGE_VOLUMES_MAX     32
#define IMAGE_PATH_MAX        511    /* bytes of a volume's path, and of its working folder's */
#define IMAGE_WORDS_MAX       1024   /* of its own command, all together */
#define IMAGE_WORDS_BYTES_MAX 65000u /* of these, with one after each */
#define IMAGE_ENV_MAX         1024   /* variables */
#define IMAGE_ENV_BYTES_MAX   (64u * 1024)
#define IMAGE_LABEL_BYTES_MAX (16u * 1024) /* Docker tells them with each container, in each of its lists */
#define IMAGE_PORTS_MAX       20000 /* that it says to listen at: Docker writes them down with each step */
#define IMAGE_USERS_BYTES_MAX (1u << 20) /* of /etc/passwd, of /etc/group: Docker reads them */

struct image_facts {
    struct string_list volumes;    /* paths that it declares */
    struct string_list entrypoint; /* and what it would run */
    struct string_list command;
    char working_dir[IMAGE_PATH_MAX + 1]; /* and where; "": it does not say */
    bool working_dir_long;                /* it says more than fits there */
    char arch[32], os[32];                /* what it was built for, as Docker names it; "": it does not say */
    size_t env_count, env_bytes, label_bytes, port_count;
    bool has_own_label; /* one that begins as Corral's own do */
};

/* What is to be made of it. */
struct image_use {
    bool own_command;  /* its command and working folder count */
    size_t words;      /* of its user's command, in place of its own after the entrypoint */
    const char *arch;  /* of the node, as Docker names it; "": not known */
    bool narrow_calls; /* system calls of 32 bits are taken where the node is of 64 */
};

/* False with a sentence in why. */
bool image_fits(const struct image_facts *facts, const struct image_use *use,
                char why[static NODE_DETAIL_MAX + 1]);

/* Of one that fits: each path as it is meant, each volume once. */
void image_tidy(struct image_facts *facts);

/* A path from the root (no other) in its shortest form, without looking at links, as Docker has it:
 * /./a//b/../c/ is /a/c. */
void image_clean_path(char *path);

/* Whether a clean path is this clean folder, or in it. */
bool image_is_in(const char *path, const char *folder);

/* Whether an image of this size may be on a node, where the largest has most bytes (0: any); why as above. */
bool image_size_fits(uint64_t bytes, uint64_t most, char why[static NODE_DETAIL_MAX + 1]);

/* Whether a node with so much free disk may pull, where least has to stay free; why as above, the same
 * words as long as that is so. */
bool image_has_room(uint64_t free_bytes, uint64_t least, char why[static NODE_DETAIL_MAX + 1]);

/* Whether one of the names of an image is this one; Docker also finds images by what is none. */
bool image_has_name(const struct string_list *names, const struct image_ref *ref);

#endif
