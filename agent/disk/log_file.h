/*
 * The log of a sandbox that has ended, as a file of the agent: a head with its owner and its end, then the
 * records (common/model/log_record.h), compressed. Written whole or not at all. What a file says is checked
 * when it is read: it may be older than this agent, or damaged. Blocks; any thread.
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

/* Removes a log; one that is not there counts as removed. ERR_IO. */
int log_file_remove(const char *folder, const struct sandbox_id *id, struct err *e) MUST_CHECK;

/* Lists the logs in the folder (the caller frees *out), and removes what is none: damaged heads, files that
 * an interrupted write left. At most LOGS_MAX. */
size_t log_file_list(const char *folder, struct log_entry **out);

#endif
