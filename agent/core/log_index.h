/*
 * The logs that an agent keeps of sandboxes that have ended, and which of them have to go: those past their
 * time, those of a user with more than a quarter of the budget, and those past the budget; always the oldest.
 * Times are wall clock, because they outlive the boot. Pure.
 */
#ifndef CORRAL_AGENT_CORE_LOG_INDEX_H
#define CORRAL_AGENT_CORE_LOG_INDEX_H

#include "common/base/id.h"

#include <stddef.h>

#define LOG_USER_MAX   63
#define LOGS_MAX       16384 /* logs, whatever their size */
#define LOG_FILE_LEAST 4096  /* what a log counts at least: a block of the disk */

struct log_entry {
    struct sandbox_id id;
    char user[LOG_USER_MAX + 1];
    uint64_t ended_ms; /* Unix time */
    uint64_t bytes;    /* on the disk */
};

struct log_bounds {
    uint64_t keep_ms; /* after the end */
    uint64_t budget_bytes;
};

struct log_item;
struct log_user;

struct log_index {           /* all zero at first */
    struct log_item *oldest; /* a list, oldest end first */
    struct log_item *by_id;  /* the same, as a hash table */
    size_t count;
    uint64_t bytes; /* of all, each counted as at least LOG_FILE_LEAST */
    struct log_user *users;
};

/* Adds a log, in the place of an earlier one of this sandbox. Many are best added oldest first: the place of
 * each is looked for from the latest end on. */
void log_index_add(struct log_index *index, const struct log_entry *entry);

/* Removes it; false: there is none. */
bool log_index_remove(struct log_index *index, const struct sandbox_id *id);

/* NULL: there is none. Borrowed until the next change. */
const struct log_entry *log_index_find(const struct log_index *index, const struct sandbox_id *id);

/* Takes the next log that has to go out of the index. False: none has to. now: Unix milliseconds; an end in
 * the future counts as now. */
bool log_index_evict(struct log_index *index, uint64_t now, const struct log_bounds *bounds,
                     struct log_entry *out);

/* Whether the log of a sandbox that ended then is past its time. */
bool log_is_over(uint64_t ended_ms, uint64_t now, uint64_t keep_ms);

void log_index_fini(struct log_index *index);

#endif
