#include "agent/disk/loop_file.h"

#include "common/base/mem.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/loop.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

typedef void found_fn(void *arg, const char *device, const struct sandbox_id *id);

static unsigned long long folder_number(const char *dir)
{
    struct stat st;
    return stat(dir, &st) ? 0 : (unsigned long long)st.st_ino;
}

void loop_file_label(const char *dir, const struct sandbox_id *id, char out[static LOOP_LABEL_SIZE])
{
    snprintf(out, LOOP_LABEL_SIZE, "%s %llx", id->text, folder_number(dir));
}

/* Whether this loop device belongs to a disk in this folder, by its label and the file system of its file. */
static bool is_disk(const char *device, const char *dir, struct sandbox_id *id)
{
    char path[NAME_MAX + 8], name[SANDBOX_ID_LEN + 1], label[LOOP_LABEL_SIZE];
    struct loop_info64 info = {0};
    struct stat st;
    snprintf(path, sizeof path, "/dev/%s", device);
    int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    bool good = fd >= 0 && !ioctl(fd, LOOP_GET_STATUS64, &info) && !stat(dir, &st);
    if (fd >= 0)
        close(fd);
    snprintf(name, sizeof name, "%.*s", SANDBOX_ID_LEN, (char *)info.lo_file_name);
    if (!good || !sandbox_id_parse(name, id))
        return false;
    loop_file_label(dir, id, label);
    return !strncmp(label, (char *)info.lo_file_name, LOOP_LABEL_SIZE) && info.lo_device == st.st_dev;
}

static bool read_line(const char *path, char *out, size_t size)
{
    FILE *f = fopen(path, "re");
    bool good = f && fgets(out, (int)size, f);
    if (f)
        fclose(f);
    return good;
}

/* Opens only devices whose backing file, as shown in /sys, has our file name: others are not ours. */
static void each(const char *dir, found_fn *found, void *arg)
{
    char path[NAME_MAX + 64], backing[PATH_MAX];
    static const char ours[] = "/" LOOP_FILE_NAME;
    DIR *block = opendir("/sys/block");
    if (!block)
        return;
    for (struct dirent *entry; (entry = readdir(block));) {
        struct sandbox_id id;
        snprintf(path, sizeof path, "/sys/block/%s/loop/backing_file", entry->d_name);
        if (!strncmp(entry->d_name, "loop", 4) && read_line(path, backing, sizeof backing) &&
            strstr(backing, ours) && is_disk(entry->d_name, dir, &id))
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
