/*
 * One disk for each sandbox: a file under the state folder, an ext4 in it that has room for its limit,
 * mounted by a loop device that goes when the mount goes. So writes past the limit get ENOSPC, and nothing
 * else notices. Names carry the sandbox's id: what a crash left is found by them. Making and removing are a
 * worker's jobs, in the order of their sandbox.
 */
#ifndef CORRAL_AGENT_DISK_VOLUME_H
#define CORRAL_AGENT_DISK_VOLUME_H

#include "common/base/err.h"
#include "common/base/id.h"
#include "common/model/sandbox_spec.h"
#include "common/io/worker.h"

#include <stdint.h>

#define VOLUME_PATH_MAX    256
#define VOLUME_FOLDERS_MAX 34

struct volumes;

/*
 * dir: its folder, made if need be (0711). owner: the host's id of a container's 1000:1000. Copies dir,
 * borrows worker, which is freed first.
 */
int volumes_new(struct volumes **out, struct worker *worker, const char *dir, uint32_t owner,
                struct err *e) MUST_CHECK;
void volumes_free(struct volumes *volumes);

/* Once, on the loop, later; ERR_CANCELLED where the worker was freed. */
typedef worker_cb volume_cb;

/*
 * Makes, formats and mounts it, with folders numbered from 0 to folders - 1 (volume_folder), and in these the
 * ones that others will be mounted at, with their parents ("2/a/b"; no dots; NULL: none), all of them its
 * owner's. One that is left from before is removed first. ERR_IO with the reason, or ERR_IMAGE_UNAVAILABLE
 * where the folders do not fit, and then nothing is left.
 */
void volume_make(struct volumes *volumes, const struct sandbox_id *id, uint64_t bytes, unsigned folders,
                 const struct string_list *places, volume_cb *cb, void *arg);

/* The path of a folder on it. */
void volume_folder(const struct volumes *volumes, const struct sandbox_id *id, unsigned folder,
                   char out[static VOLUME_PATH_MAX]);

/* The block device that it is on ("/dev/loop7"); false where it is not mounted. */
bool volume_device(const struct volumes *volumes, const struct sandbox_id *id,
                   char out[static VOLUME_PATH_MAX]);

/* Both run out by themselves: many files without a byte, and one with all of them. */
struct volume_use {
    uint64_t used_bytes, inodes_used, inodes_limit;
};
/* What is in use; false where it is not mounted. Takes microseconds. */
bool volume_use(const struct volumes *volumes, const struct sandbox_id *id, struct volume_use *use);

/* Unmounts and removes it. One that is not there is a success. */
void volume_remove(struct volumes *volumes, const struct sandbox_id *id, volume_cb *cb, void *arg);

/* Of one that belongs to nobody: the loop devices that have its file let it go too. */
void volume_remove_orphan(struct volumes *volumes, const struct sandbox_id *id, volume_cb *cb, void *arg);

/* Its folder. Any thread, as the next one. */
const char *volumes_dir(const struct volumes *volumes);

/* The ids of all that are there, also half-made ones. The caller frees *ids. */
size_t volume_list(const struct volumes *volumes, struct sandbox_id **ids);

#endif
