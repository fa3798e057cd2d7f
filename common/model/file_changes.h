/*
 * Reads the changes of files as a watch in a sandbox prints them (agent/init/init_file.h has the form), byte
 * by byte as they come. A tenant may have made up every byte: what breaks a bound ends the reading, and paths
 * may hold any bytes but NUL. Pure; fixed memory.
 */
#ifndef CORRAL_COMMON_MODEL_FILE_CHANGES_H
#define CORRAL_COMMON_MODEL_FILE_CHANGES_H

#include "common/model/file_list.h"

#define FILE_CHANGE_HEAD     8
#define FILE_CHANGE_PATH_MAX 4095

/* By their numbers on the wire. */
enum file_change_kind {
    FILE_CHANGE_NONE,
    FILE_CHANGE_CREATED,
    FILE_CHANGE_MODIFIED,
    FILE_CHANGE_DELETED,
    FILE_CHANGE_MOVED,
    FILE_CHANGE_ATTRIBUTES,
    FILE_CHANGE_OVERFLOW,
    FILE_CHANGE_END,
    FILE_CHANGE_KINDS
};

/* "created", "modified", …; NULL: there is no such kind. */
const char *file_change_name(unsigned kind);

/* Paths are below what is watched, "" for that itself; borrowed until the next call, and without a NUL. */
struct file_change {
    enum file_change_kind kind;
    enum file_type type;     /* NONE: not known */
    const char *reason;      /* of an overflow or the end, else NULL */
    const char *path, *from; /* from: of a move */
    size_t path_len, from_len;
};

/* All zero before the first byte. */
struct file_changes {
    uint8_t held[FILE_CHANGE_HEAD + 2 * FILE_CHANGE_PATH_MAX];
    size_t held_len;
    bool ended; /* nothing may follow */
};

/* Takes bytes until a change is complete: *bytes and *len become what follows it. 1: out has it; 0: all bytes
 * are taken, and it is not complete; -1: they break a bound. */
int file_changes_next(struct file_changes *changes, const uint8_t **bytes, size_t *len,
                      struct file_change *out);

#endif
