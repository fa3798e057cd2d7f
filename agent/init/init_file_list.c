/* The entries of a folder, in its own order, a page at a time. */
#include "agent/init/init_file_int.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define OUT_BYTES (64u << 10)

/*
 * A cursor is a list of offsets, one a level, in hexadecimal, separated by dots: of the folder that is gone
 * down to in each level, and of the next entry in the last. Offsets are those of the kernel (telldir), which
 * stay valid while the folder changes.
 */
struct cursor {
    unsigned long at[INIT_FILE_DEPTH_MAX + 1];
    unsigned count;
};

struct list {
    const struct init_file_page *page;
    int out, error;
    unsigned levels;
    struct {
        DIR *dir;
        unsigned long before; /* offset of the entry that was read last */
        size_t path_len;      /* of this folder, with a slash */
    } level[INIT_FILE_DEPTH_MAX];
    char path[PATH_MAX]; /* of the current entry, below the folder that is listed */
    struct cursor next;  /* after the last entry that was printed */
    unsigned count;
    size_t printed, held;
    char bytes[OUT_BYTES];
};

static bool cursor_read(const char *text, struct cursor *out)
{
    out->count = 0;
    while (*text) {
        size_t digits = strspn(text, "0123456789abcdef");
        if (!digits || digits > 16 || out->count == INIT_FILE_DEPTH_MAX)
            return false;
        out->at[out->count++] = strtoul(text, NULL, 16);
        text += digits;
        if (*text && (*text++ != '.' || !*text))
            return false;
    }
    return true;
}

bool init_file_cursor_valid(const char *cursor)
{
    struct cursor ignored;
    return cursor_read(cursor, &ignored);
}

static size_t cursor_text(const struct cursor *cursor, char *out, size_t size)
{
    size_t len = 0;
    for (unsigned i = 0; i < cursor->count; i++)
        len += (size_t)snprintf(out + len, size - len, "%s%lx", i ? "." : "", cursor->at[i]);
    return len;
}

/* --- printing --- */

static void flush(struct list *l)
{
    if (!l->error)
        l->error = init_file_print(l->out, l->bytes, l->held);
    l->held = 0;
}

static void put(struct list *l, const void *bytes, size_t len)
{
    if (l->held + len > sizeof l->bytes)
        flush(l);
    memcpy(l->bytes + l->held, bytes, len);
    l->held += len;
    l->printed += len;
}

static void print_end(struct list *l, bool more)
{
    char text[INIT_FILE_DEPTH_MAX * 17 + 1];
    struct init_file_entry end = {0};
    if (more)
        end.name_len = (uint16_t)cursor_text(&l->next, text, sizeof text);
    put(l, &end, sizeof end);
    put(l, text, end.name_len);
    flush(l);
}

/* An entry that may not be looked at has a name all the same. */
static struct init_file_entry describe(int folder, const struct dirent *entry, char target[PATH_MAX])
{
    struct init_file_entry out = {.type = (uint8_t)init_file_type_of(DTTOIF(entry->d_type))};
    struct stat st;
    ssize_t n = 0;
    if (fstatat(folder, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) != 0)
        return out;
    out.type = (uint8_t)init_file_type_of(st.st_mode);
    out.mode = st.st_mode & 07777;
    out.size = (uint64_t)st.st_size;
    out.modified_ms = init_file_modified_ms(&st);
    if (S_ISLNK(st.st_mode))
        n = readlinkat(folder, entry->d_name, target, PATH_MAX - 1);
    out.target_len = (uint16_t)(n > 0 ? n : 0);
    return out;
}

/* --- going through --- */

static void go_up(struct list *l)
{
    closedir(l->level[--l->levels].dir);
}

/* Takes fd. False: it cannot be read. */
static bool go_into(struct list *l, int fd, size_t path_len)
{
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    if (!dir) {
        if (fd >= 0)
            close(fd);
        return false;
    }
    l->level[l->levels].dir = dir;
    l->level[l->levels].path_len = path_len;
    l->levels++;
    return true;
}

static bool is_entry(const char *name)
{
    return strcmp(name, ".") && strcmp(name, "..");
}

/* The next entry of the deepest folder, with its path; NULL: there is none. */
static struct dirent *read_entry(struct list *l)
{
    DIR *dir = l->level[l->levels - 1].dir;
    size_t len = l->level[l->levels - 1].path_len;
    struct dirent *entry;
    do {
        l->level[l->levels - 1].before = (unsigned long)telldir(dir);
        if (!(entry = readdir(dir)))
            return NULL;
    } while (!is_entry(entry->d_name) || len + strlen(entry->d_name) + 2 > sizeof l->path);
    strcpy(l->path + len, entry->d_name);
    return entry;
}

/* Goes down into the entry that was read last, if that is a folder and not too deep. */
static bool go_down(struct list *l)
{
    unsigned last = l->levels - 1;
    size_t len = strlen(l->path);
    if (l->levels >= l->page->depth || len + 2 > sizeof l->path)
        return false;
    int fd = openat(dirfd(l->level[last].dir), l->path + l->level[last].path_len,
                    O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (!go_into(l, fd, len + 1))
        return false;
    strcpy(l->path + len, "/");
    return true;
}

/* Returns to where the page before ended. A folder that is gone since then is left out. */
static void go_to(struct list *l, const struct cursor *cursor)
{
    for (unsigned i = 0; i < cursor->count; i++) {
        seekdir(l->level[l->levels - 1].dir, (long)cursor->at[i]);
        if (i + 1 < cursor->count && (!read_entry(l) || !go_down(l)))
            return;
    }
}

/* Where to go on. down: with the entries of the folder that was printed last. */
static void remember(struct list *l, bool down)
{
    unsigned last = down ? l->levels - 1 : l->levels;
    for (unsigned i = 0; i < last; i++)
        l->next.at[i] = l->level[i].before;
    if (!down)
        l->next.at[last - 1] = (unsigned long)telldir(l->level[last - 1].dir);
    else
        l->next.at[last] = 0;
    l->next.count = down ? last + 1 : last;
}

static void print_entry(struct list *l, const struct dirent *entry)
{
    char target[PATH_MAX];
    struct init_file_entry out = describe(dirfd(l->level[l->levels - 1].dir), entry, target);
    out.name_len = (uint16_t)strlen(l->path);
    put(l, &out, sizeof out);
    put(l, l->path, out.name_len);
    put(l, target, out.target_len);
    l->count++;
    remember(l, out.type == INIT_FILE_FOLDER && go_down(l));
}

static bool is_full(const struct list *l)
{
    return l->count == l->page->limit || l->printed >= INIT_FILE_PAGE_MAX - 3 * PATH_MAX;
}

static void list_all(struct list *l)
{
    while (l->levels && !l->error) {
        const struct dirent *entry = read_entry(l);
        if (!entry) {
            go_up(l);
        } else if (is_full(l)) {
            print_end(l, true);
            return;
        } else {
            print_entry(l, entry);
        }
    }
    print_end(l, false);
}

int init_file_list(int folder, const struct init_file_page *page, int out)
{
    static struct list l; /* one helper makes one list */
    struct cursor cursor;
    l = (struct list){.page = page, .out = out};
    if (!cursor_read(page->cursor, &cursor) || !go_into(&l, folder, 0))
        return EIO;
    go_to(&l, &cursor);
    list_all(&l);
    while (l.levels)
        go_up(&l);
    return l.error;
}
