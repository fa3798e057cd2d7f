#include "agent/disk/loop_file.h"

#include "common/mem.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/loop.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

typedef void found_fn(void *arg, const char *device, const struct sandbox_id *id);

/* What /sys says is behind a device: DIR/ID.img, perhaps with " (deleted)" after it. */
static bool is_disk(const char *backing, const char *dir, struct sandbox_id *id)
{
    size_t n = strlen(dir);
    char name[SANDBOX_ID_LEN + 1];
    if (strncmp(backing, dir, n) || backing[n] != '/')
        return false;
    snprintf(name, sizeof name, "%s", backing + n + 1);
    return sandbox_id_parse(name, id) && !strncmp(backing + n + 1 + SANDBOX_ID_LEN, ".img", 4);
}

static bool read_line(const char *path, char *out, size_t size)
{
    FILE *f = fopen(path, "re");
    bool good = f && fgets(out, (int)size, f);
    if (f)
        fclose(f);
    return good;
}

static void each(const char *dir, found_fn *found, void *arg)
{
    char real[PATH_MAX], path[NAME_MAX + 64], backing[PATH_MAX];
    DIR *block = realpath(dir, real) ? opendir("/sys/block") : NULL;
    if (!block)
        return;
    for (struct dirent *entry; (entry = readdir(block));) {
        struct sandbox_id id;
        snprintf(path, sizeof path, "/sys/block/%s/loop/backing_file", entry->d_name);
        if (!strncmp(entry->d_name, "loop", 4) && read_line(path, backing, sizeof backing) &&
            is_disk(backing, real, &id))
            found(arg, entry->d_name, &id);
    }
    closedir(block);
}

struct listing {
    struct sandbox_id *ids;
    size_t count;
};

static void list_one(void *arg, const char *device, const struct sandbox_id *id)
{
    struct listing *listing = arg;
    listing->ids = mem_grow(listing->ids, listing->count + 1, sizeof *listing->ids);
    listing->ids[listing->count++] = *id;
}

size_t loop_file_list(const char *dir, struct sandbox_id **ids)
{
    struct listing listing = {0};
    each(dir, list_one, &listing);
    *ids = listing.ids;
    return listing.count;
}

static void detach_one(void *arg, const char *device, const struct sandbox_id *id)
{
    char path[NAME_MAX + 8];
    if (memcmp(arg, id, sizeof *id))
        return;
    snprintf(path, sizeof path, "/dev/%s", device);
    int fd = open(path, O_RDWR | O_CLOEXEC);
    if (fd < 0)
        return;
    ioctl(fd, LOOP_CLR_FD);
    close(fd);
}

void loop_file_detach(const char *dir, const struct sandbox_id *id)
{
    each(dir, detach_one, (void *)(uintptr_t)id);
}
