/*
 * The folder of the inits' sockets, in memory: the loop makes and removes what is in it, and a disk that
 * hangs, or is frozen for a snapshot, would hold up all that is due on it. Each sandbox has its folder of it
 * mounted, so that it stays mounted when the agent goes; after a boot nothing of it is needed. Not
 * thread-safe against itself.
 */
#ifndef CORRAL_AGENT_DISK_LINK_FOLDER_H
#define CORRAL_AGENT_DISK_LINK_FOLDER_H

#include "common/base/err.h"

/*
 * dir exists. Nothing is done where it is mounted already, or where folders of an older agent's sandboxes lie
 * in it. ERR_IO: it stays on the disk.
 */
int link_folder_mount(const char *dir, struct err *e) MUST_CHECK;

#endif
