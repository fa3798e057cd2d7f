/* What time brings: deadlines, retries, and what this process looks after once in a while. */
#ifndef CORRAL_AGENT_SOURCES_CLOCK_SOURCE_H
#define CORRAL_AGENT_SOURCES_CLOCK_SOURCE_H

struct agent;

/* Ticks now, and from now on. */
void agent_tick_start(struct agent *agent);

#endif
