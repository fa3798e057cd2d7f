#include "proto/stream_file_codec.h"

#include "proto/pb.h"
#include "proto/stream.pb-c.h"
#include "proto/stream_codec.h"

#include <string.h>

#define MODE_MAX 07777

bool stream_file_valid(const struct stream_file *f)
{
    bool lists = f->verb == STREAM_FILE_READ;
    if (f->verb >= STREAM_FILE_VERBS || f->range >= STREAM_RANGES || f->path[0] != '/' ||
        f->mode > MODE_MAX || !file_cursor_valid(f->cursor) || !f->timeout_ms ||
        f->timeout_ms > STREAM_TIMEOUT_MAX)
        return false;
    if (lists &&
        (f->depth < 1 || f->depth > STREAM_DEPTH_MAX || f->limit < 1 || f->limit > FILE_LIST_LIMIT_MAX))
        return false;
    return f->verb != STREAM_FILE_MOVE || f->to[0] == '/';
}

static ProtobufCBinaryData path_to(const char *path)
{
    return (ProtobufCBinaryData){strlen(path), (uint8_t *)(uintptr_t)path};
}

static bool path_from(ProtobufCBinaryData pb, char out[STREAM_PATH_MAX + 1])
{
    if (pb.len > STREAM_PATH_MAX || (pb.len && memchr(pb.data, 0, pb.len)))
        return false;
    if (pb.len)
        memcpy(out, pb.data, pb.len);
    out[pb.len] = 0;
    return true;
}

void stream_file_to(const struct stream_file *f, Corral__FileOperation *pb)
{
    pb->verb = f->verb;
    pb->path = path_to(f->path);
    pb->to = path_to(f->to);
    pb->range = f->range;
    pb->offset = f->offset;
    pb->length = f->length;
    pb->depth = f->depth;
    pb->limit = f->limit;
    pb->cursor = (char *)(uintptr_t)f->cursor;
    pb->has_mode = f->has_mode;
    pb->mode = f->mode;
    pb->recursive = f->recursive;
    pb->timeout_ms = f->timeout_ms;
}

bool stream_file_from(const Corral__FileOperation *pb, struct stream_file *f)
{
    if (pb->verb >= STREAM_FILE_VERBS || pb->range >= STREAM_RANGES)
        return false;
    f->verb = (enum stream_file_verb)pb->verb;
    f->range = (enum stream_file_range)pb->range;
    f->offset = pb->offset;
    f->length = pb->length;
    f->depth = pb->depth;
    f->limit = pb->limit;
    f->has_mode = pb->has_mode;
    f->mode = pb->mode;
    f->recursive = pb->recursive;
    f->timeout_ms = pb->timeout_ms;
    return path_from(pb->path, f->path) && path_from(pb->to, f->to) &&
           pb_text(f->cursor, sizeof f->cursor, pb->cursor);
}

void stream_file_result_to(const struct stream_file_result *r, Corral__FileResult *pb)
{
    pb->type = r->type;
    pb->mode = r->mode;
    pb->has_size = r->has_size;
    pb->size = r->size;
    pb->modified_ms = r->modified_ms;
    pb->offset = r->offset;
    pb->has_length = r->has_length;
    pb->length = r->length;
    pb->created = r->created;
    pb->out_of_range = r->out_of_range;
}

bool stream_file_result_from(const Corral__FileResult *pb, struct stream_file_result *r)
{
    if (pb->type >= FILE_TYPES || pb->mode > MODE_MAX || pb->modified_ms > FILE_TIME_MAX_MS ||
        pb->modified_ms < -FILE_TIME_MAX_MS)
        return false;
    r->type = (enum file_type)pb->type;
    r->mode = pb->mode;
    r->has_size = pb->has_size;
    r->size = pb->size;
    r->modified_ms = pb->modified_ms;
    r->offset = pb->offset;
    r->has_length = pb->has_length;
    r->length = pb->length;
    r->created = pb->created;
    r->out_of_range = pb->out_of_range;
    return !r->has_size || !r->has_length || (r->offset <= r->size && r->length <= r->size - r->offset);
}
