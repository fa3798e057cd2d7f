/*
 * The images that this node is to have, as the controller orders them, and what is to be done for that next.
 * An order is carried out until it is: a pull that fails is tried again, later and later, and a pull that a
 * restart or a cut connection ended begins again when the controller sends its orders again. So nothing is
 * kept on disk. Pulls of one registry take at most half of the places, so that a registry that hangs lets
 * others through. Pure: now is CLOCK_BOOTTIME in ms, random any 32 random bits.
 */
#ifndef CORRAL_AGENT_CORE_IMAGE_DESIRED_H
#define CORRAL_AGENT_CORE_IMAGE_DESIRED_H

#include "common/model/image_ref.h"
#include "common/model/node_image.h"

#define IMAGE_DESIRED_MAX         1024 /* orders; further ones of a set are not taken up */
#define IMAGE_DESIRED_PULLS       4    /* at once */
#define IMAGE_DESIRED_OF_REGISTRY 2    /* of these of one registry */
#define IMAGE_RETRY_MS            5000 /* after a first failure; doubled with each further one */
#define IMAGE_RETRY_MOST_MS       600000

struct image_desired;

enum image_act { IMAGE_ACT_NONE, IMAGE_ACT_PULL, IMAGE_ACT_REMOVE };

/* What to do. The caller says what came of it with the same ref and generation. */
struct image_step {
    enum image_act act;
    char ref[NODE_IMAGE_REF_MAX + 1]; /* as ordered */
    uint64_t generation;
    char name[IMAGE_REF_FULL_MAX]; /* to pull, or to remove beside ref: by digest where the order has one */
    bool exact;                    /* name has a digest: an image that is here need not be asked for */
    const struct registry_login *login; /* NULL: none. Borrowed until the next set of orders */
};

struct image_desired *image_desired_new(void);
void image_desired_free(struct image_desired *desired); /* wipes the passwords */

/*
 * Takes a piece of the orders. True when the set is complete, and holds: the caller then cancels what it does
 * for orders that image_desired_holds denies. A piece that does not follow its set's earlier ones is ignored.
 */
bool image_desired_take(struct image_desired *desired, uint64_t now, const struct image_orders *piece);
bool image_desired_holds(const struct image_desired *desired, const char *ref, uint64_t generation);

/* Takes the next step, which is then under way; act NONE: nothing is due. */
void image_desired_next(struct image_desired *desired, uint64_t now, struct image_step *step);

/* What came of a step; ignored where the order is another by now. image: id, digest, size_bytes, layers and
 * created_ago_ms. */
void image_desired_here(struct image_desired *desired, const struct image_step *step,
                        const struct node_image *image);
void image_desired_failed(struct image_desired *desired, uint64_t now, uint32_t random,
                          const struct image_step *step, const char *problem);
/* Docker is away, or the agent gave it up: no fault of the image. */
void image_desired_again(struct image_desired *desired, uint64_t now, const struct image_step *step);
void image_desired_removed(struct image_desired *desired, const struct image_step *step);

/* Whether a name of an image may not be collected: an order keeps it, or pulls it. */
bool image_desired_keeps(const struct image_desired *desired, const char *name);

/* How orders stand, for the i-th of image_desired_count: fills ref, state, generation, problem, pinned and
 * what is known of the image; its pull has no layers yet. name: as in struct image_step. */
size_t image_desired_count(const struct image_desired *desired);
void image_desired_tell(const struct image_desired *desired, size_t i, struct node_image *image,
                        char name[static IMAGE_REF_FULL_MAX]);

#endif
