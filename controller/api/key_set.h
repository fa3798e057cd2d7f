/*
 * The public prefixes of all existing API keys: a prefix that is not in the set need not be looked up. 60
 * bits a prefix in a hash table with open addressing (Knuth 6.4, linear probing): 16 MB for a million keys.
 * The set may contain prefixes of deleted keys; it may lack a key that another controller has just created.
 */
#ifndef CORRAL_CONTROLLER_API_KEY_SET_H
#define CORRAL_CONTROLLER_API_KEY_SET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define KEY_SET_MAX 1000000 /* with more keys the set is not used: any prefix may exist */

/* All zero: not filled yet. */
struct key_set {
    uint64_t *slot; /* 0: free */
    size_t room, count;
    bool overflowed;
};

/* Fills the set from scratch. prefixes: one after the other, without their "crl_". NULL: none. */
void key_set_fill(struct key_set *set, const char *prefixes);
/* Adds a prefix: "crl_" and 12 characters; other text is ignored. */
void key_set_add(struct key_set *set, const char *prefix);
/* Whether a key with this prefix may exist. */
bool key_set_has(const struct key_set *set, const char *prefix);
void key_set_fini(struct key_set *set);

#endif
