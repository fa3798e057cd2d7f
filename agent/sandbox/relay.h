/*
 * Docker's own exec as the way to an init that cannot connect to the agent, because its runtime has a kernel
 * of its own and lets no socket through: gVisor without --host-uds, a virtual machine. Docker runs the init's
 * program once more in the container (agent/init/init_relay.h), and its stdin and stdout are the link.
 *
 * Only for sandboxes that name a runtime: a process that enters a container of runc is on the same kernel as
 * its tenant, and no init there needs one.
 */
#ifndef CORRAL_AGENT_SANDBOX_RELAY_H
#define CORRAL_AGENT_SANDBOX_RELAY_H

#include "agent/sandbox/runtime.h"

/* Where the runtime is not known to let no socket through, the init has this long to connect by itself. */
#define RELAY_AFTER_MS 5000

/* Whether its init has to listen for a relay, beside connecting by itself. */
bool agent_relay_may(const struct sandbox_spec *spec);

/* Its container runs, and its init is not linked: begins a relay if the init does not connect by itself. */
void agent_relay_begin(struct runtime *runtime);

/* Its init is linked, by whichever way. */
void agent_relay_linked(struct runtime *runtime);

void agent_relay_free(struct runtime *runtime);

#endif
