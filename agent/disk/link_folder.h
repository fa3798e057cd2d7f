/*
 * The folder of the inits' sockets, on a tmpfs: the loop creates and removes files in it, and a disk that
 * hangs, or is frozen for a snapshot, would block the loop. Each sandbox has its own folder of it mounted, so
 * the tmpfs stays mounted when the agent ends; after a boot, nothing of it is needed. Not thread-safe.
 */
#ifndef CORRAL_AGENT_DISK_LINK_FOLDER_H
#define CORRAL_AGENT_DISK_LINK_FOLDER_H

#include "common/base/err.h"

/*
 * dir exists. Does nothing if it is mounted already, or if it contains folders of an older agent's sandboxes.
 * ERR_IO: it stays on the disk.
 */
int link_folder_mount(const char *dir, struct err *e) MUST_CHECK;

#endif
