/*
 * The public prefixes of all API keys that there are: what is not among them need not be looked up. 60 bits a
 * prefix in a hash table with open addressing (Knuth 6.4, linear probing): 16 MB for a million keys. It may
 * hold prefixes that are gone; it lacks a key that another controller made in this moment.
 */
#ifndef CORRAL_CONTROLLER_API_KEY_SET_H
#define CORRAL_CONTROLLER_API_KEY_SET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define KEY_SET_MAX 1000000 /* with more it is given up: any prefix may be one */

/* All zero: not filled yet. */
struct key_set {
    uint64_t *slot; /* 0: free */
    size_t room, count;
    bool overflowed;
};

/* Again from all there are: the prefixes one after the other, without their "crl_". NULL: none. */
void key_set_fill(struct key_set *set, const char *prefixes);
/* prefix: "crl_" and 12 characters; another text is passed over. */
void key_set_add(struct key_set *set, const char *prefix);
/* Whether there may be such a key. */
bool key_set_has(const struct key_set *set, const char *prefix);
void key_set_fini(struct key_set *set);

#endif
