/*
 * Operations on the files of a sandbox. Each runs in a helper: a child of the init that was forked for it,
 * with the rights of the sandbox's user and nothing more, so a path leads nowhere that the user may not go.
 * The agent starts a helper as it starts a process (a SPAWN with INIT_PROCESS_FILE), with one of these lists
 * of arguments:
 *
 *   read   PATH RANGE OFFSET LENGTH DEPTH LIMIT CURSOR   a file's bytes, or a folder's entries
 *   stat   PATH                                          what read would say, without bytes
 *   write  PATH MODE                                     a file of the bytes of stdin
 *   mkdir  PATH MODE                                     a folder
 *   remove PATH RECURSIVE
 *   move   PATH TO
 *   pack   PATH                                          a tar archive of a file, or of all in a folder
 *   unpack PATH                                          the tar archive of stdin, into a folder
 *   watch  PATH RECURSIVE                                changes of a file, or in a folder, until it is gone
 *
 * Numbers are decimal, MODE is octal or "-" (none asked), CURSOR is "" or of an earlier page. A helper prints
 * one struct init_file_result, and after it, if that says so, bytes or entries. It always exits with 0.
 *
 * A file is written into a file without a name, which gets its name when all bytes are there. So a helper
 * that is killed leaves nothing, and nobody sees half a file. Where the file system has no such files, a
 * helper writes a file named INIT_FILE_TEMPORARY…, which only a kill leaves behind.
 *
 * This header is shared with the agent; it includes nothing else of ours.
 */
#ifndef CORRAL_AGENT_INIT_INIT_FILE_H
#define CORRAL_AGENT_INIT_INIT_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define INIT_FILE_HELPER     "corral-files" /* argument 0 */
#define INIT_FILE_PATH_MAX   4095
#define INIT_FILE_DEPTH_MAX  16
#define INIT_FILE_LIMIT_MAX  200
#define INIT_FILE_PAGE_MAX   (256u << 10) /* a page of entries ends before it is larger */
#define INIT_FILE_MODE_BITS  01777        /* that are set; setuid and setgid are dropped */
#define INIT_FILE_TEMPORARY  ".corral-put-"
#define INIT_FILE_MISSING    "could not be read: " /* and a number: a block behind the end of an archive */
#define INIT_FILE_WINDOW_LOG 23                    /* of zstd: 8 MiB, which are memory of the sandbox */
#define INIT_FILE_TIME_MAX                                                                                   \
    253402300799999                  /* of times, in Unix ms; later and earlier ones are told as these */
#define INIT_FILE_ENDLESS UINT64_MAX /* a length that is not known before the end */

/* How RANGE selects bytes of a file. */
enum init_file_range {
    INIT_FILE_ALL,
    INIT_FILE_FROM, /* LENGTH bytes from OFFSET on, as far as there are some */
    INIT_FILE_LAST  /* the last LENGTH bytes */
};

enum init_file_type {
    INIT_FILE_REGULAR = 1,
    INIT_FILE_FOLDER,
    INIT_FILE_SYMLINK,
    INIT_FILE_FIFO,
    INIT_FILE_SOCKET,
    INIT_FILE_CHARACTER_DEVICE,
    INIT_FILE_BLOCK_DEVICE
};

/* What is wrong with an archive: in place of an errno. size of the result is the number of the member then,
 * from 1, and also with an errno of unpack; 0: it is of none. */
enum init_file_fault {
    INIT_FAULT_NO_ARCHIVE = 2000, /* neither tar, nor gzip or zstd of it */
    INIT_FAULT_CUT,               /* it ends early */
    INIT_FAULT_HEADER,            /* a header, or a record, that cannot be read */
    INIT_FAULT_COMPRESSION,
    INIT_FAULT_WINDOW,  /* of zstd: larger than INIT_FILE_WINDOW_LOG */
    INIT_FAULT_OUTSIDE, /* an absolute path, or one with ".." */
    INIT_FAULT_THROUGH_LINK,
    INIT_FAULT_LINK, /* a hard link to what is not in the folder */
    INIT_FAULT_KIND, /* of member, such as a sparse one */
    INIT_FAULT_NAME, /* empty, or too long */
    INIT_FAULT_MANY, /* members */

    /* And with watch; size is what is allowed then, 0: not known. */
    INIT_FAULT_FOLDERS,   /* more than INIT_WATCH_FOLDERS_MAX */
    INIT_FAULT_WATCHES,   /* the sandbox has as many watches of inotify as it may */
    INIT_FAULT_INSTANCES, /* …or instances of it */
    INIT_FAULT_END
};

/* In host byte order: both ends run on one kernel. */
struct init_file_result {
    uint32_t error;      /* an errno; 0: done. ERANGE: the range begins behind the end, and size is set */
    uint32_t type;       /* enum init_file_type, also below; 0 if error */
    uint32_t mode;       /* permission bits */
    uint32_t created;    /* write, mkdir, unpack: it was not there before */
    uint64_t size;       /* of the file; INIT_FILE_ENDLESS: not known, as in /proc */
    int64_t modified_ms; /* Unix time */
    uint64_t offset;     /* read: of the first byte that follows */
    uint64_t length;     /* read, pack, watch: bytes that follow; INIT_FILE_ENDLESS: until the end */
};

/*
 * The entries of a folder: each a head, its name, and the target of a symbolic link. With a depth above 1,
 * names are paths below the folder. Last comes a head of type 0, with the cursor of the next page as its name
 * ("": there is none).
 */
struct init_file_entry {
    uint8_t type; /* enum init_file_type */
    uint8_t zero;
    uint16_t name_len, target_len;
    uint16_t zero_too;
    uint32_t mode;
    uint32_t zero_again;
    uint64_t size;
    int64_t modified_ms;
};

#define INIT_WATCH_FOLDERS_MAX 8192 /* of one watch */

enum init_file_change_kind {
    INIT_CHANGE_CREATED = 1, /* also moved in from elsewhere */
    INIT_CHANGE_MODIFIED,
    INIT_CHANGE_DELETED,    /* also moved away */
    INIT_CHANGE_MOVED,      /* within what is watched: from is its path before */
    INIT_CHANGE_ATTRIBUTES, /* mode, owner, times, links */
    INIT_CHANGE_OVERFLOW,   /* detail: enum init_overflow */
    INIT_CHANGE_END         /* detail: enum init_watch_end; the last */
};

enum init_overflow {
    INIT_OVERFLOW_QUEUE = 1, /* changes were lost */
    INIT_OVERFLOW_FOLDERS    /* the folder at the path, and what is in it, is not watched */
};

enum init_watch_end {
    INIT_WATCH_DELETED = 1, /* nothing is at the path any more */
    INIT_WATCH_MOVED,
    INIT_WATCH_REPLACED /* something else is at the path */
};

/* What a watch prints: each a head, the path below what is watched ("": that itself), and from. */
struct init_file_change {
    uint8_t kind;   /* enum init_file_change_kind */
    uint8_t detail; /* enum init_file_type, 0: not known; or as the kind says */
    uint16_t path_len, from_len;
    uint16_t zero;
};

/* Runs one operation; in and out are its stdin and stdout. Returns false if the arguments break a rule, and
 * nothing was printed. */
bool init_file_run(int argc, const char *const *argv, int in, int out);

#endif
