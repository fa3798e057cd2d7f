#include "cli/cp.h"
#include "cli/progress.h"
#include "cli/text.h"
#include "cli/transfer.h"

#include "common/base/mem.h"

#include <archive.h>
#include <archive_entry.h>
#include <curl/curl.h>
#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* What the helper in the sandbox says at the end of an archive (agent/init/init_file.h). */
#define MISSING     "could not be read: "
#define MISSING_END 512 /* its last block */

/* Answers of the server on their way to a file, or to a reader of archives. */
struct pull {
    struct transfer *transfer;
    struct progress progress;
    bool broken;
    char last[MISSING_END]; /* bytes of an archive */
    size_t last_len;
    bool has_root_mode; /* of the folder that was made */
    mode_t root_mode;
};

static int begin_pull(struct cli *cli, const char *url, struct pull *pull)
{
    *pull = (struct pull){0};
    int rc = transfer_get(cli, url, &pull->transfer);
    if (!rc)
        progress_begin(&pull->progress, cli, transfer_length(pull->transfer));
    return rc;
}

static void keep_last(struct pull *pull, const char *bytes, size_t len)
{
    if (len >= MISSING_END) {
        memcpy(pull->last, bytes + len - MISSING_END, MISSING_END);
        pull->last_len = MISSING_END;
        return;
    }
    size_t keep = pull->last_len + len > MISSING_END ? MISSING_END - len : pull->last_len;
    memmove(pull->last, pull->last + pull->last_len - keep, keep);
    memcpy(pull->last + keep, bytes, len);
    pull->last_len = keep + len;
}

static int64_t pull_some(struct pull *pull, const void **bytes)
{
    int64_t n = transfer_read(pull->transfer, bytes);
    pull->broken = n == TRANSFER_ERROR;
    if (n > 0) {
        progress_add(&pull->progress, (uint64_t)n);
        keep_last(pull, *bytes, (size_t)n);
    }
    return n;
}

/* rc: what went wrong here, and was told. */
static int end_pull(struct cli *cli, struct pull *pull, int rc)
{
    progress_end(&pull->progress);
    int told = transfer_end(cli, pull->transfer);
    return rc ? rc : told;
}

static int complain(struct pull *pull, const char *path, const char *why)
{
    CLEANUP(mem_free_ptr) char *safe = text_show_only(mem_strdup(path));
    CLEANUP(mem_free_ptr) char *safe_why = text_show_only(mem_strdup(why ? why : "it cannot be copied"));
    progress_end(&pull->progress);
    fprintf(stderr, "corral: %s: %s\n", safe, safe_why);
    return CLI_REFUSED;
}

/* --- one file --- */

static int copy_to(struct pull *pull, int fd, const char *name)
{
    const void *bytes;
    int64_t n;
    while ((n = pull_some(pull, &bytes)) > 0) {
        for (int64_t at = 0; at < n;) {
            ssize_t some = write(fd, (const char *)bytes + at, (size_t)(n - at));
            if (some < 0 && errno != EINTR)
                return complain(pull, name, strerror(errno));
            at += some > 0 ? some : 0;
        }
    }
    return CLI_DONE;
}

static void keep_times(struct pull *pull, int fd)
{
    const char *mode = transfer_header(pull->transfer, "X-File-Mode"),
               *at = transfer_header(pull->transfer, "Last-Modified");
    time_t modified = at ? curl_getdate(at, NULL) : -1;
    if (mode)
        (void)fchmod(fd, (mode_t)strtoul(mode, NULL, 8) & 0777);
    if (modified != -1)
        (void)futimens(fd, (const struct timespec[]){{.tv_nsec = UTIME_NOW}, {.tv_sec = modified}});
}

/* What a signal that ends this program removes: no part of a file is left behind. NULL: nothing. */
static char *volatile unfinished;

static void on_end(int signo)
{
    if (unfinished)
        (void)unlink(unfinished);
    (void)signal(signo, SIG_DFL);
    (void)raise(signo); /* delivered when this handler returns */
}

static const int ends[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};

/* The signals wait until the file is made or done with, so that it is either removed or there is none. */
static int begin_draft(char *draft)
{
    sigset_t held, before;
    struct sigaction old, noted = {.sa_handler = on_end};
    (void)sigemptyset(&held);
    for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
        (void)sigaddset(&held, ends[i]);
        if (!sigaction(ends[i], NULL, &old) && old.sa_handler != SIG_IGN)
            (void)sigaction(ends[i], &noted, NULL);
    }
    (void)sigprocmask(SIG_BLOCK, &held, &before);
    int fd = mkostemp(draft, O_CLOEXEC);
    unfinished = fd < 0 ? NULL : draft;
    (void)sigprocmask(SIG_SETMASK, &before, NULL);
    return fd;
}

/* Written beside the file, which is replaced when all has come. A name may be as long as names can be, so
 * none is made of it. */
static int replace_file(struct cli *cli, struct pull *pull, const char *file)
{
    CLEANUP(mem_free_ptr) char *draft = NULL;
    const char *slash = strrchr(file, '/');
    if (asprintf(&draft, "%.*s.corral-XXXXXX", slash ? (int)(slash + 1 - file) : 0, file) < 0)
        abort();
    int fd = begin_draft(draft);
    if (fd < 0)
        return end_pull(cli, pull, complain(pull, file, strerror(errno)));
    int rc = copy_to(pull, fd, file);
    keep_times(pull, fd);
    if (close(fd) && !rc)
        rc = complain(pull, file, strerror(errno));
    if (!rc && !pull->broken && rename(draft, file))
        rc = complain(pull, file, strerror(errno));
    if (rc || pull->broken)
        (void)unlink(draft);
    unfinished = NULL;
    return end_pull(cli, pull, rc);
}

/* What is no file, such as a FIFO, takes the bytes; of a link what it leads to is replaced. */
int cp_out_file(struct cli *cli, const struct cp_place *place, const char *file)
{
    struct pull pull;
    struct stat st;
    CLEANUP(mem_free_ptr) char *url = cp_url(place, "files", "");
    int rc = begin_pull(cli, url, &pull);
    if (rc)
        return rc;
    const char *type = transfer_header(pull.transfer, "X-File-Type");
    if (!type || strcmp(type, "file") != 0)
        return end_pull(cli, &pull, complain(&pull, place->path, "it is a file no longer"));
    if (stat(file, &st) || S_ISREG(st.st_mode)) {
        CLEANUP(mem_free_ptr) char *real = realpath(file, NULL);
        return replace_file(cli, &pull, real ? real : file);
    }
    int fd = open(file, O_WRONLY | O_CLOEXEC | O_NOCTTY);
    rc = fd < 0 ? complain(&pull, file, strerror(errno)) : copy_to(&pull, fd, file);
    if (fd >= 0)
        close(fd);
    return end_pull(cli, &pull, rc);
}

/* --- an archive --- */

/* Says what the sandbox could not read. */
static int tell_missing(struct pull *pull)
{
    unsigned long long count = 0;
    if (pull->last_len != MISSING_END || memcmp(pull->last, MISSING, sizeof MISSING - 1) != 0 ||
        pull->last[MISSING_END - 1] || sscanf(pull->last + sizeof MISSING - 1, "%20llu", &count) != 1 ||
        !count)
        return CLI_DONE;
    progress_end(&pull->progress);
    fprintf(stderr, "corral: what the sandbox's user may not read is missing: %llu files and folders\n",
            count);
    return CLI_REFUSED;
}

int cp_out_archive(struct cli *cli, const struct cp_place *place)
{
    struct pull pull;
    CLEANUP(mem_free_ptr) char *url = cp_url(place, "archive", "");
    int rc = begin_pull(cli, url, &pull);
    if (rc)
        return rc;
    rc = copy_to(&pull, STDOUT_FILENO, "standard output");
    if (!rc && !pull.broken)
        rc = tell_missing(&pull);
    return end_pull(cli, &pull, rc);
}

static la_ssize_t on_asked(struct archive *tar, void *arg, const void **bytes)
{
    struct pull *pull = arg;
    int64_t n = pull_some(pull, bytes);
    if (n < 0)
        archive_set_error(tar, EIO, "the transfer broke off");
    return (la_ssize_t)n;
}

/* A path that is none below the folder; libarchive refuses them, too. */
static bool leads_out(const char *path)
{
    if (*path == '/')
        return true;
    for (const char *part = path; *part; part += strspn(part, "/")) {
        size_t len = strcspn(part, "/");
        if (len == 2 && !strncmp(part, "..", 2))
            return true;
        part += len;
    }
    return false;
}

static bool is_root(const char *path)
{
    for (; *path; path += strspn(path, "/")) {
        if (strcspn(path, "/") != 1 || *path != '.')
            return false;
        path++;
    }
    return true;
}

/* NULL: it may be made. The server sends files, folders and symbolic links, and nothing else. */
static const char *refusal(struct archive_entry *entry)
{
    const char *path = archive_entry_pathname(entry);
    mode_t type = archive_entry_filetype(entry);
    if (!path || !*path || leads_out(path))
        return "it would be outside of the folder; stopped";
    if (archive_entry_hardlink(entry) || (type != AE_IFREG && type != AE_IFDIR && type != AE_IFLNK))
        return "it is neither a file, a folder nor a symbolic link; stopped";
    return NULL;
}

static int copy_member(struct archive *tar, struct archive *disk)
{
    const void *bytes;
    size_t len;
    la_int64_t at;
    int rc;
    while ((rc = archive_read_data_block(tar, &bytes, &len, &at)) == ARCHIVE_OK) {
        if (archive_write_data_block(disk, bytes, len, at) < ARCHIVE_WARN)
            return ARCHIVE_FAILED;
    }
    return rc == ARCHIVE_EOF ? archive_write_finish_entry(disk) : ARCHIVE_FATAL;
}

/* One that exists is kept as it is. What is made gets its mode when all is in it, which may forbid to write.
 */
static int take_root(struct pull *pull, struct archive_entry *entry, bool made)
{
    pull->has_root_mode = made;
    pull->root_mode = archive_entry_perm(entry) & 0777;
    return CLI_DONE;
}

/* In the folder: names are not followed out of it by libarchive, whose checks begin at the current folder. */
static int take_member(struct pull *pull, struct archive *tar, struct archive *disk,
                       struct archive_entry *entry, bool made)
{
    const char *path = archive_entry_pathname(entry), *why = refusal(entry);
    if (why)
        return complain(pull, path ? path : "a member", why);
    if (archive_entry_filetype(entry) == AE_IFDIR && is_root(path))
        return take_root(pull, entry, made);
    archive_entry_set_perm(entry, archive_entry_perm(entry) & 0777);
    int rc = archive_write_header(disk, entry);
    if (rc >= ARCHIVE_WARN)
        rc = copy_member(tar, disk);
    if (rc == ARCHIVE_FATAL && pull->broken)
        return CLI_UNREACHABLE; /* end_pull tells */
    if (rc == ARCHIVE_FATAL && archive_error_string(tar))
        return complain(pull, path, archive_error_string(tar));
    return rc < ARCHIVE_OK ? complain(pull, path, archive_error_string(disk)) : CLI_DONE;
}

static int take_members(struct pull *pull, struct archive *tar, struct archive *disk, bool made)
{
    struct archive_entry *entry;
    const void *bytes;
    for (;;) {
        int got = archive_read_next_header(tar, &entry);
        if (got == ARCHIVE_EOF)
            break;
        if (pull->broken)
            return CLI_DONE; /* end_pull tells */
        if (got < ARCHIVE_WARN)
            return complain(pull, "the archive", archive_error_string(tar));
        int rc = take_member(pull, tar, disk, entry, made);
        if (rc)
            return rc;
    }
    while (pull_some(pull, &bytes) > 0) /* what follows the end of the archive */
        continue;
    return pull->broken ? CLI_DONE : tell_missing(pull);
}

static int take_archive(struct pull *pull, bool made)
{
    struct archive *tar = archive_read_new(), *disk = archive_write_disk_new();
    if (!tar || !disk)
        abort();
    archive_read_support_format_tar(tar);
    archive_write_disk_set_options(
        disk, ARCHIVE_EXTRACT_PERM | ARCHIVE_EXTRACT_TIME | ARCHIVE_EXTRACT_SECURE_NODOTDOT |
                  ARCHIVE_EXTRACT_SECURE_SYMLINKS | ARCHIVE_EXTRACT_SECURE_NOABSOLUTEPATHS);
    int rc = CLI_DONE;
    if (archive_read_open(tar, pull, NULL, on_asked, NULL) == ARCHIVE_OK)
        rc = take_members(pull, tar, disk, made);
    else if (!pull->broken)
        rc = complain(pull, "the archive", archive_error_string(tar));
    if (archive_write_close(disk) < ARCHIVE_WARN && !rc)
        rc = complain(pull, "a folder", archive_error_string(disk));
    if (pull->has_root_mode)
        (void)chmod(".", pull->root_mode);
    archive_write_free(disk);
    archive_read_free(tar);
    return rc;
}

int cp_out_folder(struct cli *cli, const struct cp_place *place, const char *folder)
{
    struct pull pull;
    CLEANUP(mem_free_ptr) char *url = cp_url(place, "archive", "");
    int rc = begin_pull(cli, url, &pull);
    if (rc)
        return rc;
    bool made = !mkdir(folder, 0777);
    if ((!made && errno != EEXIST) || chdir(folder))
        return end_pull(cli, &pull, complain(&pull, folder, strerror(errno)));
    (void)setlocale(LC_CTYPE,
                    "C.UTF-8"); /* libarchive converts names of archives, which are UTF-8 or bytes */
    return end_pull(cli, &pull, take_archive(&pull, made));
}
