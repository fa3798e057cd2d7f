/*
 * What this host can hold a sandbox to, found out and not assumed: each check says whether it is so, why, and
 * how to mend it. The agent reports it, `corral-agent doctor` prints it. Reads files of the system; quick, on
 * any thread.
 */
#ifndef CORRAL_AGENT_NODE_HOST_PROBE_H
#define CORRAL_AGENT_NODE_HOST_PROBE_H

#include "agent/agent_conf.h"
#include "agent/docker/docker.h"

#define HOST_CHECKS_MAX 32

struct host_check {
    const char *name;
    bool ok;
    uint32_t needed_for; /* enum enforce_bit: what is advisory where it is not ok; 0: only advice */
    char detail[240];    /* one sentence */
    const char *mend;    /* what to do where it is not ok */
};

/* The text of the configured seccomp profile, owned; NULL where none is. ERR_CONFIG: it cannot be used. */
int host_seccomp(const struct agent_conf *conf, char **text, struct err *e) MUST_CHECK;

/* facts: NULL where Docker does not answer. Returns how many there are. */
size_t host_probe(const struct agent_conf *conf, const struct docker_facts *facts,
                  struct host_check out[static HOST_CHECKS_MAX]);

/* What is enforced by these checks, as enum enforce_bit. */
uint32_t host_enforces(const struct host_check *checks, size_t count);

#endif
