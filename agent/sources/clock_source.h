/* Work that time brings: deadlines, retries, and regular checks of this process. */
#ifndef CORRAL_AGENT_SOURCES_CLOCK_SOURCE_H
#define CORRAL_AGENT_SOURCES_CLOCK_SOURCE_H

struct agent;

/* Ticks now, and regularly from then on. */
void agent_tick_start(struct agent *agent);

#endif
