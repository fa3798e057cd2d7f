/*
 * The log of a sandbox that has ended, as a file of the agent: a head with its owner and its end, then the
 * records (common/model/log_record.h), compressed. Written whole or not at all. What a file says is checked
 * when it is read: it may be older than this agent, or damaged. Blocks; any thread.
 *
 * A process that is killed leaves the log whole, or a file with another name, which log_file_clean removes.
 * So does a host that loses its power: the bytes are on the disk before the file gets its name.
 */
#ifndef CORRAL_AGENT_DISK_LOG_FILE_H
#define CORRAL_AGENT_DISK_LOG_FILE_H

#include "agent/core/log_index.h"
#include "agent/core/log_tape.h"
#include "common/base/err.h"

/* Writes the log into the folder, and sets entry->bytes. ERR_IO. */
int log_file_write(const char *folder, struct log_entry *entry, const struct log_tape *tape,
                   struct err *e) MUST_CHECK;

/* Reads a log; the caller frees the tape (all zero before). ERR_LOGS_GONE: there is none. ERR_IO: it cannot
 * be read, or is damaged. */
int log_file_read(const char *folder, const struct sandbox_id *id, struct log_entry *entry,
                  struct log_tape *tape, struct err *e) MUST_CHECK;

/* What log_file_read makes of a file's bytes. False: it is none; the caller frees the tape all the same. */
bool log_file_parse(const char *bytes, size_t len, struct log_entry *entry, struct log_tape *tape);

/* Removes a log; one that is not there counts as removed. ERR_IO. */
int log_file_remove(const char *folder, const struct sandbox_id *id, struct err *e) MUST_CHECK;

/* Removes files that an interrupted write left. Not while another thread writes. */
void log_file_clean(const char *folder);

/* Lists the logs in the folder, oldest end first (the caller frees *out), and removes those with a damaged
 * head; one that cannot be read now stays, unlisted. At most LOGS_MAX; further ones are removed. */
size_t log_file_list(const char *folder, struct log_entry **out);

#endif
