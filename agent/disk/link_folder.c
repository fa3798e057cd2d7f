#include "agent/disk/link_folder.h"

#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>

/* No flags: runc could not mount a part of it read-only in a user namespace. The inodes are enough for a
 * folder and a socket of each sandbox that a host may hold, and for as many that have just ended. */
#define OPTIONS "mode=0711,size=4m,nr_inodes=20000"

static bool is_empty(const char *dir)
{
    DIR *folder = opendir(dir);
    int count = 0;
    while (folder && readdir(folder))
        count++;
    if (folder)
        closedir(folder);
    return count == 2; /* "." and ".." */
}

static bool is_mounted(const char *dir)
{
    char above[512];
    struct stat inside, outside;
    snprintf(above, sizeof above, "%s/..", dir);
    return !stat(dir, &inside) && !stat(above, &outside) && inside.st_dev != outside.st_dev;
}

int link_folder_mount(const char *dir, struct err *e)
{
    if (is_mounted(dir) || !is_empty(dir) || !mount("corral-links", dir, "tmpfs", 0, OPTIONS))
        return 0;
    return err_set(e, ERR_IO, "%s: %s", dir, strerror(errno));
}
