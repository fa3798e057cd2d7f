#include "agent/init/init_file_int.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PIECE (256u << 10)

/* --- reading --- */

struct span {
    enum init_file_range range;
    uint64_t offset, length;
};

/* The part of the file that is asked for. ERANGE: there is no byte of it. */
static int select_span(const struct span *asked, struct init_file_result *r)
{
    r->length = r->size;
    if (asked->range == INIT_FILE_ALL)
        return 0;
    if (!r->size || !asked->length || (asked->range == INIT_FILE_FROM && asked->offset >= r->size))
        return ERANGE;
    if (asked->range == INIT_FILE_FROM)
        r->offset = asked->offset;
    else
        r->offset = asked->length < r->size ? r->size - asked->length : 0;
    r->length = r->size - r->offset;
    if (asked->length < r->length)
        r->length = asked->length;
    return 0;
}

/* Prints no more than was said; a file that has become shorter ends early, which its reader notices. */
static int print_file(int fd, const struct init_file_result *r, int out)
{
    off_t at = (off_t)r->offset;
    uint64_t left = r->length;
    (void)fcntl(out, F_SETPIPE_SZ, PIECE);
    (void)posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL);
    return init_file_send(fd, &at, &left, out);
}

static int describe_open(int fd, const struct stat *st, const struct span *span, struct init_file_result *r)
{
    init_file_describe(st, r);
    if (S_ISDIR(st->st_mode)) {
        r->length = INIT_FILE_ENDLESS;
        return 0;
    }
    if (init_file_has_no_size(fd)) {
        r->size = r->length = INIT_FILE_ENDLESS;
        return 0;
    }
    return select_span(span, r);
}

static void say(int out, int error, struct init_file_result *r)
{
    r->error = (uint32_t)error;
    (void)init_file_print(out, r, sizeof *r);
}

/* page NULL: only describes it. */
static void read_it(const char *path, const struct span *span, const struct init_file_page *page, int out)
{
    struct init_file_result r = {0};
    struct stat st;
    int fd = -1;
    int error = init_file_open(path, &fd, &st);
    if (!error && (error = describe_open(fd, &st, span, &r)))
        close(fd);
    if (error) {
        say(out, error, &r);
        return;
    }
    if (!page)
        r.offset = r.length = 0;
    say(out, 0, &r);
    if (page && S_ISDIR(st.st_mode)) {
        (void)init_file_list(fd, page, out);
        return;
    }
    if (page)
        (void)print_file(fd, &r, out);
    close(fd);
}

static void pack_it(const char *path, int out)
{
    struct init_file_result r = {0};
    struct stat st;
    int fd = -1, error = init_file_open(path, &fd, &st);
    if (!error) {
        init_file_describe(&st, &r);
        r.size = r.length = INIT_FILE_ENDLESS;
    }
    say(out, error, &r);
    (void)fcntl(out, F_SETPIPE_SZ, PIECE);
    if (!error)
        init_file_pack(path, fd, &st, out);
}

/* --- arguments --- */

static bool number(const char *text, uint64_t max, uint64_t *out)
{
    char *end;
    if (*text < '0' || *text > '9')
        return false;
    errno = 0;
    *out = strtoull(text, &end, 10);
    return !errno && !*end && *out <= max;
}

static bool mode(const char *text, uint32_t *out)
{
    char *end;
    *out = INIT_FILE_NO_MODE;
    if (!strcmp(text, "-"))
        return true;
    if (*text < '0' || *text > '7')
        return false;
    unsigned long bits = strtoul(text, &end, 8);
    *out = (uint32_t)bits & INIT_FILE_MODE_BITS;
    return !*end && bits <= 07777;
}

static bool run_read(const char *const *argv, int out)
{
    struct span span;
    struct init_file_page page = {.cursor = argv[8]};
    uint64_t range, depth, limit;
    if (!number(argv[3], INIT_FILE_LAST, &range) || !number(argv[4], UINT64_MAX, &span.offset) ||
        !number(argv[5], UINT64_MAX, &span.length) || !number(argv[6], INIT_FILE_DEPTH_MAX, &depth) ||
        !number(argv[7], INIT_FILE_LIMIT_MAX, &limit) || !depth || !limit ||
        !init_file_cursor_valid(page.cursor))
        return false;
    span.range = (enum init_file_range)range;
    page.depth = (unsigned)depth;
    page.limit = (unsigned)limit;
    read_it(argv[2], &span, &page, out);
    return true;
}

bool init_file_run(int argc, const char *const *argv, int in, int out)
{
    struct init_file_result r = {0};
    uint32_t bits;
    int error;
    if (argc < 3 || argv[2][0] != '/')
        return false;
    const char *verb = argv[1], *path = argv[2];
    umask(0);
    if (!strcmp(verb, "read") && argc == 9)
        return run_read(argv, out);
    if (!strcmp(verb, "stat") && argc == 3) {
        read_it(path, &(struct span){0}, NULL, out);
        return true;
    }
    if (!strcmp(verb, "pack") && argc == 3) {
        pack_it(path, out);
        return true;
    }
    if (!strcmp(verb, "watch") && argc == 4) {
        init_file_watch(path, !strcmp(argv[3], "1"), out);
        return true;
    }
    if (!strcmp(verb, "unpack") && argc == 3)
        error = init_file_unpack(path, in, &r);
    else if (!strcmp(verb, "write") && argc == 4 && mode(argv[3], &bits))
        error = init_file_write(path, bits, in, &r);
    else if (!strcmp(verb, "mkdir") && argc == 4 && mode(argv[3], &bits))
        error = init_file_mkdir(path, bits, &r);
    else if (!strcmp(verb, "remove") && argc == 4)
        error = init_file_remove(path, !strcmp(argv[3], "1"));
    else if (!strcmp(verb, "move") && argc == 4 && argv[3][0] == '/')
        error = init_file_move(path, argv[3]);
    else
        return false;
    say(out, error, &r);
    return true;
}

_Static_assert(sizeof(struct init_file_result) == 48, "both ends agree");
_Static_assert(sizeof(struct init_file_change) == 8, "common/model/file_changes.h has the same form");
_Static_assert(sizeof(struct init_file_entry) == 32, "common/model/file_list.h has the same form");
