#include "agent/core/log_index.h"

#include "common/base/mem.h"

#include <stdlib.h>
#include <string.h>
#include <uthash.h>
#include <utlist.h>

#define SHARE_OF_USER 4 /* a user may have a quarter of the budget */

struct log_user {
    char name[LOG_USER_MAX + 1];
    uint64_t bytes;
    unsigned items;
    UT_hash_handle hh;
};

struct log_item {
    struct log_entry entry;
    struct log_user *user;
    struct log_item *prev, *next;
    UT_hash_handle hh;
};

static uint64_t counted(const struct log_entry *entry)
{
    return entry->bytes > LOG_FILE_LEAST ? entry->bytes : LOG_FILE_LEAST;
}

static struct log_user *user_of(struct log_index *index, const char *name)
{
    struct log_user *user;
    HASH_FIND_STR(index->users, name, user);
    if (user)
        return user;
    user = mem_zalloc(sizeof *user);
    strcpy(user->name, name);
    HASH_ADD_STR(index->users, name, user);
    return user;
}

/* A user without logs is forgotten. */
static void take_out(struct log_index *index, struct log_item *item)
{
    struct log_user *user = item->user;
    user->bytes -= counted(&item->entry);
    index->bytes -= counted(&item->entry);
    index->count--;
    if (!--user->items) {
        HASH_DEL(index->users, user);
        free(user);
    }
    DL_DELETE(index->oldest, item);
    HASH_DEL(index->by_id, item);
    free(item);
}

static struct log_item *find(const struct log_index *index, const struct sandbox_id *id)
{
    struct log_item *item;
    HASH_FIND(hh, index->by_id, id, sizeof *id, item);
    return item;
}

const struct log_entry *log_index_find(const struct log_index *index, const struct sandbox_id *id)
{
    const struct log_item *item = find(index, id);
    return item ? &item->entry : NULL;
}

bool log_index_remove(struct log_index *index, const struct sandbox_id *id)
{
    struct log_item *item = find(index, id);
    if (item)
        take_out(index, item);
    return item != NULL;
}

/* Behind all that did not end later. */
static void put_in_place(struct log_index *index, struct log_item *item)
{
    struct log_item *before = index->oldest ? index->oldest->prev : NULL; /* the latest */
    while (before && before->entry.ended_ms > item->entry.ended_ms)
        before = before == index->oldest ? NULL : before->prev;
    if (before)
        DL_APPEND_ELEM(index->oldest, before, item);
    else
        DL_PREPEND(index->oldest, item);
}

void log_index_add(struct log_index *index, const struct log_entry *entry)
{
    log_index_remove(index, &entry->id);
    struct log_item *item = mem_zalloc(sizeof *item);
    item->entry = *entry;
    item->user = user_of(index, entry->user);
    item->user->items++;
    item->user->bytes += counted(entry);
    index->bytes += counted(entry);
    index->count++;
    put_in_place(index, item);
    HASH_ADD(hh, index->by_id, entry.id, sizeof item->entry.id, item);
}

bool log_is_over(uint64_t ended_ms, uint64_t now, uint64_t keep_ms)
{
    return !keep_ms || (now > ended_ms && now - ended_ms >= keep_ms);
}

/* The oldest log of a user with more than this; NULL where no user has. */
static struct log_item *find_past_share(const struct log_index *index, uint64_t share)
{
    struct log_item *item = index->bytes > share ? index->oldest : NULL;
    while (item && item->user->bytes <= share)
        item = item->next;
    return item;
}

bool log_index_evict(struct log_index *index, uint64_t now, const struct log_bounds *bounds,
                     struct log_entry *out)
{
    struct log_item *item = index->oldest;
    if (!item)
        return false;
    bool over = log_is_over(item->entry.ended_ms, now, bounds->keep_ms);
    if (!over && index->bytes <= bounds->budget_bytes && index->count <= LOGS_MAX)
        item = find_past_share(index, bounds->budget_bytes / SHARE_OF_USER);
    if (!item)
        return false;
    *out = item->entry;
    take_out(index, item);
    return true;
}

void log_index_fini(struct log_index *index)
{
    while (index->oldest)
        take_out(index, index->oldest);
    *index = (struct log_index){0};
}
