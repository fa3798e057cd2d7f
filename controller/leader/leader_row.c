#include "controller/leader/leader_row.h"

struct cluster_state_row leader_row(const struct db_sandbox_row *r)
{
    return (struct cluster_state_row){.id = r->id,
                                      .user = r->user_id,
                                      .node = r->node,
                                      .generation = r->generation,
                                      .desired = r->desired,
                                      .desired_reason = r->desired_reason,
                                      .state = r->state,
                                      .remaining_ms = r->remaining_ms,
                                      .rescheduled = r->rescheduled,
                                      .expires_ms = r->expires_ms,
                                      .limits = r->limits,
                                      .spec = r->spec,
                                      .spec_len = r->spec_len};
}
