/*
 * The log: one line per event on stderr, key=value, with the time in RFC 3339 UTC. Only edges and owners log;
 * an error is logged once, by the caller that handles it. Never pass a secret. Any thread may call these
 * functions, but no signal handler may.
 */
#ifndef CORRAL_COMMON_IO_LOG_H
#define CORRAL_COMMON_IO_LOG_H

#include "common/base/defs.h"

#include <stdbool.h>

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };

/* Drops lines above this level. The initial level is LOG_INFO. */
void log_set_level(enum log_level level);

/* Returns true and sets *out for "error", "warn", "info" and "debug". */
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
 * From this call on a thread writes the lines, and no caller waits for it. At most 256 KiB of lines wait;
 * lines past that are dropped, and a line reports how many once there is room. Before this call, and after
 * log_end, each caller writes its own line; so too if no thread can be started.
 */
void log_begin(void);

/* Waits until all logged lines are written, at most a second. No other thread may log meanwhile. */
void log_end(void);

/* Sets the level by its public name; an unknown name changes nothing. */
void log_set_level_name(const char *name);

#endif
