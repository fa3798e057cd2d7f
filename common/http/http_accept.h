/* The header field Accept (RFC 9110, 12.5.1). Pure. */
#ifndef CORRAL_COMMON_HTTP_HTTP_ACCEPT_H
#define CORRAL_COMMON_HTTP_HTTP_ACCEPT_H

#include <stdbool.h>

/*
 * The weight in thousandths with which a client asks for this media type by name, as `text/event-stream`:
 * 1000 where it gives none, 0 where it does not name it, or refuses it. Wildcards name nothing. accept: NULL
 * where there is no such field.
 */
unsigned http_accept_weight(const char *accept, const char *type);

/* Whether a client asks for `type` by name, and for `other` by name with no greater weight, or not at all. */
bool http_accept_prefers(const char *accept, const char *type, const char *other);

#endif
