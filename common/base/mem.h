/*
 * Allocation of our own small objects. No caller could handle running out of memory here, so these functions
 * abort. A size that a peer chose is capped and goes through plain malloc, which may fail.
 */
#ifndef CORRAL_COMMON_BASE_MEM_H
#define CORRAL_COMMON_BASE_MEM_H

#include <stddef.h>

/* Returns zeroed memory that the caller frees with free(). Never NULL. */
void *mem_zalloc(size_t size);

/* Like reallocarray(), but never returns NULL for a size that is not zero. Takes p. */
void *mem_grow(void *p, size_t count, size_t size);

/* Returns a copy that the caller frees; NULL for NULL. */
char *mem_strdup(const char *s);

/* Returns a copy of size bytes, followed by a NUL. The caller frees it. */
void *mem_dup(const void *p, size_t size);

/* Moves what mem_dup made to *out: copies it there, and frees it. */
void mem_take(void *out, void *p, size_t size);

/* Frees *p and sets it to NULL; for the cleanup attribute on any pointer type. */
void mem_free_ptr(void *p);

#endif
