/*
 * Loop devices whose file is a sandbox's disk. A device is released with its mount; devices that a crash or a
 * person left behind are found here. The path in /sys/block is the same for all of them (volume.c says why),
 * so each carries a label that only the host's root can read (LOOP_GET_STATUS64): the sandbox's id, and the
 * inode of the folder of the disks. Opens devices, so it may wait for them.
 */
#ifndef CORRAL_AGENT_DISK_LOOP_FILE_H
#define CORRAL_AGENT_DISK_LOOP_FILE_H

#include "common/base/id.h"

#include <stddef.h>

#define LOOP_FILE_NAME  "disk" /* of the file, in a folder of its own */
#define LOOP_LABEL_SIZE 64     /* LO_NAME_SIZE */

/* The label to write into lo_file_name of this disk's device. */
void loop_file_label(const char *dir, const struct sandbox_id *id, char out[static LOOP_LABEL_SIZE]);

/*
 * The ids of disks in this folder that a loop device holds, even if the file is gone. The caller frees *ids.
 */
size_t loop_file_list(const char *dir, struct sandbox_id **ids);

/* Releases every loop device of this disk; a mounted one is released with its mount. */
void loop_file_detach(const char *dir, const struct sandbox_id *id);

#endif
