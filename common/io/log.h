/*
 * The log: one line an event on stderr, key=value, with the time in RFC 3339 UTC. Only edges and owners log;
 * an error is logged once, by the caller that handles it. Never pass a secret.
 * Not for signal handlers; any thread may call it.
 */
#ifndef CORRAL_COMMON_LOG_H
#define CORRAL_COMMON_LOG_H

#include "common/base/defs.h"

#include <stdbool.h>

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };

/* What is above this level is dropped. The start is LOG_INFO. */
void log_set_level(enum log_level level);

/* True, and *out set, for "error", "warn", "info" and "debug". */
bool log_level_parse(const char *name, enum log_level *out);

/*
 * Writes one line: object ("sandbox=sbx_…", "node=h1", "controller"), then the text. Line ends and other
 * control characters in the text are shown as '?', so that no input can forge a line; a line is cut at 1 KiB.
 */
void log_line(enum log_level level, const char *object, const char *fmt, ...) PRINTF_LIKE(3, 4);

#define log_error(object, ...) log_line(LOG_ERROR, object, __VA_ARGS__)
#define log_warn(object, ...)  log_line(LOG_WARN, object, __VA_ARGS__)
#define log_info(object, ...)  log_line(LOG_INFO, object, __VA_ARGS__)
#define log_debug(object, ...) log_line(LOG_DEBUG, object, __VA_ARGS__)

/*
 * From here on a thread writes, and no caller waits for it: at most 256 KiB of lines wait, what comes past it
 * is left out, and how much that was is said in a line of its own once there is room. Before, and after
 * log_end, each line is written by its caller. Where no thread can be started it stays so.
 */
void log_begin(void);

/* Waits until what was logged is written, a second at most. Nobody else may log meanwhile. */
void log_end(void);

/* Sets the level by its public name; one that is none changes nothing. */
void log_set_level_name(const char *name);

#endif
