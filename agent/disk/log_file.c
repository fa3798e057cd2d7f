#include "agent/disk/log_file.h"

#include "common/base/mem.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#define MAGIC  "corral-log 1\n"
#define SUFFIX ".log"
#define FRESH  ".new"
#define PACKED_MAX                                                                                           \
    (LOG_PACKED_MAX + (1u << 20)) /* bytes of a file: what cannot be compressed grows a little */

/* Text, so that people can read it; then the compressed records. */
#define HEAD_FORMAT MAGIC "user %s\nended_ms %llu\ntruncated %d\nbytes %zu\n\n"
#define HEAD_MAX    256

static void path_of(char out[static 512], const char *folder, const struct sandbox_id *id, const char *more)
{
    snprintf(out, 512, "%s/%s%s%s", folder, id->text, SUFFIX, more);
}

/* --- writing --- */

static int write_all(int fd, const void *bytes, size_t len)
{
    const char *at = bytes;
    while (len) {
        ssize_t n = write(fd, at, len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n ? errno : EIO;
        at += n;
        len -= (size_t)n;
    }
    return 0;
}

static int write_file(const char *path, const char *head, const void *body, size_t len)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return errno;
    int error = write_all(fd, head, strlen(head));
    if (!error)
        error = write_all(fd, body, len);
    if (!error && fsync(fd))
        error = errno;
    if (close(fd) && !error)
        error = errno;
    return error;
}

/* So that the name outlives the host, too. Without that the log is there all the same. */
static void sync_folder(const char *folder)
{
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return;
    (void)fsync(fd);
    close(fd);
}

int log_file_write(const char *folder, struct log_entry *entry, const struct log_tape *tape, struct err *e)
{
    char path[512], fresh[512], head[HEAD_MAX];
    size_t raw = tape->to - tape->from;
    uLongf len = compressBound(raw);
    CLEANUP(mem_free_ptr) uint8_t *body = mem_zalloc(len);
    path_of(path, folder, &entry->id, "");
    path_of(fresh, folder, &entry->id, FRESH);
    if (compress2(body, &len, raw ? tape->bytes + tape->from : (const uint8_t *)"", raw, Z_BEST_SPEED) !=
        Z_OK)
        return err_set(e, ERR_IO, "%s: it cannot be compressed", path);
    snprintf(head, sizeof head, HEAD_FORMAT, entry->user[0] ? entry->user : "-",
             (unsigned long long)entry->ended_ms, tape->truncated, raw);
    int error = write_file(fresh, head, body, len);
    if (!error && rename(fresh, path))
        error = errno;
    if (error) {
        unlink(fresh);
        return err_set(e, ERR_IO, "%s: %s", path, strerror(error));
    }
    sync_folder(folder);
    entry->bytes = strlen(head) + len;
    return 0;
}

/* --- reading --- */

/* Reads the head; returns its length, 0 where it is none. */
static size_t read_head(const char *bytes, size_t len, struct log_entry *entry, bool *truncated, size_t *raw)
{
    char head[HEAD_MAX];
    unsigned long long ended;
    int cut, n = 0;
    size_t some = len < sizeof head - 1 ? len : sizeof head - 1;
    memcpy(head, bytes, some);
    head[some] = 0;
    if (strncmp(head, MAGIC, strlen(MAGIC)) != 0 ||
        sscanf(head + strlen(MAGIC), "user %63s ended_ms %20llu truncated %1d bytes %10zu%n", entry->user,
               &ended, &cut, raw, &n) != 4)
        return 0;
    const char *end = head + strlen(MAGIC) + n;
    entry->ended_ms = ended;
    *truncated = cut != 0;
    return *raw <= LOG_PACKED_MAX && !strncmp(end, "\n\n", 2) ? (size_t)(end + 2 - head) : 0;
}

/* Reads at most max bytes of a file. *len: what was read; entry->bytes: the size of the file. */
static int read_file(const char *path, char **out, size_t max, size_t *len, struct log_entry *entry)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0)
        return errno;
    int error = fstat(fd, &st) ? errno : S_ISREG(st.st_mode) ? 0 : EINVAL;
    entry->bytes = error ? 0 : (uint64_t)st.st_size;
    size_t size = entry->bytes < max ? (size_t)entry->bytes : max;
    *out = mem_zalloc(size + 1);
    *len = 0;
    while (!error && *len < size) {
        ssize_t n = read(fd, *out + *len, size - *len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            error = n ? errno : EIO;
        else
            *len += (size_t)n;
    }
    close(fd);
    return error;
}

/* Whether the bytes are whole records; counts them. */
static bool take_records(struct log_tape *tape)
{
    struct log_record record;
    size_t at = tape->from;
    while (at < tape->to) {
        long n = log_record_read(tape->bytes + at, tape->to - at, &record);
        if (n <= 0)
            return false;
        at += (size_t)n;
        tape->text += record.len;
        tape->cost += record.len + LOG_RECORD_COST;
    }
    return true;
}

static bool unpack(const char *bytes, size_t len, size_t raw, struct log_tape *tape)
{
    uLongf size = raw;
    tape->bytes = mem_zalloc(raw + 1);
    tape->room = raw + 1;
    if (uncompress(tape->bytes, &size, (const Bytef *)bytes, len) != Z_OK || size != raw)
        return false;
    tape->to = raw;
    return take_records(tape);
}

bool log_file_parse(const char *bytes, size_t len, struct log_entry *entry, struct log_tape *tape)
{
    size_t raw, head = read_head(bytes, len, entry, &tape->truncated, &raw);
    return head && unpack(bytes + head, len - head, raw, tape);
}

int log_file_read(const char *folder, const struct sandbox_id *id, struct log_entry *entry,
                  struct log_tape *tape, struct err *e)
{
    char path[512];
    CLEANUP(mem_free_ptr) char *bytes = NULL;
    size_t len = 0;
    *entry = (struct log_entry){.id = *id};
    path_of(path, folder, id, "");
    int error = read_file(path, &bytes, PACKED_MAX, &len, entry);
    if (error == ENOENT)
        return err_set(e, ERR_LOGS_GONE, "the logs of this sandbox are not kept any more");
    if (!error && !log_file_parse(bytes, len, entry, tape))
        error = EINVAL;
    if (!error)
        return 0;
    log_tape_fini(tape);
    return err_set(e, ERR_IO, "%s: %s", path, strerror(error));
}

/* --- the folder --- */

int log_file_remove(const char *folder, const struct sandbox_id *id, struct err *e)
{
    char path[512];
    path_of(path, folder, id, "");
    return unlink(path) && errno != ENOENT ? err_set(e, ERR_IO, "%s: %s", path, strerror(errno)) : 0;
}

/* Whether a file of this name is a log, by its name alone. */
static bool is_named(const char *name, struct sandbox_id *id)
{
    char text[SANDBOX_ID_LEN + 1];
    snprintf(text, sizeof text, "%.*s", SANDBOX_ID_LEN, name);
    return strlen(name) == SANDBOX_ID_LEN + strlen(SUFFIX) && !strcmp(name + SANDBOX_ID_LEN, SUFFIX) &&
           sandbox_id_parse(text, id);
}

void log_file_clean(const char *folder)
{
    struct sandbox_id id;
    DIR *dir = opendir(folder);
    for (struct dirent *found; dir && (found = readdir(dir));) {
        if (found->d_name[0] != '.' && !is_named(found->d_name, &id))
            unlinkat(dirfd(dir), found->d_name, 0);
    }
    if (dir)
        closedir(dir);
}

/* 0; EINVAL: it is damaged; another errno: it cannot be read now. */
static int read_entry(const char *folder, struct log_entry *entry)
{
    char path[512];
    CLEANUP(mem_free_ptr) char *head = NULL;
    size_t len = 0, raw;
    bool truncated;
    path_of(path, folder, &entry->id, "");
    int error = read_file(path, &head, HEAD_MAX, &len, entry);
    return error || read_head(head, len, entry, &truncated, &raw) ? error : EINVAL;
}

static int by_end(const void *a, const void *b)
{
    const struct log_entry *one = a, *other = b;
    return (one->ended_ms > other->ended_ms) - (one->ended_ms < other->ended_ms);
}

size_t log_file_list(const char *folder, struct log_entry **out)
{
    size_t count = 0;
    DIR *dir = opendir(folder);
    *out = NULL;
    for (struct dirent *found; dir && (found = readdir(dir));) {
        struct log_entry entry = {.bytes = 0};
        if (!is_named(found->d_name, &entry.id))
            continue; /* one that is being written */
        int error = count == LOGS_MAX ? EINVAL : read_entry(folder, &entry);
        if (error == EINVAL)
            unlinkat(dirfd(dir), found->d_name, 0);
        if (error)
            continue;
        if (!(count & (count + 1)))
            *out = mem_grow(*out, 2 * (count + 1), sizeof **out);
        (*out)[count++] = entry;
    }
    if (dir)
        closedir(dir);
    if (count)
        qsort(*out, count, sizeof **out, by_end);
    return count;
}
