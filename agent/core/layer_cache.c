/* The table of caches, and which of them a path is in. */
#include "agent/core/layer_report_int.h"

#include "common/base/defs.h"

#include <string.h>

const struct layer_cache layer_caches[] = {
#define CACHE(path, what, rids) {path, what, rids},
#include "agent/core/layer_cache.def"
#undef CACHE
};
const size_t layer_caches_count = ARRAY_LEN(layer_caches);

/* Whether the path is, or lies in, what the pattern names; both begin with '/'. */
static bool lies_in(const char *path, const char *pattern)
{
    for (;;) {
        size_t part = strcspn(path + 1, "/") + 1, form = strcspn(pattern + 1, "/") + 1;
        bool any = form == 2 && pattern[1] == '*';
        if (!any && (part != form || strncmp(path, pattern, form) != 0))
            return false;
        path += part;
        pattern += form;
        if (!*pattern)
            return true;
        if (!*path)
            return false;
    }
}

/* pattern: "/name". */
static bool is_anywhere(const char *path, const char *pattern)
{
    size_t len = strlen(pattern);
    for (const char *at = path; (at = strstr(at, pattern)); at++)
        if (at[len] == '/' || !at[len])
            return true;
    return false;
}

int layer_cache_of(const char *path)
{
    for (size_t i = 0; i < layer_caches_count; i++) {
        const char *pattern = layer_caches[i].path;
        if (pattern[0] == '*' ? is_anywhere(path, pattern + 2) : lies_in(path, pattern))
            return (int)i;
    }
    return -1;
}
