/*
 * Rewrites the headers of a member of a tar archive, so that it has another path or another target; all else
 * that they say stays as it is, also what this program does not know.
 */
#ifndef CORRAL_AGENT_IMAGE_IMAGE_HEAD_H
#define CORRAL_AGENT_IMAGE_IMAGE_HEAD_H

#include "common/base/text.h"

#include <stdbool.h>

#define IMAGE_HEAD_MAX (3u << 20) /* bytes of the headers of one member */

/*
 * head: the headers, whole blocks, the member's own last. path, target: NULL: it stays. Appends to out.
 * False: they are not headers.
 */
bool image_head_rewrite(const char *head, size_t len, const char *path, const char *target, struct text *out);

#endif
