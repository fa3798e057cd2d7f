/*
 * The parts of messages, each between its plain struct and its generated one. to_*: borrows, memory from the
 * arena; from_*: copies, false on what breaks a bound (the caller frees what was filled). Only for this
 * folder's .c files; generated types are named by tag, so that this header needs none.
 */
#ifndef CORRAL_PROTO_NODE_PARTS_H
#define CORRAL_PROTO_NODE_PARTS_H

#include "common/node_wire.h"
#include "proto/pb.h"

struct Corral__Want;
struct Corral__Observation;
struct Corral__Acceptance;
struct Corral__Sample;
struct Corral__Violation;
struct Corral__SweepOrder;
struct Corral__SweepReport;
struct Corral__NodeFacts;

/* Arrays: *out gets the array of pointers that a repeated field wants. False where an item breaks a bound. */
bool to_wants(struct pb_arena *arena, const struct want *in, size_t count, struct Corral__Want ***out);
bool to_observations(struct pb_arena *arena, const struct observation *in, size_t count,
                     struct Corral__Observation ***out);
bool to_acceptances(struct pb_arena *arena, const struct acceptance *in, size_t count,
                    struct Corral__Acceptance ***out);
bool to_samples(struct pb_arena *arena, const struct sample *in, size_t count, struct Corral__Sample ***out);
bool to_violations(struct pb_arena *arena, const struct violation_news *in, size_t count,
                   struct Corral__Violation ***out);
bool to_sweeps(struct pb_arena *arena, const struct sweep_report *in, size_t count,
               struct Corral__SweepReport ***out);
/* *out: NULL where the order's number is 0. */
void to_sweep_order(struct pb_arena *arena, const struct sweep_order *in, struct Corral__SweepOrder **out);
bool to_facts(struct pb_arena *arena, const struct node_facts *in, struct Corral__NodeFacts **out);

/* *out gets an array that the caller frees, also after false, and *out_count what of it is filled. */
bool from_wants(struct Corral__Want *const *in, size_t count, struct want **out, size_t *out_count);
bool from_observations(struct Corral__Observation *const *in, size_t count, size_t max,
                       struct observation **out, size_t *out_count);
bool from_acceptances(struct Corral__Acceptance *const *in, size_t count, struct acceptance **out,
                      size_t *out_count);
bool from_samples(struct Corral__Sample *const *in, size_t count, struct sample **out, size_t *out_count);
bool from_violations(struct Corral__Violation *const *in, size_t count, struct violation_news **out,
                     size_t *out_count);
bool from_sweeps(struct Corral__SweepReport *const *in, size_t count, struct sweep_report **out,
                 size_t *out_count);
/* in: may be NULL. */
bool from_sweep_order(const struct Corral__SweepOrder *in, struct sweep_order *out);
bool from_facts(const struct Corral__NodeFacts *in, struct node_facts *out);

#endif
