/*
 * The environments of sandboxes in the agent's records: sealed with a key of this node until the container is
 * made, and gone from then on (docs/secrets.md).
 */
#ifndef CORRAL_AGENT_SANDBOX_ENVIRONMENT_H
#define CORRAL_AGENT_SANDBOX_ENVIRONMENT_H

#include "agent/agent_state.h"

/*
 * What the record of a new sandbox is to hold instead of the desired state's spec: *out is the caller's, NULL
 * where the spec can be kept as it is. An error: the environment cannot be sealed.
 */
int agent_environment_seal(const struct agent *agent, const struct desired_state *desired, uint8_t **out,
                           size_t *out_len, struct err *e) MUST_CHECK;

/* Puts the sealed environment of a sandbox that starts back into its spec. */
int agent_environment_open(const struct agent *agent, const struct sandbox_id *id, struct sandbox_spec *spec,
                           struct err *e) MUST_CHECK;

/*
 * For a record of an earlier run or version that holds an environment in the clear, or one that is not needed
 * any more: returns the spec that it is to hold instead (the caller's), NULL where nothing is to be changed.
 */
uint8_t *agent_environment_mend(const struct agent *agent, const struct sandbox_record *record,
                                size_t *out_len);

/* The start is over: the record needs the environment no more. Saved with the record's next change. */
void agent_environment_forget(struct agent *agent, const struct sandbox_id *id);

#endif
