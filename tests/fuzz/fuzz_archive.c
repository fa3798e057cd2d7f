#include "tests/fuzz/target.h"

#include "agent/init/init_file.h"
#include "agent/init/init_tar.h"
#include "agent/init/init_unzip.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* Bytes that come in pieces of this size. */
struct source {
    const uint8_t *bytes;
    size_t len, piece;
};

static int read_source(void *arg, void *bytes, size_t len, size_t *got)
{
    struct source *s = arg;
    *got = s->len < s->piece ? s->len : s->piece;
    if (*got > len)
        *got = len;
    memcpy(bytes, s->bytes, *got);
    s->bytes += *got;
    s->len -= *got;
    return 0;
}

static void check_path(const char *path, size_t max)
{
    if (strlen(path) > max || path[0] == '/')
        abort();
    for (const char *part = path; part; part = strchr(part, '/')) {
        part += *part == '/';
        size_t len = strcspn(part, "/");
        if ((!len && *path) || (len == 1 && part[0] == '.') || (len == 2 && !strncmp(part, "..", 2)))
            abort();
    }
}

static bool is_fault(int error)
{
    return error == 12 /* ENOMEM */ || (error >= INIT_FAULT_NO_ARCHIVE && error < INIT_FAULT_END);
}

/* What is told of a member is what it may say; a file has all of its bytes, or the archive is cut. */
static void check_member(struct init_tar *tar, const struct init_tar_member *m, uint64_t limit)
{
    char bytes[1000];
    uint64_t had = 0;
    size_t got = 1;
    int error = 0;
    check_path(m->path, INIT_TAR_PATH_MAX);
    if (m->type == INIT_TAR_HARD_LINK)
        check_path(m->target, INIT_TAR_PATH_MAX);
    if (m->mode > 07777 || m->size > INT64_MAX || m->modified_ns >= 1000000000 ||
        (m->type != INIT_TAR_FILE && m->size) || (!m->path[0] && m->type != INIT_TAR_FOLDER) ||
        ((m->type == INIT_TAR_SYMLINK || m->type == INIT_TAR_HARD_LINK) && !tar->target[0]))
        abort();
    while (!error && got && had < limit) {
        error = init_tar_data(tar, bytes, sizeof bytes, &got);
        had += got;
    }
    if ((error && !is_fault(error)) || (!error && !got && had != m->size))
        abort();
}

static void read_all(init_tar_read_fn *read, void *arg)
{
    struct init_tar *tar = calloc(1, sizeof *tar);
    struct init_tar_member m;
    int error;
    tar->read = read;
    tar->arg = arg;
    for (int members = 0; !(error = init_tar_next(tar, &m)) && members < 1000; members++)
        check_member(tar, &m, members % 3 ? UINT64_MAX : 100);
    if (error && error != INIT_TAR_END && !is_fault(error))
        abort();
    free(tar);
}

/* What is written is what is read. */
static void write_and_read(const struct init_tar_member *m)
{
    static char head[INIT_TAR_HEAD_MAX];
    struct init_tar_member back;
    size_t len = init_tar_format(m, head);
    struct source source = {(uint8_t *)head, len, 4096};
    struct init_tar *tar = calloc(1, sizeof *tar);
    tar->read = read_source;
    tar->arg = &source;
    if (len > sizeof head || init_tar_next(tar, &back) || strcmp(back.path, m->path) != 0 ||
        strcmp(back.target, m->target) != 0 || back.size != m->size || back.mode != m->mode ||
        back.modified_s != m->modified_s)
        abort();
    free(tar);
}

/* The first bytes: numbers; then a path, and a target behind a NUL. */
static void write_member(const uint8_t *bytes, size_t len)
{
    static const enum init_tar_type types[] = {INIT_TAR_FILE, INIT_TAR_FOLDER, INIT_TAR_SYMLINK};
    if (len < 18)
        return;
    struct init_tar_member m = {.type = types[bytes[0] % 3], .target = "", .mode = bytes[1] * 16u};
    char *path = calloc(1, len + 1);
    memcpy(path, bytes + 18, len - 18);
    size_t path_len = strlen(path);
    m.path = path;
    if (m.type == INIT_TAR_SYMLINK)
        m.target = path_len + 1 < len - 18 && path[path_len + 1] ? path + path_len + 1 : "x";
    memcpy(&m.modified_s, bytes + 2, 8);
    memcpy(&m.size, bytes + 10, 8);
    m.size = m.type == INIT_TAR_FILE ? m.size >> 2 : 0;
    m.modified_s /= 2;
    if (path_len < INIT_TAR_PATH_MAX && init_tar_clean(path) && (*path || m.type == INIT_TAR_FOLDER))
        write_and_read(&m);
    free(path);
}

static void unzip(const uint8_t *bytes, size_t len)
{
    int fd = memfd_create("in", MFD_CLOEXEC);
    if (fd < 0 || write(fd, bytes, len) != (ssize_t)len || lseek(fd, 0, SEEK_SET))
        abort();
    struct init_unzip *zip = init_unzip_open(fd);
    read_all(init_unzip_read, zip);
    init_unzip_close(zip);
    close(fd);
}

/* The first byte says what the others are, the second in how large pieces they come. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    if (len < 2)
        return 0;
    struct source source = {bytes + 2, len - 2, bytes[1] + 1u};
    if (bytes[0] == 'z')
        unzip(bytes + 2, len - 2);
    else if (bytes[0] == 'w')
        write_member(bytes + 2, len - 2);
    else
        read_all(read_source, &source);
    return 0;
}
