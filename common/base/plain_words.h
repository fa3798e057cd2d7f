/*
 * Makes messages of Docker and the kernel fit for a tenant: words that reveal something about the machine
 * (paths, addresses, names with a port, ids) become "…", the rest stays. Pure.
 */
#ifndef CORRAL_COMMON_BASE_PLAIN_WORDS_H
#define CORRAL_COMMON_BASE_PLAIN_WORDS_H

#include <stddef.h>

/* out is always NUL-terminated; what does not fit is cut between characters. out and text may not overlap. */
void plain_words(const char *text, char *out, size_t size);

#endif
