#include "controller/core/watched.h"

#include "common/base/mem.h"

#include <stdlib.h>
#include <string.h>
#include <uthash.h>

struct watched_entry {
    struct sandbox_id id;
    unsigned streams;
    uint64_t asked_ms, until_ms; /* of questions; 0: none */
    uint64_t number;             /* rises with each entry: who was first */
    UT_hash_handle hh;
};

struct watched {
    struct watched_entry *head;
    uint64_t number;
    struct watched_counts counts;
};

struct watched *watched_new(void)
{
    return mem_zalloc(sizeof(struct watched));
}

static void forget(struct watched *watched, struct watched_entry *entry)
{
    HASH_DEL(watched->head, entry);
    free(entry);
}

void watched_free(struct watched *watched)
{
    struct watched_entry *entry, *next;
    if (!watched)
        return;
    HASH_ITER(hh, watched->head, entry, next)
    forget(watched, entry);
    free(watched);
}

static struct watched_entry *entry_of(struct watched *watched, const struct sandbox_id *id)
{
    struct watched_entry *entry;
    HASH_FIND(hh, watched->head, id, sizeof *id, entry);
    if (entry)
        return entry;
    entry = mem_zalloc(sizeof *entry);
    entry->id = *id;
    entry->number = ++watched->number;
    HASH_ADD(hh, watched->head, id, sizeof entry->id, entry);
    return entry;
}

void watched_begin(struct watched *watched, const struct sandbox_id *id)
{
    entry_of(watched, id)->streams++;
}

void watched_end(struct watched *watched, const struct sandbox_id *id)
{
    entry_of(watched, id)->streams--;
}

void watched_asked(struct watched *watched, uint64_t now, const struct sandbox_id *id)
{
    struct watched_entry *entry = entry_of(watched, id);
    if (entry->asked_ms && now - entry->asked_ms <= WATCHED_ASK_MS)
        entry->until_ms = now + WATCHED_ASK_MS;
    entry->asked_ms = now;
}

/* --- choosing --- */

struct candidate {
    const struct watched_entry *entry;
    struct watched_place place;
    size_t rank; /* among those of its user on its node */
};

static int by_number(const struct candidate *a, const struct candidate *b)
{
    return (a->entry->number > b->entry->number) - (a->entry->number < b->entry->number);
}

static int by_user(const void *left, const void *right)
{
    const struct candidate *a = left, *b = right;
    int order = strcmp(a->place.node, b->place.node);
    order = order ? order : strcmp(a->place.user, b->place.user);
    return order ? order : by_number(a, b);
}

static int by_rank(const void *left, const void *right)
{
    const struct candidate *a = left, *b = right;
    int order = strcmp(a->place.node, b->place.node);
    order = order ? order : (a->rank > b->rank) - (a->rank < b->rank);
    return order ? order : by_number(a, b);
}

/* Sorted so that the first ones of each node are those to choose. */
static void rank(struct candidate *all, size_t count)
{
    qsort(all, count, sizeof *all, by_user);
    for (size_t i = 1; i < count; i++) {
        if (!strcmp(all[i].place.node, all[i - 1].place.node) &&
            !strcmp(all[i].place.user, all[i - 1].place.user))
            all[i].rank = all[i - 1].rank + 1;
    }
    qsort(all, count, sizeof *all, by_rank);
}

/* The caller frees it. Forgets what nobody watches. */
static struct candidate *candidates(struct watched *watched, uint64_t now, watched_find_fn *find, void *arg,
                                    size_t *count)
{
    struct candidate *all = mem_zalloc((HASH_COUNT(watched->head) + 1) * sizeof *all);
    struct watched_entry *entry, *next;
    *count = 0;
    HASH_ITER(hh, watched->head, entry, next)
    {
        bool asks = entry->asked_ms && now - entry->asked_ms <= WATCHED_ASK_MS;
        if (!entry->streams && !asks)
            forget(watched, entry);
        else if ((entry->streams || now < entry->until_ms) && find(arg, &entry->id, &all[*count].place))
            all[(*count)++].entry = entry;
    }
    return all;
}

void watched_choose(struct watched *watched, uint64_t now, watched_find_fn *find, watched_chosen_fn *chosen,
                    void *arg)
{
    size_t count;
    struct candidate *all = candidates(watched, now, find, arg, &count);
    struct sandbox_id id[NODE_DENSE_MAX];
    watched->counts = (struct watched_counts){.watched = count};
    rank(all, count);
    for (size_t i = 0, n = 0; i < count; i++) {
        if (n < NODE_DENSE_MAX)
            id[n++] = all[i].entry->id;
        if (i + 1 < count && !strcmp(all[i].place.node, all[i + 1].place.node))
            continue;
        watched->counts.dense += n;
        chosen(arg, all[i].place.node, id, n);
        n = 0;
    }
    free(all);
}

struct watched_counts watched_counts(const struct watched *watched)
{
    return watched->counts;
}
