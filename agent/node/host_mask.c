#include "agent/node/host_mask.h"

#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BUSES_MAX 16

/* A given list replaces Docker's, so these are Docker's entries (20.10 to 28) and then ours. */
static const char *const masked[] = {
    "/proc/acpi",
    "/proc/asound",
    "/proc/interrupts",
    "/proc/kcore",
    "/proc/keys",
    "/proc/latency_stats",
    "/proc/sched_debug",
    "/proc/scsi",
    "/proc/timer_list",
    "/proc/timer_stats",
    "/sys/devices/virtual/powercap",
    "/sys/firmware",
    /* disks: they show how many sandboxes there are, and what each reads and writes */
    "/proc/diskstats",
    "/proc/fs",
    "/proc/mdstat",
    "/proc/partitions",
    "/proc/swaps",
    "/sys/block",
    "/sys/class/bdi",
    "/sys/class/block",
    "/sys/dev/block",
    "/sys/devices/virtual/bdi",
    "/sys/devices/virtual/block",
    "/sys/fs/bcachefs",
    "/sys/fs/btrfs",
    "/sys/fs/ext4",
    "/sys/fs/f2fs",
    "/sys/fs/xfs",
    /* what all processes together use of the kernel */
    "/proc/buddyinfo",
    "/proc/key-users",
    "/proc/locks",
    "/proc/modules",
    "/proc/pagetypeinfo",
    "/proc/pressure",
    "/proc/schedstat",
    "/proc/softirqs",
    "/proc/sys/fs/aio-nr",
    "/proc/sys/fs/dentry-state",
    "/proc/sys/fs/file-nr",
    "/proc/sys/fs/inode-nr",
    "/proc/sys/fs/inode-state",
    "/proc/sys/fs/quota",
    "/proc/sys/kernel/pty/nr",
    "/proc/zoneinfo",
    "/sys/kernel/cgroup",
    "/sys/kernel/irq",
    "/sys/kernel/slab",
    "/sys/kernel/uevent_seqnum",
    "/sys/module",
    /* how the node was started, and how warm it is */
    "/proc/cmdline",
    "/proc/config.gz",
    "/sys/class/hwmon",
    "/sys/class/thermal",
    "/sys/devices/virtual/thermal",
    "/sys/power",
};

static const char *const read_only[] = {"/proc/bus", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"};

void host_read_only(struct string_list *out)
{
    for (size_t i = 0; i < ARRAY_LEN(read_only); i++)
        string_list_add(out, read_only[i]);
}

static bool has(const struct string_list *list, const char *text)
{
    for (size_t i = 0; i < list->count; i++) {
        if (!strcmp(list->item[i], text))
            return true;
    }
    return false;
}

/* Masks the folder of a disk's bus under /sys/devices, the first part of the disk's link target. */
static void mask_bus(const char *root, const char *disk, struct string_list *out)
{
    static const char devices[] = "/sys/devices/";
    char path[PATH_MAX], real[PATH_MAX], bus[300];
    snprintf(path, sizeof path, "%s/sys/block/%s", root, disk);
    if (!realpath(path, real))
        return;
    const char *at = strstr(real, devices);
    if (!at)
        return;
    at += sizeof devices - 1;
    snprintf(bus, sizeof bus, "%s%.*s", devices, (int)strcspn(at, "/"), at);
    if (strcmp(bus, "/sys/devices/virtual") && !has(out, bus) && out->count < ARRAY_LEN(masked) + BUSES_MAX)
        string_list_add(out, bus);
}

void host_masks(const char *root, struct string_list *out)
{
    char path[PATH_MAX];
    for (size_t i = 0; i < ARRAY_LEN(masked); i++)
        string_list_add(out, masked[i]);
    snprintf(path, sizeof path, "%s/sys/block", root);
    DIR *block = opendir(path);
    for (struct dirent *entry; block && (entry = readdir(block));) {
        if (entry->d_name[0] != '.')
            mask_bus(root, entry->d_name, out);
    }
    if (block)
        closedir(block);
}
