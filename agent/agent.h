/*
 * The agent: joins the core (core/reconciler.h) with Docker, disks, cgroups, the sandboxes' inits and the
 * link to the controller. On the loop.
 */
#ifndef CORRAL_AGENT_AGENT_H
#define CORRAL_AGENT_AGENT_H

#include "agent/agent_conf.h"
#include "common/io/loop.h"

struct agent;

/* Borrows conf, which reload may change. Fails with one clear line: state folder, certificates, init program.
 */
int agent_new(struct agent **out, struct loop *loop, const struct agent_conf *conf, struct err *e) MUST_CHECK;

/* Takes up what the last life left, then meets Docker and the controller, again and again if need be. */
int agent_start(struct agent *agent, struct err *e) MUST_CHECK;

/* The configuration was reloaded: thresholds and intervals hold from now on. */
void agent_reload(struct agent *agent);

/* Stops and frees. Sandboxes go on living: the next agent takes them up. */
void agent_free(struct agent *agent);

#endif
