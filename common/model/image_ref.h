/*
 * Names of images as Docker reads them (distribution's reference package): [REGISTRY/]PATH[:TAG][@DIGEST].
 * The first part is a registry if it has a dot or a colon, or is "localhost". A name without a registry
 * belongs to Docker Hub, where a path of one part lies in library/. An image's id is not accepted as a name.
 * Pure.
 */
#ifndef CORRAL_COMMON_MODEL_IMAGE_REF_H
#define CORRAL_COMMON_MODEL_IMAGE_REF_H

#include <stdbool.h>

#define IMAGE_REF_MAX 255
#define IMAGE_HUB     "docker.io"

struct image_ref {
    char registry[IMAGE_REF_MAX + 1]; /* "docker.io", "host:5000"; lower case */
    char path[IMAGE_REF_MAX + 9];     /* "library/alpine" */
    char tag[IMAGE_REF_MAX + 1];      /* "latest" if the name has none; "" if it has a digest */
    char digest[72];                  /* "sha256:…"; "" if the name has none */
};

/* Size of a whole name with all its parts. */
#define IMAGE_REF_FULL_MAX 640

/* Returns false if text is no name of an image, or if its registry or path is longer than IMAGE_REF_MAX. */
bool image_ref_parse(const char *text, struct image_ref *out);

/* The whole name, which Docker cannot read in another way: "docker.io/library/alpine:latest". */
void image_ref_full(const struct image_ref *ref, char out[static IMAGE_REF_FULL_MAX]);

/* The name as Docker shows it in lists: for Docker Hub without the registry and "library/". */
void image_ref_familiar(const struct image_ref *ref, char out[static IMAGE_REF_FULL_MAX]);

/* Whether text is another way to write this name. */
bool image_ref_is(const struct image_ref *ref, const char *text);

/* Whether the registry is in this list (separated by commas; "none" allows none). Knows Docker Hub's
 * several names. */
bool image_ref_allowed(const struct image_ref *ref, const char *registries);

/* Whether text may be an item of such a list: a host name or an address, with or without a port. */
bool image_registry_valid(const char *text);

#endif
