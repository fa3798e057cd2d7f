#include "tests/fuzz/target.h"

#include "agent/streams/file_told.h"
#include "common/model/file_changes.h"
#include "common/model/file_list.h"
#include "proto/stream_codec.h"

#include <stdlib.h>
#include <string.h>

static void on_entry(void *arg, const struct file_entry *e)
{
    size_t *entries = arg;
    ++*entries;
    if (!file_type_name(e->type) || !e->name_len || memchr(e->name, 0, e->name_len + e->target_len))
        abort();
}

/* The same bytes in pieces of any size say the same. */
static void read_list(const uint8_t *bytes, size_t len, size_t piece)
{
    static struct file_list whole, parts;
    size_t a = 0, b = 0, at = 0;
    memset(&whole, 0, sizeof whole);
    memset(&parts, 0, sizeof parts);
    bool good = file_list_take(&whole, bytes, len, on_entry, &a), still = true;
    for (; still && at < len; at += piece)
        still = file_list_take(&parts, bytes + at, len - at < piece ? len - at : piece, on_entry, &b);
    if (still != good || a != b || (good && whole.ended != parts.ended))
        abort();
}

static bool take_changes(struct file_changes *changes, const uint8_t *bytes, size_t len, size_t *count)
{
    struct file_change c;
    int rc;
    while ((rc = file_changes_next(changes, &bytes, &len, &c)) > 0) {
        ++*count;
        if (!file_change_name(c.kind) || memchr(c.path, 0, c.path_len + c.from_len) ||
            (c.type && !file_type_name(c.type)))
            abort();
    }
    if (!rc && len)
        abort();
    return !rc;
}

static void read_changes(const uint8_t *bytes, size_t len, size_t piece)
{
    static struct file_changes whole, parts;
    size_t a = 0, b = 0, at = 0;
    memset(&whole, 0, sizeof whole);
    memset(&parts, 0, sizeof parts);
    bool good = take_changes(&whole, bytes, len, &a), still = true;
    for (; still && at < len; at += piece)
        still = take_changes(&parts, bytes + at, len - at < piece ? len - at : piece, &b);
    if (still != good || a != b || (good && whole.ended != parts.ended))
        abort();
}

static void read_told_by(struct file_told *told, const uint8_t *bytes, size_t len, size_t piece)
{
    struct stream_message message = {.kind = STREAM_FILE_TOLD};
    struct err e;
    for (size_t at = 0; at < len; at += piece) {
        const uint8_t *from = bytes + at;
        size_t left = len - at < piece ? len - at : piece;
        if (file_told_take(told, &from, &left, &e))
            return;
    }
    message.file = told->result;
    uint8_t out[STREAM_MESSAGE_MAX];
    size_t size = stream_message_pack(&message, out);
    if (told->known && (!size || stream_message_unpack(out, size, &message, &e)))
        abort(); /* what is told on is what the controller believes */
    if (file_told_end(told, &(struct stream_process){0}, &e))
        return;
}

static void read_told(const uint8_t *bytes, size_t len, size_t piece, unsigned verb)
{
    struct file_told told;
    file_told_begin(&told, (enum stream_file_verb)(verb % STREAM_FILE_VERBS));
    read_told_by(&told, bytes, len, piece);
    file_told_fini(&told);
}

static void read_stream(const uint8_t *bytes, size_t len)
{
    struct stream_open open;
    struct stream_message message;
    struct err e;
    if (!stream_open_unpack(bytes, len, &open, &e))
        stream_start_fini(&open.start);
    if (!stream_message_unpack(bytes, len, &message, &e))
        stream_process_fini(&message.process);
}

/* The first byte says what the others are, the second in how large pieces they come. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    if (len < 2)
        return 0;
    size_t piece = bytes[1] + 1u;
    if (bytes[0] == 'l')
        read_list(bytes + 2, len - 2, piece);
    else if (bytes[0] == 'c')
        read_changes(bytes + 2, len - 2, piece);
    else if (bytes[0] == 's')
        read_stream(bytes + 2, len - 2);
    else
        read_told(bytes + 2, len - 2, piece, bytes[0]);
    return 0;
}
