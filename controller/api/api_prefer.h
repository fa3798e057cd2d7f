/* The header Prefer (RFC 7240). Pure. */
#ifndef CORRAL_CONTROLLER_API_API_PREFER_H
#define CORRAL_CONTROLLER_API_API_PREFER_H

#include <stdbool.h>

/*
 * Whether the header has a preference of this name without a value. value: all lines of the header, joined by
 * commas; NULL for none.
 */
bool api_prefers(const char *value, const char *name);

#endif
