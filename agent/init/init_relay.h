/*
 * The init's program as a relay: Docker's own exec runs it beside process 1 where that cannot connect to the
 * agent (INIT_ARG_RELAY in init_proto.h). It knows nothing of what it carries. Fixed memory.
 */
#ifndef CORRAL_AGENT_INIT_INIT_RELAY_H
#define CORRAL_AGENT_INIT_INIT_RELAY_H

#define INIT_RELAY_WAIT_MS 10000 /* for process 1 to listen, and to have room for a connection */

/*
 * Connects to process 1, and copies both ways until one of the two ends: 0. Returns 125 if it cannot connect.
 */
int init_relay(int in, int out);

#endif
