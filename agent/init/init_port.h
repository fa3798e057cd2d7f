/*
 * A connection to a port of the sandbox. A helper of the init carries it: a child that was forked for it, as
 * those for files (init_file.h). The agent starts it by a SPAWN with INIT_PROCESS_FILE and
 * INIT_PROCESS_STDIN, with the arguments
 *
 *   corral-port PORT WAIT_MS
 *
 * in decimal. The helper connects to 127.0.0.1, else to ::1, and tries again for WAIT_MS while nothing
 * listens. It prints one struct init_port_result. If that says that it is connected, the bytes of stdin go to
 * the port and those of the port to stdout. The end of stdin ends the bytes to the port only. The helper
 * exits with 0 when the port sends no more, and with 1 where the connection broke.
 *
 * This header is shared with the agent; it includes nothing else of ours.
 */
#ifndef CORRAL_AGENT_INIT_INIT_PORT_H
#define CORRAL_AGENT_INIT_INIT_PORT_H

#include <stdbool.h>
#include <stdint.h>

#define INIT_PORT_HELPER     "corral-port" /* argument 0 */
#define INIT_PORT_WAIT_MAX   60000         /* ms */
#define INIT_PORT_CONNECT_MS 5000 /* that one try may take, such as at a listener that accepts nobody */

/* In host byte order: both ends run on one kernel. */
struct init_port_result {
    uint32_t error; /* an errno; 0: connected */
    uint32_t zero;
};

/* Carries one connection; in and out are its stdin and stdout. Returns the exit code; 2 if the arguments
 * break a rule, and nothing was printed. */
int init_port_run(int argc, const char *const *argv, int in, int out);

#endif
