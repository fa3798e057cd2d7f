/* Small definitions that every file may use: attributes and array helpers. */
#ifndef CORRAL_COMMON_BASE_DEFS_H
#define CORRAL_COMMON_BASE_DEFS_H

#include <stddef.h>

/* The result is an error code; dropping it is a bug. */
#define MUST_CHECK        __attribute__((warn_unused_result))
#define PRINTF_LIKE(f, a) __attribute__((format(printf, f, a)))
#define CLEANUP(fn)       __attribute__((cleanup(fn)))

#define ARRAY_LEN(a)                  (sizeof(a) / sizeof((a)[0]))
#define CONTAINER_OF(p, type, member) ((type *)(void *)((char *)(p)-offsetof(type, member)))

#endif
