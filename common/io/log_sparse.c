#include "common/io/log_sparse.h"

#include "common/base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <uthash.h>

struct log_sparse_key {
    char text[LOG_SPARSE_KEY_BYTES];
    uint64_t said_ms, left_out;
    UT_hash_handle hh;
};

static void forget(struct log_sparse *sparse, struct log_sparse_key *key)
{
    HASH_DEL(sparse->keys, key);
    free(key);
}

/* Forgets keys whose pause is over: such a key may log again, as a new one may. */
static bool make_room(struct log_sparse *sparse, uint64_t now_ms)
{
    struct log_sparse_key *key, *next;
    if (HASH_COUNT(sparse->keys) < LOG_SPARSE_KEYS)
        return true;
    HASH_ITER(hh, sparse->keys, key, next)
    {
        if (now_ms - key->said_ms >= LOG_SPARSE_PAUSE_MS)
            forget(sparse, key);
    }
    return HASH_COUNT(sparse->keys) < LOG_SPARSE_KEYS;
}

bool log_sparse_due(struct log_sparse *sparse, const char *text, uint64_t now_ms, uint64_t *left_out)
{
    struct log_sparse_key *key, fresh = {.said_ms = now_ms};
    snprintf(fresh.text, sizeof fresh.text, "%s", text);
    HASH_FIND_STR(sparse->keys, fresh.text, key);
    *left_out = 0;
    if (!key && !make_room(sparse, now_ms))
        return false;
    if (!key) {
        key = mem_dup(&fresh, sizeof fresh);
        HASH_ADD_STR(sparse->keys, text, key);
        return true;
    }
    if (now_ms - key->said_ms < LOG_SPARSE_PAUSE_MS) {
        key->left_out++;
        return false;
    }
    *left_out = key->left_out;
    key->left_out = 0;
    key->said_ms = now_ms;
    return true;
}

void log_sparse_fini(struct log_sparse *sparse)
{
    struct log_sparse_key *key, *next;
    HASH_ITER(hh, sparse->keys, key, next)
    forget(sparse, key);
}
