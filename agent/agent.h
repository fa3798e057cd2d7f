/*
 * The agent: joins the core (core/reconciler.h) with Docker, disks, cgroups, the sandboxes' inits and the
 * link to the controller. On the loop.
 */
#ifndef CORRAL_AGENT_AGENT_H
#define CORRAL_AGENT_AGENT_H

#include "agent/agent_conf.h"
#include "common/io/loop.h"

struct agent;

/* Borrows conf, which a reload may change. ERR_CONFIG and others with one clear line: state folder,
 * certificates, init program. */
int agent_new(struct agent **out, struct loop *loop, const struct agent_conf *conf, struct err *e) MUST_CHECK;

/* Restores what the previous run left on disk, then connects to Docker and to the controller, and retries
 * both. */
int agent_start(struct agent *agent, struct err *e) MUST_CHECK;

/* The configuration was reloaded: applies the new thresholds and intervals. */
void agent_reload(struct agent *agent);

/* Stops and frees. Sandboxes go on running; the next agent adopts them. */
void agent_free(struct agent *agent);

#endif
