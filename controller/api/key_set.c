#include "controller/api/key_set.h"

#include "common/io/api_key.h"
#include "common/base/mem.h"

#include <stdlib.h>
#include <string.h>

#define CHARS (API_KEY_PREFIX_LEN - 4)

/* The characters as bits; never 0 where they are valid, 0 where they are not. */
static uint64_t packed(const char *chars)
{
    static const char alphabet[] = "0123456789abcdefghjkmnpqrstvwxyz";
    uint64_t out = 1;
    for (int i = 0; i < CHARS; i++) {
        const char *at = chars[i] ? strchr(alphabet, chars[i]) : NULL;
        if (!at)
            return 0;
        out = out << 5 | (uint64_t)(at - alphabet);
    }
    return out;
}

/* The finalizer of MurmurHash3: every bit of the key affects every bit of the slot. */
static uint64_t mixed(uint64_t key)
{
    key = (key ^ key >> 33) * 0xff51afd7ed558ccdull;
    key = (key ^ key >> 33) * 0xc4ceb9fe1a85ec53ull;
    return key ^ key >> 33;
}

static size_t place_of(const struct key_set *set, uint64_t key)
{
    size_t at = (size_t)mixed(key) & (set->room - 1);
    while (set->slot[at] && set->slot[at] != key)
        at = (at + 1) & (set->room - 1);
    return at;
}

static void insert(struct key_set *set, uint64_t key)
{
    size_t at = place_of(set, key);
    set->count += !set->slot[at];
    set->slot[at] = key;
}

/* Grows the table so that it is at most half full. */
static void make_room(struct key_set *set, size_t count)
{
    struct key_set old = *set;
    if (2 * count <= old.room)
        return;
    set->room = old.room ? old.room : 64;
    while (2 * count > set->room)
        set->room *= 2;
    set->slot = mem_zalloc(set->room * sizeof *set->slot);
    set->count = 0;
    for (size_t i = 0; i < old.room; i++) {
        if (old.slot[i])
            insert(set, old.slot[i]);
    }
    free(old.slot);
}

static void add(struct key_set *set, uint64_t key)
{
    if (!key || set->overflowed)
        return;
    make_room(set, set->count + 1);
    insert(set, key);
    set->overflowed = set->count > KEY_SET_MAX;
}

void key_set_fill(struct key_set *set, const char *prefixes)
{
    key_set_fini(set);
    size_t count = prefixes ? strlen(prefixes) / CHARS : 0;
    for (size_t i = 0; i < count; i++)
        add(set, packed(prefixes + i * CHARS));
}

void key_set_add(struct key_set *set, const char *prefix)
{
    if (strlen(prefix) == API_KEY_PREFIX_LEN && !strncmp(prefix, "crl_", 4))
        add(set, packed(prefix + 4));
}

bool key_set_has(const struct key_set *set, const char *prefix)
{
    uint64_t key = packed(prefix + 4);
    return set->overflowed || (set->room && key && set->slot[place_of(set, key)]);
}

void key_set_fini(struct key_set *set)
{
    free(set->slot);
    *set = (struct key_set){0};
}
