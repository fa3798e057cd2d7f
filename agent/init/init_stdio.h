/*
 * The stdio of a process: pipes or a terminal, the init's ends and the child's.
 */
#ifndef CORRAL_AGENT_INIT_STDIO_H
#define CORRAL_AGENT_INIT_STDIO_H

#include "agent/init/init_process.h"

struct init_stdio {
    int in, out[2];    /* the init's ends, which never wait; -1: none. A terminal's in and out[0] are one */
    int child[3];      /* the child's, -1: none; closed by init_stdio_started */
    char terminal[64]; /* its path; empty: pipes */
};

/* All or nothing: false with errno. */
bool init_stdio_open(struct init_stdio *stdio, const struct init_spawn *spawn);

/* In the child: a session of its own, a controlling terminal where there is one, and descriptors 0 to 2.
 * errno. */
int init_stdio_take(const struct init_stdio *stdio);

/* In the init, once the child has its ends or there is none. */
void init_stdio_started(struct init_stdio *stdio);

void init_stdio_close(struct init_stdio *stdio);

#endif
