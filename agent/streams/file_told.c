#include "agent/streams/file_told.h"

#include "common/base/mem.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- arguments --- */

static void add(struct init_start *start, const char *word)
{
    start->argv[start->argc++] = word;
}

static void add_number(struct init_start *start, struct file_words *words, size_t at, uint64_t number)
{
    snprintf(words->number[at], sizeof words->number[at], "%llu", (unsigned long long)number);
    add(start, words->number[at]);
}

static void add_mode(struct init_start *start, struct file_words *words, const struct stream_file *file)
{
    if (file->has_mode)
        snprintf(words->number[0], sizeof words->number[0], "%o", file->mode);
    add(start, file->has_mode ? words->number[0] : "-");
}

void file_arguments(const struct stream_file *file, struct file_words *words, struct init_start *start)
{
    static const char *const verbs[] = {"read", "stat", "write",  "mkdir", "remove",
                                        "move", "pack", "unpack", "watch"};
    add(start, INIT_FILE_HELPER);
    add(start, verbs[file->verb]);
    add(start, file->path);
    switch (file->verb) {
    case STREAM_FILE_READ:
        add_number(start, words, 0, file->range);
        add_number(start, words, 1, file->offset);
        add_number(start, words, 2, file->length);
        add_number(start, words, 3, file->depth);
        add_number(start, words, 4, file->limit);
        add(start, file->cursor);
        break;
    case STREAM_FILE_WRITE:
    case STREAM_FILE_MKDIR:
        add_mode(start, words, file);
        break;
    case STREAM_FILE_REMOVE:
    case STREAM_FILE_WATCH:
        add(start, file->recursive ? "1" : "0");
        break;
    case STREAM_FILE_MOVE:
        add(start, file->to);
        break;
    default:
        break;
    }
}

/* --- errors --- */

struct row {
    int error, code;
    const char *sentence;
};

static const struct row rows[] = {
    {ENOENT, ERR_FILE_NOT_FOUND, "there is nothing at this path"},
    {ENOTDIR, ERR_FILE_NOT_FOUND, "there is nothing at this path: a part of it is no folder"},
    {EACCES, ERR_PERMISSION_DENIED, "the sandbox's user may not do this"},
    {EPERM, ERR_PERMISSION_DENIED, "the sandbox's user may not do this"},
    {EROFS, ERR_PERMISSION_DENIED, "this part of the sandbox is read-only"},
    {ENOSPC, ERR_NO_SPACE, "the sandbox's disk is full"},
    {EDQUOT, ERR_NO_SPACE, "the sandbox's disk is full"},
    {EFBIG, ERR_NO_SPACE, "a file may not be that large there"},
    {EISDIR, ERR_FILE_CONFLICT, "there is a folder"},
    {EEXIST, ERR_FILE_CONFLICT, "something else is there, or a part of the path is no folder"},
    {ENOTEMPTY, ERR_FILE_CONFLICT, "the folder is not empty"},
    {ENXIO, ERR_FILE_CONFLICT, "what is there is neither a regular file nor a folder"},
    {ELOOP, ERR_FILE_CONFLICT, "there are too many symbolic links on the way"},
    {EBUSY, ERR_FILE_CONFLICT, "it is in use, or changed meanwhile"},
    {ETXTBSY, ERR_FILE_CONFLICT, "it is in use"},
    {EXDEV, ERR_FILE_CONFLICT, "a folder cannot move to another mount; copy it"},
    {EINVAL, ERR_FILE_CONFLICT, "that is not possible there, such as moving a folder into itself"},
    {EMLINK, ERR_FILE_CONFLICT, "the folder has as many entries as it may"},
    {ENAMETOOLONG, ERR_INVALID, "the path, or a name in it, is too long"},
    {EILSEQ, ERR_INVALID, "there cannot be such a name"},
    {ERANGE, ERR_RANGE, "the file has no such bytes"},
    {INIT_FAULT_NO_ARCHIVE, ERR_INVALID,
     "this is no tar archive, neither plain nor compressed with gzip or zstd"},
    {INIT_FAULT_CUT, ERR_INVALID, "the archive ends early"},
    {INIT_FAULT_HEADER, ERR_INVALID, "the archive is damaged: a header cannot be read"},
    {INIT_FAULT_COMPRESSION, ERR_INVALID, "the archive is damaged: it cannot be decompressed"},
    {INIT_FAULT_WINDOW, ERR_INVALID, "the archive is compressed with a window larger than 8 MiB"},
    {INIT_FAULT_OUTSIDE, ERR_INVALID, "its path is absolute or has a \"..\""},
    {INIT_FAULT_THROUGH_LINK, ERR_INVALID, "its path leads through a symbolic link"},
    {INIT_FAULT_LINK, ERR_INVALID, "it is a hard link to what is not in the folder"},
    {INIT_FAULT_KIND, ERR_INVALID, "it is of a kind that cannot be unpacked, such as a sparse file"},
    {INIT_FAULT_NAME, ERR_INVALID, "its name is empty or too long"},
    {INIT_FAULT_MANY, ERR_INVALID, "the archive has more members than one may have"},
    {INIT_FAULT_FOLDERS, ERR_INVALID, "there are more folders than one watch may watch"},
    {INIT_FAULT_WATCHES, ERR_INVALID,
     "there are more folders than the sandbox has watches of inotify left, its programs' included"},
    {INIT_FAULT_INSTANCES, ERR_INVALID,
     "the sandbox has as many instances of inotify as it may, those of its programs included"},
};

static const char *sentence_of(uint32_t error, int *code)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if ((uint32_t)rows[i].error == error) {
            *code = rows[i].code;
            return rows[i].sentence;
        }
    }
    *code = ERR_IO;
    return error < INIT_FAULT_NO_ARCHIVE ? strerror((int)error) : "an error that there is not";
}

static int explain(enum stream_file_verb verb, const struct init_file_result *r, struct err *e)
{
    int code;
    const char *sentence = sentence_of(r->error, &code);
    if (verb == STREAM_FILE_UNPACK && r->size)
        return err_set(e, code, "member %llu of the archive: %s", (unsigned long long)r->size, sentence);
    if (verb == STREAM_FILE_WATCH && r->size && r->error >= INIT_FAULT_FOLDERS)
        return err_set(e, code, "%s: at most %llu", sentence, (unsigned long long)r->size);
    return err_set(e, code, "%s%s", code == ERR_IO ? "the sandbox's kernel refused it: " : "", sentence);
}

/* --- what it prints --- */

static int made_up(struct err *e)
{
    return err_set(e, ERR_PROTOCOL, "the sandbox's helper said what it may not");
}

static bool valid(enum stream_file_verb verb, const struct init_file_result *r)
{
    bool folder = r->type == INIT_FILE_FOLDER;
    if (r->created > 1 || r->mode > 07777 || r->modified_ms > FILE_TIME_MAX_MS ||
        r->modified_ms < -FILE_TIME_MAX_MS)
        return false;
    if (verb == STREAM_FILE_PACK || verb == STREAM_FILE_WATCH)
        return (folder || r->type == INIT_FILE_REGULAR) && r->length == INIT_FILE_ENDLESS &&
               r->size == INIT_FILE_ENDLESS && !r->offset;
    if (verb != STREAM_FILE_READ && (r->length || r->offset)) /* no bytes follow */
        return false;
    if (verb == STREAM_FILE_REMOVE || verb == STREAM_FILE_MOVE)
        return !r->type;
    if (r->type != INIT_FILE_REGULAR && !folder)
        return false;
    if (verb != STREAM_FILE_READ)
        return true;
    if (folder || r->size == INIT_FILE_ENDLESS)
        return r->length == INIT_FILE_ENDLESS && !r->offset;
    return r->offset <= r->size && r->length <= r->size - r->offset;
}

static int take_result(struct file_told *t, struct err *e)
{
    struct init_file_result r;
    memcpy(&r, t->head, sizeof r);
    t->known = true;
    if (r.error == ERANGE && t->verb == STREAM_FILE_READ)
        t->result = (struct stream_file_result){.out_of_range = true, .has_size = true, .size = r.size};
    if (r.error)
        return explain(t->verb, &r, e);
    if (!valid(t->verb, &r))
        return made_up(e);
    t->result = (struct stream_file_result){.type = (enum file_type)r.type,
                                            .mode = r.mode,
                                            .has_size = r.size != INIT_FILE_ENDLESS,
                                            .size = r.size,
                                            .modified_ms = r.modified_ms,
                                            .offset = r.offset,
                                            .has_length = r.length != INIT_FILE_ENDLESS,
                                            .length = r.length,
                                            .created = r.created};
    t->left = r.length;
    return 0;
}

void file_told_begin(struct file_told *t, enum stream_file_verb verb)
{
    *t = (struct file_told){.verb = verb};
    if (verb == STREAM_FILE_WATCH)
        t->changes = mem_zalloc(sizeof *t->changes);
}

void file_told_fini(struct file_told *t)
{
    free(t->changes);
    t->changes = NULL;
}

static int check_changes(struct file_changes *changes, const uint8_t *bytes, size_t len, struct err *e)
{
    struct file_change ignored;
    int rc;
    while ((rc = file_changes_next(changes, &bytes, &len, &ignored)) > 0)
        ;
    return rc < 0 ? made_up(e) : 0;
}

int file_told_take(struct file_told *t, const uint8_t **bytes, size_t *len, struct err *e)
{
    if (!t->known) {
        size_t more = sizeof t->head - t->head_len < *len ? sizeof t->head - t->head_len : *len;
        memcpy(t->head + t->head_len, *bytes, more);
        t->head_len += more;
        *bytes += more;
        *len -= more;
        int rc = t->head_len == sizeof t->head ? take_result(t, e) : 0;
        if (rc)
            return rc;
    }
    if (t->changes)
        return check_changes(t->changes, *bytes, *len, e);
    if (!*len || !t->result.has_length)
        return 0;
    if (*len > t->left)
        return made_up(e);
    t->left -= *len;
    return 0;
}

int file_told_end(const struct file_told *t, const struct stream_process *end, struct err *e)
{
    if (end->timed_out)
        return err_set(e, ERR_NODE_TIMEOUT, "the operation took longer than it may");
    if (end->signo || end->exit_code)
        return err_set(e, ERR_IO, "the sandbox's helper was killed before it was done");
    if (!t->known)
        return err_set(e, ERR_IO, "the sandbox's helper ended without a result");
    if (t->changes && !t->changes->ended)
        return err_set(e, ERR_IO, "the sandbox's helper ended before what it watched");
    if (t->result.has_length && t->left)
        return err_set(e, ERR_IO, "the file became shorter while it was read");
    return 0;
}

_Static_assert(INIT_FILE_TIME_MAX == FILE_TIME_MAX_MS, "a helper tells no other times");
