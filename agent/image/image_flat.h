/*
 * Writes an image as one layer: of each visible file what its layer has of it, byte by byte, headers
 * included, so that nothing that an archive can say is lost. Only a hard link whose first name is hidden gets
 * its headers rewritten. The configuration stays but for the list of layers and the history.
 */
#ifndef CORRAL_AGENT_IMAGE_IMAGE_FLAT_H
#define CORRAL_AGENT_IMAGE_IMAGE_FLAT_H

#include "agent/image/image_read.h"

/* Writes all of the bytes. Returns 0 or an errno. */
typedef int image_sink_fn(void *arg, const void *bytes, size_t len);

struct image_sink {
    image_sink_fn *write;
    void *arg;
};

/* The layer's archive, which is written twice, first to be measured. */
struct image_flat_form {
    uint64_t bytes;
    char digest[IMAGE_ID_LEN + 1]; /* of the layer */
    char id[IMAGE_ID_LEN + 1];     /* of the image: of its configuration's text */
    char *config;                  /* its text, the caller's */
};

/* kept: holds the archive that the image was read from. ERR_IO, ERR_PROTOCOL. */
int image_flat_measure(const struct image_read *read, int kept, const char *made_of,
                       struct image_flat_form *form, struct err *e) MUST_CHECK;

/* Writes the image as Docker loads it (POST /images/load), without a name. */
int image_flat_write(const struct image_read *read, int kept, const struct image_flat_form *form,
                     const struct image_sink *sink, struct err *e) MUST_CHECK;

#endif
