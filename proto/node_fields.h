/*
 * The numbers of each message that have one name and one meaning on both sides, each with the most that it
 * may be: X(name, most, also), where also is one more value that means something by itself (0: none). The
 * only statement of these bounds but for those of limits, whose names and units are of
 * common/model/limit.def. What PostgreSQL, a sum or a clock could not take is past them. Only for
 * this folder's .c files.
 */
#ifndef CORRAL_PROTO_NODE_FIELDS_H
#define CORRAL_PROTO_NODE_FIELDS_H

#include "common/model/node_wire.h"
#include "proto/node_codec.h"

#define DESIRED_STATE_FIELDS(X) X(generation, NODE_NUMBER_MAX, 0) X(remaining_ms, NODE_LIFE_MAX_MS, 0)

#define STATUS_FIELDS(X)                                                                                     \
    X(generation, NODE_NUMBER_MAX, 0)                                                                        \
    X(number, NODE_NUMBER_MAX, 0)                                                                            \
    X(node_fault, 1, 0)                                                                                      \
    X(has_exit_code, 1, 0)                                                                                   \
    X(exit_code, UINT32_MAX, 0)                                                                              \
    X(enforced, ENFORCE_ALL, 0)                                                                              \
    X(ran, 1, 0)                                                                                             \
    X(started_ago_ms, NODE_LIFE_MAX_MS, 0)                                                                   \
    X(ended_ago_ms, NODE_LIFE_MAX_MS, 0)

#define SAMPLE_FIELDS(X)                                                                                     \
    X(number, NODE_NUMBER_MAX, 0)                                                                            \
    X(kept, 1, 0)                                                                                            \
    X(ago_ms, NODE_LIFE_MAX_MS, 0)                                                                           \
    X(memory_used_bytes, NODE_BYTES_MAX, 0)                                                                  \
    X(memory_working_set_bytes, NODE_BYTES_MAX, 0)                                                           \
    X(memory_unreclaimable_bytes, NODE_BYTES_MAX, 0)                                                         \
    X(memory_limit_bytes, NODE_BYTES_MAX, 0)                                                                 \
    X(memory_peak_bytes, NODE_BYTES_MAX, 0)                                                                  \
    X(oom_kills, NODE_COUNTER_MAX, 0)                                                                        \
    X(cpu_usage_ns, NODE_COUNTER_MAX, 0)                                                                     \
    X(cpu_limit_millis, NODE_MILLIS_MAX, 0)                                                                  \
    X(cpu_centi, NODE_CENTI_MAX, 0)                                                                          \
    X(throttled_centi, NODE_CENTI_MAX, 0)                                                                    \
    X(disk_used_bytes, NODE_BYTES_MAX, 0)                                                                    \
    X(disk_limit_bytes, NODE_BYTES_MAX, 0)                                                                   \
    X(disk_inodes_used, NODE_BYTES_MAX, 0)                                                                   \
    X(disk_inodes_limit, NODE_BYTES_MAX, 0)                                                                  \
    X(rx_bytes, NODE_COUNTER_MAX, 0)                                                                         \
    X(tx_bytes, NODE_COUNTER_MAX, 0)                                                                         \
    X(rx_packets, NODE_COUNTER_MAX, 0)                                                                       \
    X(tx_packets, NODE_COUNTER_MAX, 0)                                                                       \
    X(rx_bytes_per_second, NODE_BYTES_MAX, 0)                                                                \
    X(tx_bytes_per_second, NODE_BYTES_MAX, 0)                                                                \
    X(io_read_bytes, NODE_COUNTER_MAX, SAMPLE_NO_IO)                                                         \
    X(io_write_bytes, NODE_COUNTER_MAX, SAMPLE_NO_IO)                                                        \
    X(pids, NODE_COUNT_MAX, 0)                                                                               \
    X(pids_limit, NODE_COUNT_MAX, 0)                                                                         \
    X(memory_some_centi, NODE_CENTI_MAX, SAMPLE_NO_PRESSURE)                                                 \
    X(cpu_some_centi, NODE_CENTI_MAX, SAMPLE_NO_PRESSURE)                                                    \
    X(io_some_centi, NODE_CENTI_MAX, SAMPLE_NO_PRESSURE)                                                     \
    X(uptime_seconds, NODE_LIFE_MAX_MS / 1000, 0)                                                            \
    X(responsive, 1, 0)                                                                                      \
    X(open_violations, 0xff, 0)

#define VIOLATION_FIELDS(X)                                                                                  \
    X(number, NODE_NUMBER_MAX, 0)                                                                            \
    X(ago_ms, NODE_LIFE_MAX_MS, 0)                                                                           \
    X(kind, NODE_VIOLATION_KINDS - 1, 0)                                                                     \
    X(opened, 1, 0)                                                                                          \
    X(critical, 1, 0)                                                                                        \
    X(percent_centi, NODE_CENTI_MAX, 0)                                                                      \
    X(limit, NODE_BYTES_MAX, 0)                                                                              \
    X(swings, NODE_COUNT_MAX, 0)

#define CLEANUP_REPORT_FIELDS(X) X(number, NODE_NUMBER_MAX, 0) X(asked, NODE_NUMBER_MAX, 0) X(dry_run, 1, 0)

#define RESOURCE_FIELDS(X)                                                                                   \
    X(memory_bytes, NODE_BYTES_MAX, 0)                                                                       \
    X(cpu_millis, NODE_MILLIS_MAX, 0)                                                                        \
    X(storage_bytes, NODE_BYTES_MAX, 0)                                                                      \
    X(sandboxes, NODE_COUNT_MAX, 0)

#define REPORT_FIELDS(X)                                                                                     \
    X(samples_dropped, NODE_NUMBER_MAX, 0)                                                                   \
    X(violations_dropped, NODE_NUMBER_MAX, 0)                                                                \
    X(left_out, NODE_COUNT_MAX, 0)

#define UPDATE_FIELDS(X)                                                                                     \
    X(number, NODE_NUMBER_MAX, 0)                                                                            \
    X(violations_acked, NODE_NUMBER_MAX, 0)                                                                  \
    X(samples_acked, NODE_NUMBER_MAX, 0)                                                                     \
    X(cleanups_acked, NODE_NUMBER_MAX, 0)

/* Of the plain structs. */
struct field_bound {
    const char *name;
    size_t offset, size;
    uint64_t most, also;
};

/* A table of them: BOUNDS(sample_bounds, struct sample, SAMPLE_FIELDS). */
#define BOUND_ROW(name, most, also)                                                                          \
    {#name, offsetof(BOUND_OF, name), sizeof(((BOUND_OF *)0)->name), most, also},

/* The first field that breaks its bound, NULL where all hold. Borrows; the name is static. */
const char *bounds_broken(const struct field_bound *bounds, size_t count, const void *plain);

/* Lowers what breaks its bound to it; returns the first such field, NULL where all held. */
const char *bounds_lower(const struct field_bound *bounds, size_t count, void *plain);

#endif
