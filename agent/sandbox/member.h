/*
 * A member of the warm pool that stands ready: what the agent knows of it, so that a hand-out asks Docker
 * nothing. The image is the one that its container has; the name may come to mean another one, so Docker's
 * events about images make it unsure, and the name is then looked up again in the background.
 */
#ifndef CORRAL_AGENT_SANDBOX_MEMBER_H
#define CORRAL_AGENT_SANDBOX_MEMBER_H

#include "agent/disk/volume.h"
#include "agent/docker/docker.h"
#include "agent/sandbox/runtime.h"
#include "common/io/worker.h"
#include "common/model/sandbox_spec.h"

struct member {
    struct sandbox_spec spec;
    uint64_t memory_bytes;     /* its limit, which decides the size of /dev/shm where the spec does not */
    struct docker_image image; /* of its container; only its id until the name was looked up */
    bool sure;                 /* the name of the image still means this image */
    bool asking;               /* Docker is asked for the name */
    struct volume_use disk;    /* as it was when it became ready; all zero: not known */
};

/*
 * Writes its disk out, waits for the helper of its init to exit (a hand-out refuses a container with a second
 * process), then calls cb. What the kernel writes later may need blocks for the map of a file, and
 * would look as if somebody had written there (member_disk_is_same).
 */
void agent_member_settle(struct runtime *runtime, worker_cb *cb, void *arg);

/* It became ready, or was found ready after a restart (image: its id only). Copies image. changes: of
 * agent->image_changes when the image's name was looked up; 0: it was not. */
void agent_member_ready(struct runtime *runtime, const struct docker_image *image, uint64_t changes);

/* NULL is fine. */
void agent_member_free(struct member *member);

/* Names of images may have changed in Docker. */
void agent_images_changed(struct agent *agent);

/* Whether its container fits the spec of a sandbox, in what was fixed when it was made; image: the full name
 * that is asked for. */
bool member_fits(const struct member *member, const struct sandbox_spec *spec, uint64_t memory_bytes);

/* What Docker answered for the name: notes it. Whether it is the same image. */
bool member_is_named(struct member *member, int code, const struct docker_image *image);

/* Whether nothing was written to its disk since it became ready. */
bool member_disk_is_same(const struct runtime *runtime);

#endif
