/*
 * The numbers of each message whose name and meaning are the same in the plain and the generated struct, with
 * their bounds: X(name, most, also). most: the maximum; also: one more allowed value with a meaning of its
 * own (0: none). All bounds are stated here, except those of limits, whose names and units are in
 * common/model/limit.def. The bounds keep numbers within what PostgreSQL, sums and clocks can hold. Only for
 * the .c files of this folder.
 */
#ifndef CORRAL_PROTO_NODE_FIELDS_H
#define CORRAL_PROTO_NODE_FIELDS_H

#include "common/model/node_wire.h"
#include "proto/node_codec.h"

#define DESIRED_STATE_FIELDS(X)                                                                              \
    X(generation, NODE_NUMBER_MAX, 0) X(remaining_ms, NODE_LIFE_MAX_MS, 0) X(pooled, 1, 0)

#define STATUS_FIELDS(X)                                                                                     \
    X(generation, NODE_NUMBER_MAX, 0)                                                                        \
    X(number, NODE_NUMBER_MAX, 0)                                                                            \
    X(node_fault, 1, 0)                                                                                      \
    X(has_exit_code, 1, 0)                                                                                   \
    X(exit_code, UINT32_MAX, 0)                                                                              \
    X(enforced, ENFORCE_ALL, 0)                                                                              \
    X(by_docker, 1, 0)                                                                                       \
    X(ran, 1, 0)                                                                                             \
    X(pooled, 1, 0)                                                                                          \
    X(warm, 1, 0)                                                                                            \
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

#define NODE_IMAGE_FIELDS(X)                                                                                 \
    X(generation, NODE_NUMBER_MAX, 0)                                                                        \
    X(size_bytes, NODE_BYTES_MAX, 0)                                                                         \
    X(layers, NODE_COUNT_MAX, 0)                                                                             \
    X(created_ago_ms, NODE_COUNTER_MAX, 0)                                                                   \
    X(used_ago_ms, NODE_COUNTER_MAX, 0)                                                                      \
    X(in_use, NODE_COUNT_MAX, 0)                                                                             \
    X(used, 1, 0)                                                                                            \
    X(pulled, 1, 0)                                                                                          \
    X(pinned, 1, 0)                                                                                          \
    X(done_bytes, NODE_BYTES_MAX, 0)                                                                         \
    X(total_bytes, NODE_BYTES_MAX, 0)                                                                        \
    X(layers_done, NODE_COUNT_MAX, 0)                                                                        \
    X(layers_total, NODE_COUNT_MAX, 0)

#define NODE_IMAGE_LAYER_FIELDS(X) X(done_bytes, NODE_BYTES_MAX, 0) X(total_bytes, NODE_BYTES_MAX, 0)

#define IMAGE_ORDER_FIELDS(X) X(generation, NODE_NUMBER_MAX, 0) X(pull, 1, 0) X(keep, 1, 0) X(remove, 1, 0)

#define DENSE_ORDER_FIELDS(X) X(number, NODE_NUMBER_MAX, 0) X(for_ms, NODE_DENSE_FOR_MAX_MS, 0)

#define RESOURCE_FIELDS(X)                                                                                   \
    X(memory_bytes, NODE_BYTES_MAX, 0)                                                                       \
    X(cpu_millis, NODE_MILLIS_MAX, 0)                                                                        \
    X(storage_bytes, NODE_BYTES_MAX, 0)                                                                      \
    X(sandboxes, NODE_COUNT_MAX, 0)

#define REPORT_FIELDS(X)                                                                                     \
    X(samples_dropped, NODE_NUMBER_MAX, 0)                                                                   \
    X(violations_dropped, NODE_NUMBER_MAX, 0)                                                                \
    X(left_out, NODE_COUNT_MAX, 0)                                                                           \
    X(logs_lost, NODE_NUMBER_MAX, 0)                                                                         \
    X(starts_waiting, NODE_COUNT_MAX, 0)                                                                     \
    X(starts_wait_ms, NODE_LIFE_MAX_MS, 0)

#define UPDATE_FIELDS(X)                                                                                     \
    X(number, NODE_NUMBER_MAX, 0)                                                                            \
    X(violations_acked, NODE_NUMBER_MAX, 0)                                                                  \
    X(samples_acked, NODE_NUMBER_MAX, 0)                                                                     \
    X(cleanups_acked, NODE_NUMBER_MAX, 0)

/* A bound of one field of a plain struct. */
struct field_bound {
    const char *name;
    size_t offset, size;
    uint64_t most, also;
};

/* A row of a table of bounds; BOUND_OF is the plain struct. */
#define BOUND_ROW(name, most, also)                                                                          \
    {#name, offsetof(BOUND_OF, name), sizeof(((BOUND_OF *)0)->name), most, also},

/* The name of the first field that breaks its bound, NULL where none does. Static. */
const char *bounds_broken(const struct field_bound *bounds, size_t count, const void *plain);

/*
 * Lowers each field that breaks its bound to the bound; returns the name of the first one, NULL where none
 * did.
 */
const char *bounds_lower(const struct field_bound *bounds, size_t count, void *plain);

#endif
