/*
 * Tar archives, read and written. Read are v7, ustar, pax and the long names of GNU; what is written is
 * ustar, with pax records where a member needs them. A reader trusts no byte: the paths that it tells are
 * relative, without "." and "..", and hold no NUL; all numbers are bounded. Sparse members and archives of
 * several volumes are refused. Functions return 0, an errno, or an enum init_file_fault.
 */
#ifndef CORRAL_AGENT_INIT_INIT_TAR_H
#define CORRAL_AGENT_INIT_INIT_TAR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define INIT_TAR_BLOCK       512u
#define INIT_TAR_END         (-1)       /* of init_tar_next: the archive has ended */
#define INIT_TAR_PATH_MAX    65535      /* bytes of a path, also of a link's target */
#define INIT_TAR_RECORDS_MAX (1u << 20) /* bytes of pax records before one member */
#define INIT_TAR_HEADERS_MAX 2000000u   /* headers of an archive; a member has one to three */

/* What init_tar_format writes at most: a header with two paths as records, and the member's own. */
#define INIT_TAR_HEAD_MAX (2 * INIT_TAR_PATH_MAX + 4 * INIT_TAR_BLOCK)

enum init_tar_type {
    INIT_TAR_FILE,
    INIT_TAR_FOLDER,
    INIT_TAR_SYMLINK,
    INIT_TAR_HARD_LINK,
    INIT_TAR_DEVICE /* or a FIFO */
};

struct init_tar_member {
    enum init_tar_type type;
    const char *path;   /* "": the folder itself that the archive is of */
    const char *target; /* of a symbolic link as it is; of a hard link a path as above; else "" */
    uint32_t mode;      /* permission bits; setuid and setgid may be among them */
    uint64_t size;      /* of a file; at most INT64_MAX */
    int64_t modified_s; /* Unix time */
    uint32_t modified_ns;
    char flag;                       /* the type as its header has it: of devices '3', '4' or '6' */
    uint32_t uid, gid, major, minor; /* by its header; numbers that do not fit are 0 */
    uint64_t at;                     /* where its first header begins in the archive */
};

/* Reads up to len bytes; *got 0: there are no more. */
typedef int init_tar_read_fn(void *arg, void *bytes, size_t len, size_t *got);

/* Takes a pax record of the next member. */
typedef void init_tar_record_fn(void *arg, const char *key, size_t key_len, const char *value, size_t len);

/* All zero but read, on_record (NULL: none) and arg, before the first call. */
struct init_tar {
    init_tar_read_fn *read;
    init_tar_record_fn *on_record;
    void *arg;
    uint64_t position; /* bytes of the archive that were read */
    uint64_t left;     /* bytes of the member that were not read yet */
    uint32_t padding;  /* bytes after them */
    uint32_t headers, members;
    bool has_path, has_target, has_size, has_time; /* of the next member, by records before it */
    uint64_t size;
    int64_t modified_s;
    uint32_t modified_ns;
    char path[INIT_TAR_PATH_MAX + 1], target[INIT_TAR_PATH_MAX + 1];
};

/* Goes on to the next member, past the bytes of this one. Its texts are valid until the next call. */
int init_tar_next(struct init_tar *tar, struct init_tar_member *out);

/* Whether a block of INIT_TAR_BLOCK bytes is the header of a member: its checksum fits. */
bool init_tar_is_header(const void *block);

/* Reads bytes of the member; *got 0: it has no more. */
int init_tar_data(struct init_tar *tar, void *bytes, size_t len, size_t *got);

/* Makes path relative and short in place: "./a//b/" becomes "a/b". False: it is absolute, or has a "..". */
bool init_tar_clean(char *path);

/* Writes what comes before a member's bytes, which are padded to whole blocks; returns its length. Owner is
 * 1000:1000. */
size_t init_tar_format(const struct init_tar_member *member, char out[INIT_TAR_HEAD_MAX]);

#endif
