#include "common/base/mem.h"

#include <stdlib.h>
#include <string.h>

void *mem_zalloc(size_t size)
{
    void *p = calloc(1, size ? size : 1);
    if (!p)
        abort();
    return p;
}

void *mem_grow(void *p, size_t count, size_t size)
{
    void *q = reallocarray(p, count ? count : 1, size);
    if (!q)
        abort();
    return q;
}

char *mem_strdup(const char *s)
{
    return s ? mem_dup(s, strlen(s)) : NULL;
}

void *mem_dup(const void *p, size_t size)
{
    char *copy = mem_zalloc(size + 1);
    if (size)
        memcpy(copy, p, size);
    return copy;
}

void mem_take(void *out, void *p, size_t size)
{
    memcpy(out, p, size);
    free(p);
}

void mem_free_ptr(void *p)
{
    void **slot = p;
    free(*slot);
    *slot = NULL;
}
