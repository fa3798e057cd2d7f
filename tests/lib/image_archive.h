/* Makes archives of images as Docker saves them, in memory, for tests. */
#ifndef CORRAL_TESTS_LIB_IMAGE_ARCHIVE_H
#define CORRAL_TESTS_LIB_IMAGE_ARCHIVE_H

#include "agent/image/image_read.h"
#include "common/base/text.h"

/* A member; all but path may be left out. type 0: '0'. records: pax records, "key=value" each. */
struct archive_member {
    const char *path;
    char type;
    const char *target, *data;
    size_t data_len; /* 0: strlen(data) */
    unsigned mode, uid;
    long mtime;
    const char *records[3];
};

/* Appends the member to a tar archive. */
void archive_add(struct text *tar, const struct archive_member *member);
void archive_end(struct text *tar);

/* Appends the whole of an image with these layers, lowest first. */
void archive_image(struct text *out, const struct text *layers, size_t count);

/* A source of bytes in memory, which gives at most piece bytes at once. */
struct archive_source {
    const char *bytes;
    size_t len, at, piece;
};
int archive_read(void *source, void *bytes, size_t len, size_t *got);

/* Reads the image. */
int archive_read_image(struct image_read *out, const char *bytes, size_t len, struct err *e);

#endif
