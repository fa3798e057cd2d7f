#include "agent/disk/record_slots.h"

#include "common/base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BLOCK 4096
#define ROOM  1024 /* to grow in place */

/* A slot's first line: its number, and the checksum of its text and number, as hexadecimal digits. */
#define HEAD     "corral-slot "
#define HEAD_LEN (sizeof HEAD - 1 + 16 + 1 + 16 + 1)

uint64_t record_slots_sum(const char *text, size_t len)
{
    uint64_t sum = 0xcbf29ce484222325u;
    for (size_t i = 0; i < len; i++)
        sum = (sum ^ (unsigned char)text[i]) * 0x100000001b3u;
    return sum;
}

static uint64_t slot_sum(uint64_t number, const char *text, size_t len)
{
    return record_slots_sum(text, len) ^ number * 0x9e3779b97f4a7c15u;
}

/* --- reading --- */

/* The number of a slot, which is 0 if it holds no whole text. */
static uint64_t number_of(const char *slot, size_t size)
{
    char *end;
    if (size <= HEAD_LEN || memcmp(slot, HEAD, sizeof HEAD - 1) != 0 || slot[HEAD_LEN - 1] != '\n')
        return 0;
    uint64_t number = strtoull(slot + sizeof HEAD - 1, &end, 16);
    if (*end != ' ')
        return 0;
    size_t len = strnlen(slot + HEAD_LEN, size - HEAD_LEN);
    bool whole = len < size - HEAD_LEN && strtoull(end, NULL, 16) == slot_sum(number, slot + HEAD_LEN, len);
    return whole ? number : 0;
}

struct newest {
    int slot; /* -1: none */
    uint64_t number;
    size_t size; /* of a slot */
};

static struct newest newest_of(const char *bytes, size_t len)
{
    struct newest newest = {.slot = -1, .size = len / 2};
    if (!len || len % (2 * BLOCK))
        return newest;
    for (int i = 0; i < 2; i++) {
        uint64_t number = number_of(bytes + (size_t)i * newest.size, newest.size);
        if (number > newest.number) {
            newest.number = number;
            newest.slot = i;
        }
    }
    return newest;
}

const char *record_slots_find(const char *bytes, size_t len)
{
    struct newest newest = newest_of(bytes, len);
    return newest.slot < 0 ? bytes : bytes + (size_t)newest.slot * newest.size + HEAD_LEN;
}

/* --- writing --- */

/* Puts line and text at the beginning of a slot, all zero. */
static void fill(char *slot, uint64_t number, const char *text)
{
    size_t len = strlen(text);
    sprintf(slot, HEAD "%016" PRIx64 " %016" PRIx64 "\n", number, slot_sum(number, text, len));
    memcpy(slot + HEAD_LEN, text, len);
}

static int write_at(int fd, const char *bytes, size_t len, off_t at)
{
    ssize_t n = pwrite(fd, bytes, len, at);
    if (n >= 0 && (size_t)n < len)
        errno = ENOSPC;
    return n == (ssize_t)len ? 0 : -1;
}

static int sync_folder(const char *dir)
{
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int rc = fd < 0 ? -1 : fsync(fd);
    if (fd >= 0)
        close(fd);
    return rc;
}

static int write_durably(const char *path, const char *bytes, size_t len)
{
    int fd = open(path, O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0600);
    if (fd < 0)
        return -1;
    int rc = write_at(fd, bytes, len, 0);
    if (!rc)
        rc = fsync(fd);
    if (close(fd))
        rc = -1;
    return rc;
}

/* A new file takes the place of what is there. A text that is too long for two slots is written alone. */
static int write_new(const char *dir, const char *path, const char *text)
{
    char temporary[520];
    size_t len = strlen(text), size = (HEAD_LEN + len + ROOM + BLOCK - 1) / BLOCK * BLOCK;
    bool slots = 2 * size <= RECORD_SLOTS_MAX;
    char *bytes = slots ? mem_zalloc(2 * size) : mem_strdup(text);
    if (slots)
        fill(bytes, 1, text);
    snprintf(temporary, sizeof temporary, "%s.new", path);
    int rc = write_durably(temporary, bytes, slots ? 2 * size : len);
    free(bytes);
    if (!rc && !rename(temporary, path))
        return sync_folder(dir);
    return -1;
}

/*
 * Writes the slot. If that fails, the file's cached pages may show a text that the disk does not have: the
 * slot is made invalid in them, so that the next write does not go into the other slot, the only good one.
 */
static int write_slot(int fd, const char *bytes, size_t len, off_t at)
{
    static const char nothing[HEAD_LEN];
    if (!write_at(fd, bytes, len, at) && !fdatasync(fd))
        return 0;
    (void)!write_at(fd, nothing, sizeof nothing, at);
    return -1;
}

static int write_to_slot(int fd, const char *text)
{
    struct stat st;
    size_t len = strlen(text);
    int rc = -1;
    if (fstat(fd, &st) || !S_ISREG(st.st_mode) || st.st_size <= 0 || st.st_size > RECORD_SLOTS_MAX)
        return -1;
    size_t size = (size_t)st.st_size;
    char *bytes = mem_zalloc(size + 1);
    struct newest newest = {.slot = -1};
    if (pread(fd, bytes, size, 0) == (ssize_t)size)
        newest = newest_of(bytes, size);
    if (newest.slot >= 0 && HEAD_LEN + len < newest.size) {
        memset(bytes, 0, newest.size);
        fill(bytes, newest.number + 1, text);
        rc = write_slot(fd, bytes, newest.size, newest.slot == 0 ? (off_t)newest.size : 0);
    }
    free(bytes);
    return rc;
}

/* Opens only a regular file, so that the open never blocks, whatever somebody put there. */
static bool write_in_place(const char *path, const char *text)
{
    int fd = open(path, O_RDWR | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC);
    bool written = fd >= 0 && !write_to_slot(fd, text);
    if (fd >= 0)
        close(fd);
    return written;
}

int record_slots_write(const char *dir, const char *name, const char *text)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    return write_in_place(path, text) ? 0 : write_new(dir, path, text);
}
