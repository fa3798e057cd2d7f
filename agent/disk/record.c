#include "agent/disk/record.h"

#include "agent/disk/record_slots.h"
#include "common/base/mem.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SUM_LEN 21 /* "sum ", 16 digits and a line end */

/* The numbers of a record: name and place of each. */
struct number {
    const char *name;
    size_t offset, size;
};
#define NUMBER(member)                                                                                       \
    {                                                                                                        \
#member, offsetof(struct sandbox_record, member), sizeof(((struct sandbox_record *)0)->member)       \
    }
static const struct number numbers[] = {
    NUMBER(generation),
    NUMBER(number),
    NUMBER(phase),
    NUMBER(desired),
    NUMBER(paused),
    NUMBER(idled),
    NUMBER(unfit),
    NUMBER(pooled),
    NUMBER(warm),
    NUMBER(renewed),
    NUMBER(failed),
    NUMBER(node_fault),
    NUMBER(reason),
    NUMBER(has_exit_code),
    NUMBER(exit_code),
    NUMBER(ran),
    NUMBER(unready),
    NUMBER(enforced),
    NUMBER(by_docker),
    NUMBER(deadline_ms),
    NUMBER(started_ms),
    NUMBER(ended_ms),
    NUMBER(deadline_wall_ms),
#define LIMIT(KIND, name, ...) NUMBER(limits.name),
#include "common/model/limit.def"
    NUMBER(last_ms),
    NUMBER(last.memory_used_bytes),
    NUMBER(last.memory_working_set_bytes),
    NUMBER(last.memory_unreclaimable_bytes),
    NUMBER(last.memory_limit_bytes),
    NUMBER(last.memory_peak_bytes),
    NUMBER(last.oom_kills),
    NUMBER(last.cpu_usage_ns),
    NUMBER(last.cpu_limit_millis),
    NUMBER(last.cpu_centi),
    NUMBER(last.throttled_centi),
    NUMBER(last.disk_used_bytes),
    NUMBER(last.disk_inodes_used),
    NUMBER(last.disk_inodes_limit),
    NUMBER(last.disk_limit_bytes),
    NUMBER(last.rx_bytes),
    NUMBER(last.tx_bytes),
    NUMBER(last.rx_packets),
    NUMBER(last.tx_packets),
    NUMBER(last.pids),
    NUMBER(last.pids_limit),
};

static uint64_t number_get(const struct number *n, const struct sandbox_record *record)
{
    uint64_t value = 0;
    memcpy(&value, (const char *)record + n->offset,
           n->size); /* little endian, as all machines that Corral runs on */
    return value;
}

char *record_format(const struct sandbox_record *r)
{
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);
    if (!out)
        abort();
    fprintf(out, "corral-record 1\nid %s\n", r->id.text);
    for (size_t i = 0; i < ARRAY_LEN(numbers); i++)
        fprintf(out, "%s %" PRIu64 "\n", numbers[i].name, number_get(&numbers[i], r));
    fprintf(out, "boot_id %s\ncontainer_id %s\ndetail ", r->boot_id, r->container_id);
    for (const char *c = r->detail; *c; c++)
        fputc((unsigned char)*c < ' ' ? ' ' : *c, out);
    fputs("\nspec ", out);
    for (size_t i = 0; i < r->spec_len; i++)
        fprintf(out, "%02x", r->spec[i]);
    fputc('\n', out);
    fflush(out);
    fprintf(out, "sum %016" PRIx64 "\n", record_slots_sum(text, len));
    fclose(out);
    return text;
}

/* --- parsing --- */

static bool text_take(const char *value, size_t len, char *out, size_t size)
{
    if (len >= size)
        return false;
    memcpy(out, value, len);
    out[len] = 0;
    return true;
}

static int digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool spec_take(const char *value, size_t len, struct sandbox_record *out)
{
    if (len % 2 || out->spec)
        return false;
    out->spec = mem_zalloc(len / 2 + 1);
    out->spec_len = len / 2;
    for (size_t i = 0; i < len / 2; i++) {
        int high = digit(value[2 * i]), low = digit(value[2 * i + 1]);
        if (high < 0 || low < 0)
            return false;
        out->spec[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}

static bool number_take(const char *name, size_t name_len, const char *value, struct sandbox_record *out)
{
    for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
        const struct number *n = &numbers[i];
        if (strlen(n->name) != name_len || strncmp(n->name, name, name_len))
            continue;
        char *end;
        uint64_t number = strtoull(value, &end, 10);
        if (*end != '\n' || end == value)
            return false;
        if (n->size == sizeof(bool))
            number = number != 0;
        memcpy((char *)out + n->offset, &number, n->size);
        return true;
    }
    return true; /* a key of a newer agent */
}

static bool line_take(const char *line, size_t len, struct sandbox_record *out)
{
    const char *space = memchr(line, ' ', len);
    if (!space)
        return false;
    size_t name_len = (size_t)(space - line);
    const char *value = space + 1;
    size_t value_len = len - name_len - 1;
    char id[SANDBOX_ID_LEN + 1];
    if (!strncmp(line, "id ", 3))
        return text_take(value, value_len, id, sizeof id) && sandbox_id_parse(id, &out->id);
    if (!strncmp(line, "boot_id ", 8))
        return text_take(value, value_len, out->boot_id, sizeof out->boot_id);
    if (!strncmp(line, "container_id ", 13))
        return text_take(value, value_len, out->container_id, sizeof out->container_id);
    if (!strncmp(line, "detail ", 7))
        return text_take(value, value_len, out->detail, sizeof out->detail);
    if (!strncmp(line, "spec ", 5))
        return spec_take(value, value_len, out);
    return number_take(line, name_len, value, out);
}

static bool sum_holds(const char *text, size_t len)
{
    if (len < SUM_LEN || strncmp(text + len - SUM_LEN, "sum ", 4) || text[len - 1] != '\n')
        return false;
    return strtoull(text + len - SUM_LEN + 4, NULL, 16) == record_slots_sum(text, len - SUM_LEN);
}

/* The id is used in paths. */
static bool is_container_id(const char *text)
{
    size_t len = strlen(text);
    return !len || (len == 64 && strspn(text, "0123456789abcdef") == len);
}

static bool plausible(const struct sandbox_record *r)
{
    return r->id.text[0] && r->phase <= PHASE_ENDED && r->desired <= DESIRED_GONE &&
           r->reason < SANDBOX_REASON_COUNT && is_container_id(r->container_id);
}

int record_parse(const char *text, struct sandbox_record *out, struct err *e)
{
    size_t len = strlen(text);
    memset(out, 0, sizeof *out);
    bool good = !strncmp(text, "corral-record 1\n", 16) && sum_holds(text, len);
    for (const char *line = text + 13; good && line < text + len - SUM_LEN;) {
        size_t n = strcspn(line, "\n");
        good = line_take(line, n, out);
        line += n + 1;
    }
    if (good && plausible(out))
        return 0;
    free(out->spec);
    memset(out, 0, sizeof *out);
    return err_set(e, ERR_PROTOCOL, "it is incomplete, or not a record");
}

/* --- files --- */

int record_write(const char *dir, const struct sandbox_id *id, const char *text, struct err *e)
{
    if (record_slots_write(dir, id->text, text))
        return err_set(e, ERR_IO, "%s/%s: %s", dir, id->text, strerror(errno));
    return 0;
}

int record_remove(const char *dir, const struct sandbox_id *id, struct err *e)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%s", dir, id->text);
    if (unlink(path) && errno != ENOENT)
        return err_set(e, ERR_IO, "%s: %s", path, strerror(errno));
    return 0;
}

/* Opens only a regular file, so that the open never blocks, whatever somebody put there. */
static int open_plainly(const char *path, size_t *size)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC);
    if (fd >= 0 && !fstat(fd, &st) && S_ISREG(st.st_mode)) {
        *size = st.st_size < RECORD_SLOTS_MAX ? (size_t)st.st_size : RECORD_SLOTS_MAX;
        return fd;
    }
    if (fd >= 0)
        close(fd);
    return -1;
}

/*
 * What is read may be in memory only: its agent was killed after the write, and before that was on the disk.
 * The next write goes into the other slot, the only one that the disk has for certain. So what is read is
 * written out first; record_load_all then empties the disk's own cache, once for all records.
 */
static void write_out(int fd)
{
    (void)sync_file_range(fd, 0, 0,
                          SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE | SYNC_FILE_RANGE_WAIT_AFTER);
}

/* Its newest text. */
static char *read_text(const char *path)
{
    size_t size;
    int fd = open_plainly(path, &size);
    if (fd < 0)
        return NULL;
    CLEANUP(mem_free_ptr) char *bytes = mem_zalloc(size + 1);
    ssize_t len = read(fd, bytes, size); /* a read of a regular file returns all of it, or an error */
    write_out(fd);
    close(fd);
    size = len > 0 ? (size_t)len : 0;
    bytes[size] = 0;
    return mem_strdup(record_slots_find(bytes, size));
}

static void load_one(const char *dir, const char *name, record_cb *on_record, record_bad_cb *on_bad,
                     void *arg)
{
    char path[512], aside[520];
    struct sandbox_record record;
    struct err e;
    snprintf(path, sizeof path, "%s/%s", dir, name);
    CLEANUP(mem_free_ptr) char *text = read_text(path);
    bool good = text && !record_parse(text, &record, &e), its_own = good && !strcmp(record.id.text, name);
    if (its_own)
        on_record(arg, &record);
    if (good)
        free(record.spec);
    if (its_own)
        return;
    snprintf(aside, sizeof aside, "%s.bad", path);
    bool moved = !rename(path, aside);
    on_bad(arg, name,
           !moved  ? "it is not a record, and cannot be set aside"
           : !text ? "it cannot be read"
           : good  ? "it is of another sandbox"
                   : e.text);
}

int record_load_all(const char *dir, record_cb *on_record, record_bad_cb *on_bad, void *arg, struct err *e)
{
    if (mkdir(dir, 0700) && errno != EEXIST)
        return err_set(e, ERR_IO, "%s: %s", dir, strerror(errno));
    DIR *folder = opendir(dir);
    if (!folder)
        return err_set(e, ERR_IO, "%s: %s", dir, strerror(errno));
    for (struct dirent *entry; (entry = readdir(folder));) {
        struct sandbox_id id;
        if (sandbox_id_parse(entry->d_name, &id))
            load_one(dir, entry->d_name, on_record, on_bad, arg);
    }
    (void)fsync(dirfd(folder));
    closedir(folder);
    return 0;
}
