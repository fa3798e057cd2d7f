/* What the files of the helper share; private to agent/init/init_file*.c. Functions return 0 or an errno. */
#ifndef CORRAL_AGENT_INIT_INIT_FILE_INT_H
#define CORRAL_AGENT_INIT_INIT_FILE_INT_H

#include "agent/init/init_file.h"

#include <limits.h>
#include <sys/stat.h>

#define INIT_FILE_NO_MODE UINT32_MAX

/* Where something is, or will be: the deepest folder that exists, and the path below it. */
struct init_file_place {
    int folder;
    char path[PATH_MAX]; /* "a/b/name": a and b are missing; only "name": its folder exists */
};

/* Finds the place of a path, following symbolic links; follow: also in its last part. EISDIR: it ends with
 * no name. The caller closes folder. */
int init_file_find_place(const char *path, bool follow, struct init_file_place *out);

/* Whether only the name is left: its folder exists. */
bool init_file_has_folder(const struct init_file_place *place);

/* Makes the missing folders; then only the name is left. */
int init_file_make_folders(struct init_file_place *place);

/* Writes all bytes. */
int init_file_print(int out, const void *bytes, size_t len);

/* Fills type, mode, size and time. */
void init_file_describe(const struct stat *st, struct init_file_result *out);
enum init_file_type init_file_type_of(mode_t mode);
int64_t init_file_modified_ms(const struct stat *st);

/* Where a page of a list begins, and how large it may be. */
struct init_file_page {
    unsigned depth, limit;
    const char *cursor;
};

/* Reads the cursor. False if it is none. */
bool init_file_cursor_valid(const char *cursor);

/* Prints the entries of an open folder, which it closes. */
int init_file_list(int folder, const struct init_file_page *page, int out);

/* A file that has no name yet. */
struct init_file_draft {
    int fd;
    int folder;    /* borrowed */
    char name[32]; /* "": it has none */
};

/* Makes one in the file system of the folder. */
int init_file_draft_open(struct init_file_draft *draft, int folder);

/* Gives it this name, whether there is something of this name or not. */
int init_file_draft_place(struct init_file_draft *draft, int folder, const char *name);

/* Closes it, and removes what has not got its name. */
void init_file_draft_close(struct init_file_draft *draft);

/* Whether the kernel makes this file when it is read, and states no size, or a wrong one. */
bool init_file_has_no_size(int fd);

/* Sends *left bytes from *at on, and moves both; it ends early, without an error, where the file does. */
int init_file_send(int fd, off_t *at, uint64_t *left, int out);

/* Prints the archive of an open file or folder, which it closes. path: names a file in it. */
void init_file_pack(const char *path, int fd, const struct stat *st, int out);

/* Prints the result, and then what changes at a path until that is gone. */
void init_file_watch(const char *path, bool recursive, int out);

/* Opens a regular file or a folder; ENXIO: it is something else, and is not opened. */
int init_file_open(const char *path, int *fd, struct stat *st);

/* Each does one verb. */
int init_file_unpack(const char *path, int in, struct init_file_result *out);
int init_file_write(const char *path, uint32_t mode, int in, struct init_file_result *out);
int init_file_mkdir(const char *path, uint32_t mode, struct init_file_result *out);
int init_file_remove(const char *path, bool recursive);
int init_file_move(const char *from, const char *to);

#endif
