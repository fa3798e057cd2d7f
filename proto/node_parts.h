/*
 * Converts the parts of messages between plain and generated structs. to_*: borrows its input, memory from
 * the arena; from_*: copies, and the caller frees the result. Broken bounds are counted in faults. Only for
 * the .c files of this folder; generated types are named by tag, so that this header includes no generated
 * code.
 */
#ifndef CORRAL_PROTO_NODE_PARTS_H
#define CORRAL_PROTO_NODE_PARTS_H

#include "common/model/node_wire.h"
#include "proto/node_codec.h"
#include "proto/pb.h"

struct Corral__DesiredState;
struct Corral__SandboxStatus;
struct Corral__StatusAck;
struct Corral__Sample;
struct Corral__Violation;
struct Corral__CleanupOrder;
struct Corral__CleanupReport;
struct Corral__DenseOrder;
struct Corral__NodeFacts;

/* Counts one more item that broke a bound. part, id and what are borrowed; id: "" where there is none. */
void node_fault_add(struct node_faults *faults, const char *part, const char *id, const char *what);

/*
 * to_*: *out gets the array of pointers for a repeated field, without the items that had to be left out.
 * from_*: *out gets an array that the caller frees, even after false (more than max items), with *out_count
 * items filled.
 */
#define NODE_PART(plural, plain, Generated)                                                                  \
    bool to_##plural(struct pb_arena *arena, const struct plain *in, size_t count,                           \
                     struct node_faults *faults, struct Generated ***out, size_t *out_count);                \
    bool from_##plural(struct Generated *const *in, size_t count, size_t max, struct node_faults *faults,    \
                       struct plain **out, size_t *out_count);
NODE_PART(desired_states, desired_state, Corral__DesiredState)
NODE_PART(statuses, sandbox_status, Corral__SandboxStatus)
NODE_PART(acks, status_ack, Corral__StatusAck)
NODE_PART(samples, sample, Corral__Sample)
NODE_PART(violations, violation_report, Corral__Violation)
NODE_PART(cleanups, cleanup_report, Corral__CleanupReport)

/* *out: NULL where the order's number is 0. in: may be NULL. */
void to_cleanup_order(struct pb_arena *arena, const struct cleanup_order *in,
                      struct Corral__CleanupOrder **out);
void from_cleanup_order(const struct Corral__CleanupOrder *in, struct cleanup_order *out);

/* As to_cleanup_order. Ids that are none, and those beyond NODE_DENSE_MAX, are left out. Returns true. */
bool to_dense_order(struct pb_arena *arena, const struct dense_order *in, struct Corral__DenseOrder **out);
bool from_dense_order(const struct Corral__DenseOrder *in, struct node_faults *faults,
                      struct dense_order *out);

/* False where the node has no name, or a text is too long. */
bool to_facts(struct pb_arena *arena, const struct node_facts *in, struct node_faults *faults,
              struct Corral__NodeFacts **out);
bool from_facts(const struct Corral__NodeFacts *in, struct node_faults *faults, struct node_facts *out);

#endif
