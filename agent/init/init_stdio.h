/*
 * The stdio of a process: pipes or a terminal, the init's ends and the child's.
 */
#ifndef CORRAL_AGENT_INIT_INIT_STDIO_H
#define CORRAL_AGENT_INIT_INIT_STDIO_H

#include "agent/init/init_process.h"

struct init_stdio {
    int in, out[2]; /* the init's ends, non-blocking; -1: none. Of a terminal, in and out[0] are the same */
    int child[3];   /* the child's, -1: none; closed by init_stdio_started */
    char terminal[64]; /* its path; empty: pipes */
};

/* All or nothing; false with errno. */
bool init_stdio_open(struct init_stdio *stdio, const struct init_spawn *spawn);

/* In the child: makes its own session, its controlling terminal if there is one, and descriptors 0 to 2.
 * Returns errno. */
int init_stdio_take(const struct init_stdio *stdio);

/* In the init: closes the child's ends, once the child has them or cannot be started. */
void init_stdio_started(struct init_stdio *stdio);

void init_stdio_close(struct init_stdio *stdio);

#endif
