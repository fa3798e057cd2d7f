/* A segment of a path that may hold any printable characters, as the name of an image has slashes. Pure. */
#ifndef CORRAL_CONTROLLER_OPS_PATH_SEGMENT_H
#define CORRAL_CONTROLLER_OPS_PATH_SEGMENT_H

#include <stdbool.h>
#include <stddef.h>

/* Decodes what is percent-encoded into out. False: a "%" is not followed by two digits, or stands for no
 * printable character of ASCII, or out is too small. */
bool path_segment_decode(const char *segment, char *out, size_t size);

#endif
