#include "agent/disk/own_copy.h"

#include "common/base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define PIECE 65536

static bool same_bytes(FILE *a, FILE *b)
{
    CLEANUP(mem_free_ptr) char *one = mem_zalloc(PIECE);
    CLEANUP(mem_free_ptr) char *other = mem_zalloc(PIECE);
    size_t n, m;
    do {
        n = fread(one, 1, PIECE, a);
        m = fread(other, 1, PIECE, b);
        if (n != m || memcmp(one, other, n))
            return false;
    } while (n);
    return !ferror(a) && !ferror(b);
}

static bool is_copy(const char *program, const char *copy)
{
    struct stat st;
    FILE *a = fopen(program, "re"), *b = fopen(copy, "re");
    bool same = a && b && !fstat(fileno(b), &st) && (st.st_mode & 0777) == 0755 && same_bytes(a, b);
    if (a)
        fclose(a);
    if (b)
        fclose(b);
    return same;
}

static int write_copy(const char *program, const char *fresh)
{
    struct stat st;
    int from = open(program, O_RDONLY | O_CLOEXEC);
    int to = from < 0 ? -1 : open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0700);
    int error = to < 0 || fstat(from, &st) ? errno : 0;
    for (off_t left = error ? 0 : st.st_size; !error && left > 0;) {
        ssize_t n = sendfile(to, from, NULL, (size_t)left);
        error = n < 0 ? errno : n == 0 ? EIO : 0;
        left -= n;
    }
    if (!error && fchmod(to, 0755))
        error = errno;
    if (to >= 0 && close(to) && !error)
        error = errno;
    if (from >= 0)
        close(from);
    return error;
}

int own_copy_make(const char *program, const char *copy, struct err *e)
{
    char fresh[512];
    struct statvfs fs;
    snprintf(fresh, sizeof fresh, "%s.new", copy);
    int error = 0;
    if (!is_copy(program, copy)) {
        error = write_copy(program, fresh);
        if (!error && rename(fresh, copy))
            error = errno;
        if (error)
            unlink(fresh);
    }
    if (!error && !statvfs(copy, &fs) && fs.f_flag & ST_NOEXEC)
        return err_set(e, ERR_IO, "%s: no program can be run from there (noexec)", copy);
    return error ? err_set(e, ERR_IO, "%s: %s", copy, strerror(error)) : 0;
}
