/* The header Prefer (RFC 7240). Pure. */
#ifndef CORRAL_CONTROLLER_API_PREFER_H
#define CORRAL_CONTROLLER_API_PREFER_H

#include <stdbool.h>

/* Whether one of its preferences, lines joined by commas, has this name and no value. value: NULL for none.
 */
bool api_prefers(const char *value, const char *name);

#endif
