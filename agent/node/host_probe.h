/*
 * What this node can enforce, measured rather than assumed: each check says whether it is enforced, why, and
 * how to mend it. The agent reports the checks, `corral-agent doctor` prints them. Reads system files; quick,
 * on any thread.
 */
#ifndef CORRAL_AGENT_NODE_HOST_PROBE_H
#define CORRAL_AGENT_NODE_HOST_PROBE_H

#include "agent/agent_conf.h"
#include "agent/docker/docker.h"

#define HOST_CHECKS_MAX 32

struct host_check {
    const char *name;
    bool ok;
    uint32_t needed_for; /* enum enforce_bit: limits that are not enforced if it fails; 0: advice only */
    char detail[240];    /* one sentence */
    const char *mend;    /* what to do if it fails */
};

/* The text of the configured seccomp profile, owned; NULL if none is configured. ERR_CONFIG: it cannot be
 * used. */
int host_seccomp(const struct agent_conf *conf, char **text, struct err *e) MUST_CHECK;

/* facts: NULL if Docker does not answer. Returns the number of checks. */
size_t host_probe(const struct agent_conf *conf, const struct docker_facts *facts,
                  struct host_check out[static HOST_CHECKS_MAX]);

/* The limits that are enforced by these checks, as enum enforce_bit. */
uint32_t host_enforces(const struct host_check *checks, size_t count);

#endif
