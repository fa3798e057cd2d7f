/*
 * One disk per sandbox: a file under the state folder with an ext4 file system sized for the sandbox's limit,
 * mounted through a loop device that is released with the mount. So writes past the limit get ENOSPC, and
 * other sandboxes are not affected. Names contain the sandbox's id, so what a crash left is found by them.
 * Making and removing are jobs of a worker, in order for each sandbox.
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
 * dir: the folder of the disks, made if need be (0711). owner: the host's id of a container's 1000:1000.
 * Copies dir, borrows worker, which must be freed first.
 */
int volumes_new(struct volumes **out, struct worker *worker, const char *dir, uint32_t owner,
                struct err *e) MUST_CHECK;
void volumes_free(struct volumes *volumes);

/* Called once, later, on the loop; ERR_CANCELLED if the worker was freed. */
typedef worker_cb volume_cb;

/*
 * Makes, formats and mounts a disk, with folders numbered from 0 to folders - 1 (volume_folder), and in these
 * the mount points in `places`, with their parents ("2/a/b"; no dots; NULL: none), all owned by the owner. A
 * disk left from before is removed first. ERR_IO with the reason, or ERR_IMAGE_UNAVAILABLE if the folders do
 * not fit; then nothing is left.
 */
void volume_make(struct volumes *volumes, const struct sandbox_id *id, uint64_t bytes, unsigned folders,
                 const struct string_list *places, volume_cb *cb, void *arg);

/* The path of a folder on it. */
void volume_folder(const struct volumes *volumes, const struct sandbox_id *id, unsigned folder,
                   char out[static VOLUME_PATH_MAX]);

/* Its block device ("/dev/loop7"); false if it is not mounted. */
bool volume_device(const struct volumes *volumes, const struct sandbox_id *id,
                   char out[static VOLUME_PATH_MAX]);

/* Bytes and inodes can each run out: many empty files use up the inodes, one large file the bytes. */
struct volume_use {
    uint64_t used_bytes, inodes_used, inodes_limit;
};
/* What is in use; false if it is not mounted. Takes microseconds. */
bool volume_use(const struct volumes *volumes, const struct sandbox_id *id, struct volume_use *use);

/* Unmounts and removes it. A missing one is a success. */
void volume_remove(struct volumes *volumes, const struct sandbox_id *id, volume_cb *cb, void *arg);

/* Removes a disk that belongs to no sandbox, and releases the loop devices that hold its file. */
void volume_remove_orphan(struct volumes *volumes, const struct sandbox_id *id, volume_cb *cb, void *arg);

/* The folder of the disks. Any thread, as is volume_list. */
const char *volumes_dir(const struct volumes *volumes);

/* The ids of all disks there, also incomplete ones. The caller frees *ids. */
size_t volume_list(const struct volumes *volumes, struct sandbox_id **ids);

#endif
