#include "agent/disk/journal.h"

#include "common/base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct journal {
    char path[512];
    int fd; /* -1: journal_replace was not called yet */
    size_t len;
};

struct journal *journal_new(const char *path)
{
    struct journal *j = mem_zalloc(sizeof *j);
    snprintf(j->path, sizeof j->path, "%s", path);
    j->fd = -1;
    return j;
}

void journal_free(struct journal *j)
{
    if (!j)
        return;
    if (j->fd >= 0)
        close(j->fd);
    free(j);
}

static int failed(const struct journal *j, struct err *e)
{
    return err_set(e, ERR_IO, "%s: %s", j->path, strerror(errno));
}

int journal_read(const struct journal *j, char **text, size_t *len, struct err *e)
{
    struct stat st;
    *text = mem_strdup("");
    *len = 0;
    int fd = open(j->path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT ? 0 : failed(j, e);
    int rc = fstat(fd, &st) ? failed(j, e) : 0;
    size_t size = rc || st.st_size < 0 ? 0 : (size_t)st.st_size;
    if (size > JOURNAL_READ_MAX)
        size = JOURNAL_READ_MAX;
    *text = mem_grow(*text, size + 1, 1);
    while (!rc && *len < size) {
        ssize_t n = read(fd, *text + *len, size - *len);
        if (n <= 0)
            break;
        *len += (size_t)n;
    }
    if (!rc && *len < size)
        rc = failed(j, e);
    (*text)[*len] = 0;
    close(fd);
    return rc;
}

int journal_set_aside(const struct journal *j, struct err *e)
{
    char aside[520];
    snprintf(aside, sizeof aside, "%s.bad", j->path);
    return rename(j->path, aside) ? failed(j, e) : 0;
}

static int write_at(int fd, const char *text, size_t len, size_t at)
{
    while (len) {
        ssize_t n = pwrite(fd, text, len, (off_t)at);
        if (n < 0)
            return -1;
        text += n;
        at += (size_t)n;
        len -= (size_t)n;
    }
    return 0;
}

static int sync_folder(const char *path)
{
    char copy[512];
    snprintf(copy, sizeof copy, "%s", path);
    int fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int rc = fd < 0 ? -1 : fsync(fd);
    if (fd >= 0)
        close(fd);
    return rc;
}

int journal_replace(struct journal *j, const char *text, size_t len, struct err *e)
{
    char fresh[520];
    snprintf(fresh, sizeof fresh, "%s.new", j->path);
    int fd = open(fresh, O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0600);
    if (fd < 0)
        return failed(j, e);
    if (write_at(fd, text, len, 0) || fsync(fd) || rename(fresh, j->path)) {
        int rc = failed(j, e);
        close(fd);
        return rc;
    }
    if (j->fd >= 0)
        close(j->fd);
    j->fd = fd;
    j->len = len;
    return sync_folder(j->path) ? failed(j, e) : 0;
}

/* After a failed write the file is cut back, so that a crash leaves whole lines and at most one incomplete
 * one at the end. */
int journal_append(struct journal *j, const char *text, size_t len, bool sync, struct err *e)
{
    if (j->fd < 0)
        return err_set(e, ERR_IO, "%s: not opened", j->path);
    if (write_at(j->fd, text, len, j->len)) {
        int rc = failed(j, e);
        if (ftruncate(j->fd, (off_t)j->len))
            return rc; /* the next append overwrites the rest, or journal_replace drops it */
        return rc;
    }
    j->len += len;
    return sync && fdatasync(j->fd) ? failed(j, e) : 0;
}

size_t journal_len(const struct journal *j)
{
    return j->len;
}
