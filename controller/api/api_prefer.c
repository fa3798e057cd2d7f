#include "controller/api/api_prefer.h"

#include <string.h>
#include <strings.h>

/* The end of the preference that begins here: a comma outside quotes. */
static const char *end_of(const char *at)
{
    bool quoted = false;
    for (; *at && (quoted || *at != ','); at++) {
        if (quoted && *at == '\\' && at[1])
            at++;
        else if (*at == '"')
            quoted = !quoted;
    }
    return at;
}

bool api_prefers(const char *value, const char *name)
{
    size_t len = strlen(name);
    for (const char *at = value ? value : ""; *at;) {
        at += strspn(at, ", \t");
        const char *end = end_of(at), *next = at + len;
        if ((size_t)(end - at) >= len && !strncasecmp(at, name, len)) {
            next += strspn(next, " \t");
            if (!strncmp(next, "=\"\"", 3)) /* the same as none (section 2) */
                next += 3 + strspn(next + 3, " \t");
            if (next >= end || *next == ';')
                return true;
        }
        at = end;
    }
    return false;
}
