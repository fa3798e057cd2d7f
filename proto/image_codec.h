/*
 * What a node finds in an image (common/model/image_report.h), and its bytes. Both ways hold the bounds;
 * bytes of a peer that break one, or do not parse, are an error and nothing more. No I/O, no clock; any
 * thread.
 */
#ifndef CORRAL_PROTO_IMAGE_CODEC_H
#define CORRAL_PROTO_IMAGE_CODEC_H

#include "common/base/err.h"
#include "common/model/image_report.h"

#define IMAGE_REPORT_MAX (2u << 20) /* bytes of a packed report */
#define IMAGE_FLAT_MAX   (4u << 20) /* bytes of what came of a flattening */
#define IMAGE_NAME_MAX   511
#define IMAGE_BYTES_MOST ((uint64_t)1 << 53) /* the largest number of a report */

/* What came of a flattening: the image, the variant, and the variant's name. */
struct image_flat {
    struct image_report before, after;
    char name[IMAGE_NAME_MAX + 1];
};
void image_flat_fini(struct image_flat *flat);

/* *out gets bytes that the caller frees. ERR_INVALID past a bound. */
int image_report_pack(const struct image_report *report, uint8_t **out, size_t *len,
                      struct err *e) MUST_CHECK;
int image_flat_pack(const struct image_flat *flat, uint8_t **out, size_t *len, struct err *e) MUST_CHECK;

/* Fills *report or *flat, whose fini is due. ERR_PROTOCOL, and it holds nothing. */
int image_report_unpack(const uint8_t *bytes, size_t len, struct image_report *report,
                        struct err *e) MUST_CHECK;
int image_flat_unpack(const uint8_t *bytes, size_t len, struct image_flat *flat, struct err *e) MUST_CHECK;

#endif
