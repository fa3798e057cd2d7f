#include "agent/core/log_index.h"

#include "common/base/mem.h"

#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#define SHARE_OF_USER 4 /* a user may have a quarter of the budget */

struct log_user {
    char name[LOG_USER_MAX + 1];
    uint64_t bytes;
    UT_hash_handle hh;
};

static uint64_t counted(const struct log_entry *entry)
{
    return entry->bytes > LOG_FILE_LEAST ? entry->bytes : LOG_FILE_LEAST;
}

/* Counts bytes for this user; a user without any is forgotten. */
static void charge(struct log_index *index, const char *name, uint64_t more, uint64_t less)
{
    struct log_user *user;
    HASH_FIND_STR(index->users, name, user);
    if (!user) {
        user = mem_zalloc(sizeof *user);
        strcpy(user->name, name);
        HASH_ADD_STR(index->users, name, user);
    }
    user->bytes += more;
    user->bytes -= less;
    index->bytes += more;
    index->bytes -= less;
    if (user->bytes)
        return;
    HASH_DEL(index->users, user);
    free(user);
}

static void take_out(struct log_index *index, size_t at)
{
    charge(index, index->item[at].user, 0, counted(&index->item[at]));
    index->count--;
    memmove(index->item + at, index->item + at + 1, (index->count - at) * sizeof *index->item);
}

bool log_index_remove(struct log_index *index, const struct sandbox_id *id)
{
    for (size_t i = 0; i < index->count; i++) {
        if (!memcmp(&index->item[i].id, id, sizeof *id)) {
            take_out(index, i);
            return true;
        }
    }
    return false;
}

void log_index_add(struct log_index *index, const struct log_entry *entry)
{
    size_t at;
    log_index_remove(index, &entry->id);
    if (!(index->count & (index->count + 1)))
        index->item = mem_grow(index->item, 2 * (index->count + 1), sizeof *index->item);
    for (at = index->count; at && index->item[at - 1].ended_ms > entry->ended_ms; at--)
        ;
    memmove(index->item + at + 1, index->item + at, (index->count - at) * sizeof *index->item);
    index->item[at] = *entry;
    index->count++;
    charge(index, entry->user, counted(entry), 0);
}

bool log_is_over(uint64_t ended_ms, uint64_t now, uint64_t keep_ms)
{
    return !keep_ms || (now > ended_ms && now - ended_ms >= keep_ms);
}

/* The oldest log of a user with more than this; the count of logs where no user has. */
static size_t find_past_share(const struct log_index *index, uint64_t share)
{
    struct log_user *user;
    size_t at = index->bytes > share ? 0 : index->count;
    for (; at < index->count; at++) {
        HASH_FIND_STR(index->users, index->item[at].user, user);
        if (user && user->bytes > share)
            break;
    }
    return at;
}

bool log_index_evict(struct log_index *index, uint64_t now, const struct log_bounds *bounds,
                     struct log_entry *out)
{
    size_t at = 0;
    if (!index->count)
        return false;
    bool over = log_is_over(index->item[0].ended_ms, now, bounds->keep_ms);
    if (!over && index->bytes <= bounds->budget_bytes && index->count <= LOGS_MAX)
        at = find_past_share(index, bounds->budget_bytes / SHARE_OF_USER);
    if (at == index->count)
        return false;
    *out = index->item[at];
    take_out(index, at);
    return true;
}

void log_index_fini(struct log_index *index)
{
    struct log_user *user, *next;
    HASH_ITER(hh, index->users, user, next)
    {
        HASH_DEL(index->users, user);
        free(user);
    }
    free(index->item);
    *index = (struct log_index){0};
}
