/* What Docker tells of containers: they die, Docker goes and comes back, somebody pauses or removes one by
 * hand. */
#ifndef CORRAL_AGENT_SOURCES_DOCKER_SOURCE_H
#define CORRAL_AGENT_SOURCES_DOCKER_SOURCE_H

struct agent;

/* From now on; once is enough. */
void agent_listen_to_docker(struct agent *agent);

#endif
