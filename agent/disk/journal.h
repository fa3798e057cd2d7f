/*
 * A file of text that grows at its end and is now and then written again. What was torn by a crash, or by a
 * full disk, lies past the end of what counts, and is written over. Blocking for the time of a write; any
 * thread, one at a time.
 */
#ifndef CORRAL_AGENT_DISK_JOURNAL_H
#define CORRAL_AGENT_DISK_JOURNAL_H

#include "common/base/err.h"

#include <stddef.h>

#define JOURNAL_READ_MAX (64u << 20)

struct journal;

/* Copies path. Nothing is opened before the first write. Owned by the caller. */
struct journal *journal_new(const char *path);
void journal_free(struct journal *journal);

/* What an earlier life left, to be freed; "" where there is no file. ERR_IO: it is there and cannot be read.
 */
int journal_read(const struct journal *journal, char **text, size_t *len, struct err *e) MUST_CHECK;

/* Keeps the file that was read under another name (".bad"), for people to look at. */
int journal_set_aside(const struct journal *journal, struct err *e) MUST_CHECK;

/* Makes the whole file again, durably: a crash leaves the old or the new one. */
int journal_replace(struct journal *journal, const char *text, size_t len, struct err *e) MUST_CHECK;

/* Appends to what journal_replace began, one write; sync: durably. After an error it counts as not written.
 */
int journal_append(struct journal *journal, const char *text, size_t len, bool sync,
                   struct err *e) MUST_CHECK;

/* Bytes that count. */
size_t journal_len(const struct journal *journal);

#endif
