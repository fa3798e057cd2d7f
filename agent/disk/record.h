/*
 * Sandbox records on disk, one file per sandbox, written so that a crash leaves the old or the new one
 * (record_slots.h). Text, with a checksum at the end; a file that is incomplete or invalid is set aside
 * (".bad") and reported, never fatal. Blocks for the time of an fsync.
 */
#ifndef CORRAL_AGENT_DISK_RECORD_H
#define CORRAL_AGENT_DISK_RECORD_H

#include "agent/core/sandbox_record.h"
#include "common/base/err.h"

/* Writes the text of a record (record_format) durably; any thread. */
int record_write(const char *dir, const struct sandbox_id *id, const char *text, struct err *e) MUST_CHECK;

/* Removes the record; a missing one is a success. Any thread. */
int record_remove(const char *dir, const struct sandbox_id *id, struct err *e) MUST_CHECK;

/* Calls on_record for each record (borrowed, spec too), on_bad for each file that was set aside. */
typedef void record_cb(void *arg, const struct sandbox_record *record);
typedef void record_bad_cb(void *arg, const char *name, const char *why);
int record_load_all(const char *dir, record_cb *on_record, record_bad_cb *on_bad, void *arg,
                    struct err *e) MUST_CHECK;

/* The file's text (the caller frees it), and back; ERR_PROTOCOL for bytes that are not a record. *out owns
 * its spec. */
char *record_format(const struct sandbox_record *record);
int record_parse(const char *text, struct sandbox_record *out, struct err *e) MUST_CHECK;

#endif
