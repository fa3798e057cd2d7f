/*
 * Which trace the latest desired state of a sandbox belongs to, for the sandboxes that were asked about last.
 * Bounded: TRACE_TABLE_MAX sandboxes, the oldest entry goes. Not persisted: a restart forgets them. Pure.
 */
#ifndef CORRAL_COMMON_MODEL_TRACE_TABLE_H
#define CORRAL_COMMON_MODEL_TRACE_TABLE_H

#include "common/base/id.h"
#include "common/base/trace.h"

#define TRACE_TABLE_MAX 4096

struct trace_table;

struct trace_table *trace_table_new(void);
void trace_table_free(struct trace_table *table);

/* Notes the trace of this generation, copied. An unknown trace is noted, too, in place of an earlier one.
 * True where that is not what was noted before. */
bool trace_table_put(struct trace_table *table, const struct sandbox_id *id, uint64_t generation,
                     const struct trace *trace);

/* The trace of this generation (0: of the latest one); unknown where none is noted. */
struct trace trace_table_get(const struct trace_table *table, const struct sandbox_id *id,
                             uint64_t generation);

#endif
