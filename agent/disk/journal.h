/*
 * A text file that is appended to and sometimes rewritten. Bytes that a failed write left lie beyond
 * journal_len, and the next write overwrites them. Blocks for the time of a write; any thread, one at a time.
 */
#ifndef CORRAL_AGENT_DISK_JOURNAL_H
#define CORRAL_AGENT_DISK_JOURNAL_H

#include "common/base/err.h"

#include <stddef.h>

#define JOURNAL_READ_MAX (64u << 20)

struct journal;

/* Copies path. Opens nothing before the first write. Owned by the caller. */
struct journal *journal_new(const char *path);
void journal_free(struct journal *journal);

/* The text that an earlier run left (the caller frees it); "" if there is no file. ERR_IO: the file cannot be
 * read. */
int journal_read(const struct journal *journal, char **text, size_t *len, struct err *e) MUST_CHECK;

/* Renames the file to ".bad", so that people can look at it. */
int journal_set_aside(const struct journal *journal, struct err *e) MUST_CHECK;

/* Writes the whole file again, durably: a crash leaves the old or the new one. */
int journal_replace(struct journal *journal, const char *text, size_t len, struct err *e) MUST_CHECK;

/* Appends to the file of journal_replace in one write; sync: durably. After an error, the text counts as not
 * written. */
int journal_append(struct journal *journal, const char *text, size_t len, bool sync,
                   struct err *e) MUST_CHECK;

/* The length of what was written successfully. */
size_t journal_len(const struct journal *journal);

#endif
