/*
 * Names of images as Docker reads them (distribution's reference package): [REGISTRY/]PATH[:TAG][@DIGEST].
 * The first part is a registry where it has a dot or a colon, or is "localhost"; without one it is Docker
 * Hub's, whose names of one part are in library/. A name is never an image's id. Pure.
 */
#ifndef CORRAL_COMMON_IMAGE_REF_H
#define CORRAL_COMMON_IMAGE_REF_H

#include <stdbool.h>

#define IMAGE_REF_MAX 255
#define IMAGE_HUB     "docker.io"

struct image_ref {
    char registry[IMAGE_REF_MAX + 1]; /* "docker.io", "host:5000"; lower case */
    char path[IMAGE_REF_MAX + 9];     /* "library/alpine" */
    char tag[IMAGE_REF_MAX + 1];      /* "latest" where none is said; "" beside a digest */
    char digest[72];                  /* "sha256:…"; "" for none */
};

/* Of a whole name, with all its parts. */
#define IMAGE_REF_FULL_MAX 640

/* False where it is no name of an image, or its registry or path is longer than IMAGE_REF_MAX. */
bool image_ref_parse(const char *text, struct image_ref *out);

/* The whole name, which Docker takes for nothing else: "docker.io/library/alpine:latest". */
void image_ref_full(const struct image_ref *ref, char out[static IMAGE_REF_FULL_MAX]);

/* The same as Docker tells it in lists: of Docker Hub's it leaves the registry and "library/" away. */
void image_ref_familiar(const struct image_ref *ref, char out[static IMAGE_REF_FULL_MAX]);

/* Whether text is another way to write this name. */
bool image_ref_is(const struct image_ref *ref, const char *text);

/* Whether its registry is in this list (commas between; "none": none is); Docker Hub has several names. */
bool image_ref_allowed(const struct image_ref *ref, const char *registries);

/* Whether this may stand in such a list: a name or an address, with a port or without. */
bool image_registry_valid(const char *text);

#endif
