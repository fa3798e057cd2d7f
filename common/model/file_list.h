/*
 * Reads the entries of a folder as a sandbox prints them (agent/init/init_file.h has the form), byte by byte
 * as they come. A tenant may have made up every byte: what breaks a bound ends the reading, and names may
 * hold any bytes but NUL. Pure; fixed memory.
 */
#ifndef CORRAL_COMMON_MODEL_FILE_LIST_H
#define CORRAL_COMMON_MODEL_FILE_LIST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FILE_LIST_HEAD       32
#define FILE_LIST_NAME_MAX   4095 /* with a depth above 1 a name is a path */
#define FILE_LIST_CURSOR_MAX 300
#define FILE_LIST_LIMIT_MAX  200          /* entries of a page */
#define FILE_LIST_BYTES_MAX  (512u << 10) /* of a page */

/* The types of files, by their numbers on the wire. */
enum file_type {
    FILE_TYPE_NONE,
    FILE_TYPE_FILE,
    FILE_TYPE_DIRECTORY,
    FILE_TYPE_SYMLINK,
    FILE_TYPE_FIFO,
    FILE_TYPE_SOCKET,
    FILE_TYPE_CHARACTER_DEVICE,
    FILE_TYPE_BLOCK_DEVICE,
    FILE_TYPES
};

/* "file", "directory", …; NULL: there is no such type. */
const char *file_type_name(unsigned type);

/* Whether text can be a cursor: up to 16 offsets in hexadecimal, with dots between; or "". */
bool file_cursor_valid(const char *text);

/* name and target are borrowed for the call, and have no NUL behind them. */
struct file_entry {
    enum file_type type;
    uint32_t mode; /* permission bits */
    uint64_t size;
    int64_t modified_ms; /* Unix time, at most to the year 9999 */
    const char *name, *target;
    size_t name_len, target_len; /* target: of a symbolic link, else "" */
};

/* The largest of times that are told, and, negative, the smallest. */
#define FILE_TIME_MAX_MS 253402300799999

typedef void file_list_cb(void *arg, const struct file_entry *entry);

/* All zero before the first byte. */
struct file_list {
    uint8_t held[FILE_LIST_HEAD + 2 * FILE_LIST_NAME_MAX];
    size_t held_len, seen;
    unsigned entries;
    bool ended;                            /* the whole page is there */
    char cursor[FILE_LIST_CURSOR_MAX + 1]; /* then: of the next page, "" if there is none */
};

/* Takes bytes, and calls cb for each entry that is complete. False: they break a bound. */
bool file_list_take(struct file_list *list, const uint8_t *bytes, size_t len, file_list_cb *cb, void *arg);

#endif
