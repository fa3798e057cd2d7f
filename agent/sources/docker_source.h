/* What Docker reports about containers: a container died, was paused or removed by hand; Docker goes away and
 * comes back. */
#ifndef CORRAL_AGENT_SOURCES_DOCKER_SOURCE_H
#define CORRAL_AGENT_SOURCES_DOCKER_SOURCE_H

struct agent;

/* Listens from now on; call it once. */
void agent_listen_to_docker(struct agent *agent);

#endif
