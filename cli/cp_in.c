#include "cli/cp.h"
#include "cli/progress.h"
#include "cli/text.h"
#include "cli/transfer.h"

#include "common/base/mem.h"
#include "common/base/text.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PIECE (64u << 10)

char *cp_url(const struct cp_place *place, const char *kind, const char *more)
{
    char *out = NULL;
    CLEANUP(mem_free_ptr) char *path = cli_path("%s", place->path);
    if (asprintf(&out, "/sandbox/%s/%s?path=%s%s%s%s", place->id, kind, path, more,
                 place->admin_access ? "&admin_access=true" : "",
                 place->auto_resume ? "&auto_resume=true" : "") < 0)
        abort();
    return out;
}

static void complain(struct progress *progress, const char *path, const char *why)
{
    CLEANUP(mem_free_ptr) char *safe = text_show_only(mem_strdup(path));
    progress_end(progress);
    fprintf(stderr, "corral: %s: %s\n", safe, why);
}

/* --- one file, or standard input --- */

struct one {
    int fd;
    const char *name;
    int64_t left; /* -1: until its end */
    struct progress progress;
};

static int64_t read_one(void *arg, void *bytes, size_t len)
{
    struct one *one = arg;
    ssize_t n = read(one->fd, bytes, one->left >= 0 && (uint64_t)one->left < len ? (size_t)one->left : len);
    if (n < 0 || (n == 0 && one->left > 0)) {
        complain(&one->progress, one->name, n < 0 ? strerror(errno) : "it became shorter meanwhile");
        return TRANSFER_ERROR;
    }
    one->left -= one->left > 0 ? n : 0;
    progress_add(&one->progress, (uint64_t)n);
    return n;
}

static int send_one(struct cli *cli, int fd, const char *name, int64_t length, const char *url)
{
    struct one one = {.fd = fd, .name = name, .left = length};
    progress_begin(&one.progress, cli, length);
    int rc = transfer_put(cli, url, length, read_one, &one);
    progress_end(&one.progress);
    return rc;
}

int cp_in_file(struct cli *cli, const char *file, const struct cp_place *place)
{
    struct stat st;
    char mode[32];
    struct progress none = {0};
    int fd = open(file, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st)) {
        complain(&none, file, strerror(errno));
        return CLI_REFUSED;
    }
    bool regular = S_ISREG(st.st_mode), sized = regular && st.st_size; /* files of /proc say 0 */
    snprintf(mode, sizeof mode, "&mode=%04o", st.st_mode & 0777);
    CLEANUP(mem_free_ptr) char *url = cp_url(place, "files", regular ? mode : "");
    int rc = send_one(cli, fd, file, sized ? st.st_size : -1, url);
    close(fd);
    return rc;
}

int cp_in_archive(struct cli *cli, const struct cp_place *place)
{
    CLEANUP(mem_free_ptr) char *url = cp_url(place, "archive", "");
    return send_one(cli, STDIN_FILENO, "standard input", -1, url);
}

/* --- a folder --- */

struct tree {
    FTS *fts;
    struct archive *tar;
    struct text bytes; /* of the archive, not sent yet */
    size_t at;
    int fd; /* the file that is being read; -1: none */
    uint64_t left;
    size_t prefix; /* length of the folder's own path */
    bool ended, failed;
    struct progress progress;
};

static ssize_t on_written(struct archive *tar, void *arg, const void *bytes, size_t len)
{
    struct tree *t = arg;
    text_add_bytes(&t->bytes, bytes, len);
    return (ssize_t)len;
}

static void fail(struct tree *t, const char *path, const char *why)
{
    complain(&t->progress, path, why);
    t->failed = true;
}

/* Files are told as files each, also where they have several names. */
static void put_header(struct tree *t, const FTSENT *e, const struct stat *st, const char *target)
{
    const char *path = e->fts_path + t->prefix;
    path += strspn(path, "/");
    struct archive_entry *entry = archive_entry_new();
    archive_entry_copy_pathname(entry, *path ? path : ".");
    archive_entry_copy_stat(entry, st);
    archive_entry_set_uid(entry, 1000);
    archive_entry_set_gid(entry, 1000);
    if (target)
        archive_entry_copy_symlink(entry, target);
    if (!S_ISREG(st->st_mode))
        archive_entry_set_size(entry, 0);
    if (archive_write_header(t->tar, entry) < ARCHIVE_WARN)
        fail(t, e->fts_path, archive_error_string(t->tar));
    archive_entry_free(entry);
}

static void put_symlink(struct tree *t, const FTSENT *e)
{
    char target[PATH_MAX];
    ssize_t n = readlink(e->fts_accpath, target, sizeof target - 1);
    if (n < 0) {
        fail(t, e->fts_path, strerror(errno));
        return;
    }
    target[n] = 0;
    put_header(t, e, e->fts_statp, target);
}

/* Opened before its header is written, which states its size. */
static void begin_file(struct tree *t, const FTSENT *e)
{
    struct stat st;
    t->fd = open(e->fts_accpath, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (t->fd < 0 || fstat(t->fd, &st)) {
        fail(t, e->fts_path, strerror(errno));
        return;
    }
    if (S_ISREG(st.st_mode)) {
        t->left = (uint64_t)st.st_size;
        put_header(t, e, &st, NULL);
    } else {
        close(t->fd);
        t->fd = -1;
    }
}

/* One that becomes shorter is filled up with zeros, as tar does. */
static void read_file(struct tree *t)
{
    static char bytes[PIECE];
    ssize_t n = t->left ? read(t->fd, bytes, t->left < PIECE ? (size_t)t->left : PIECE) : 0;
    if (n > 0 && archive_write_data(t->tar, bytes, (size_t)n) == n) {
        t->left -= (uint64_t)n;
        return;
    }
    if (n < 0)
        fail(t, "a file", strerror(errno));
    else if (n > 0 || archive_write_finish_entry(t->tar) < ARCHIVE_WARN)
        fail(t, "the archive", archive_error_string(t->tar));
    close(t->fd);
    t->fd = -1;
}

static void next_entry(struct tree *t)
{
    errno = 0;
    const FTSENT *e = fts_read(t->fts);
    if (!e) {
        if (errno)
            fail(t, "the folder", strerror(errno));
        else if (archive_write_close(t->tar) < ARCHIVE_WARN)
            fail(t, "the archive", archive_error_string(t->tar));
        t->ended = true;
        return;
    }
    switch (e->fts_info) {
    case FTS_D:
        put_header(t, e, e->fts_statp, NULL);
        break;
    case FTS_F:
        begin_file(t, e);
        break;
    case FTS_SL:
    case FTS_SLNONE:
        put_symlink(t, e);
        break;
    case FTS_DNR:
    case FTS_ERR:
    case FTS_NS:
        fail(t, e->fts_path, strerror(e->fts_errno));
        break;
    default: /* left again, or neither file, folder nor link */
        break;
    }
}

static int64_t read_tree(void *arg, void *bytes, size_t len)
{
    struct tree *t = arg;
    if (t->at == t->bytes.len)
        t->at = t->bytes.len = 0;
    while (!t->bytes.len && !t->ended && !t->failed) {
        if (t->fd >= 0)
            read_file(t);
        else
            next_entry(t);
    }
    if (t->failed)
        return TRANSFER_ERROR;
    size_t some = t->bytes.len - t->at < len ? t->bytes.len - t->at : len;
    if (some)
        memcpy(bytes, t->bytes.data + t->at, some);
    t->at += some;
    progress_add(&t->progress, some);
    return (int64_t)some;
}

static bool open_tree(struct tree *t, const char *folder)
{
    char *const roots[] = {(char *)(uintptr_t)folder, NULL};
    t->fts = fts_open(roots, FTS_PHYSICAL | FTS_COMFOLLOW | FTS_NOCHDIR, NULL);
    t->tar = archive_write_new();
    t->fd = -1;
    t->prefix = strlen(folder);
    if (!t->tar)
        abort();
    archive_write_set_format_pax_restricted(t->tar);
    archive_write_set_bytes_per_block(t->tar, 0);
    return t->fts && archive_write_open(t->tar, t, NULL, on_written, NULL) == ARCHIVE_OK;
}

int cp_in_folder(struct cli *cli, const char *folder, const struct cp_place *place)
{
    struct tree t = {0};
    int rc = CLI_REFUSED;
    CLEANUP(mem_free_ptr) char *url = cp_url(place, "archive", "");
    progress_begin(&t.progress, cli, -1);
    if (open_tree(&t, folder))
        rc = transfer_put(cli, url, -1, read_tree, &t);
    else
        complain(&t.progress, folder, strerror(errno));
    progress_end(&t.progress);
    if (t.fd >= 0)
        close(t.fd);
    archive_write_free(t.tar);
    if (t.fts)
        fts_close(t.fts);
    text_fini(&t.bytes);
    return rc;
}
