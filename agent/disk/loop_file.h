/*
 * Loop devices whose file is a sandbox's disk. They go with their mount; what a crash, or a hand, left behind
 * is found here by the path that the kernel shows in /sys/block.
 */
#ifndef CORRAL_AGENT_DISK_LOOP_FILE_H
#define CORRAL_AGENT_DISK_LOOP_FILE_H

#include "common/id.h"

#include <stddef.h>

/* The ids of disks in this folder that a loop device has, also where the file is gone. The caller frees *ids.
 */
size_t loop_file_list(const char *dir, struct sandbox_id **ids);

/* Lets every loop device of this disk go; one that is mounted goes with its mount. */
void loop_file_detach(const char *dir, const struct sandbox_id *id);

#endif
