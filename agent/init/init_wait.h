/*
 * poll for the init. The kernel's poll refuses more entries than the process may open files (RLIMIT_NOFILE),
 * also entries without a descriptor, and a sandbox may have few; and processes of the sandbox may lower the
 * init's limit, since they have its user. Then select, which knows no such bound, waits instead: an init
 * that cannot wait would spin and answer nobody.
 */
#ifndef CORRAL_AGENT_INIT_INIT_WAIT_H
#define CORRAL_AGENT_INIT_INIT_WAIT_H

#include <poll.h>
#include <stddef.h>

/* As poll, for the events POLLIN and POLLOUT; the end of a descriptor may come as one of them. */
int init_wait(struct pollfd *fds, size_t count, int wait_ms);

#endif
