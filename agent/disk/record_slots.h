/*
 * The file of one sandbox's record: two slots of equal size, written in turn. A write goes into the slot that
 * does not hold the newest text, in place, with one fdatasync: nothing of the file system's own changes, so
 * the disk writes these blocks and no journal. A crash leaves the newest text, or the one before. A slot
 * begins with a line that has its number, and the checksum of number and text: the valid slot with the
 * highest number counts.
 *
 * A first text, and one that does not fit, is a new file: temporary file, fsync, rename, fsync of the folder.
 * A file without valid slots is one text, as agents before this one wrote it.
 */
#ifndef CORRAL_AGENT_DISK_RECORD_SLOTS_H
#define CORRAL_AGENT_DISK_RECORD_SLOTS_H

#include <stddef.h>
#include <stdint.h>

/* The longest file that is read. */
#define RECORD_SLOTS_MAX (1u << 20)

/* FNV-1a, 64 bits (draft-eastlake-fnv): finds a torn write; nobody attacks our own disk. */
uint64_t record_slots_sum(const char *text, size_t len);

/* Writes the text durably to dir/name. -1 with errno: the text of before may still be there. Blocks; any
 * thread, one at a time for a name. */
int record_slots_write(const char *dir, const char *name, const char *text);

/* Finds the newest text in the bytes of a file, which end with a NUL after len. Borrowed. */
const char *record_slots_find(const char *bytes, size_t len);

#endif
