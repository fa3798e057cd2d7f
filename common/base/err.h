/*
 * Errors: a function that can fail returns 0 or a negative code from err.def, and takes an optional struct
 * err * as its last parameter, which receives a sentence that says what to do. The table gives each code its
 * public name, its HTTP status and whether trying again can help.
 */
#ifndef CORRAL_COMMON_BASE_ERR_H
#define CORRAL_COMMON_BASE_ERR_H

#include "common/base/defs.h"

#include <stdbool.h>

enum err_index {
    ERR_INDEX_NONE,
#define ERR(name, code, status, retry, title) ERR_INDEX_##name,
#include "common/base/err.def"
#undef ERR
    ERR_INDEX_COUNT
};

enum err_code {
#define ERR(name, code, status, retry, title) ERR_##name = -ERR_INDEX_##name,
#include "common/base/err.def"
#undef ERR
};

struct err {
    int code;
    char text[400];
};

/* Writes the sentence into e (which may be NULL) and returns code. A sentence that is too long is cut. */
int err_set(struct err *e, int code, const char *fmt, ...) PRINTF_LIKE(3, 4);

/* The code's public name ("quota_exceeded"); "internal" for a code not in the table. Static. */
const char *err_name(int code);

/* The code's short title. Static. */
const char *err_title(int code);

/* The code's HTTP status; 500 for a code not in the table. */
int err_status(int code);

/* Whether the same request may succeed later. */
bool err_retryable(int code);

#endif
