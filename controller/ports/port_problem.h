/* The answers of the listener of ports itself: problem documents (RFC 9457), as REST's are. On the loop. */
#ifndef CORRAL_CONTROLLER_PORTS_PORT_PROBLEM_H
#define CORRAL_CONTROLLER_PORTS_PORT_PROBLEM_H

#include "common/http/http_server.h"

/* Answers and frees the exchange. code: as the streams tell it; whose key or sandbox is gone is no port any
 * more, and what went wrong inside is a bad gateway. */
void port_problem_answer(struct http_exchange *x, int code, const char *detail);

/* As http_server_ops.problem. */
const char *port_problem_of_server(void *owner, int code, const char *detail, bool tls, const char **headers);

#endif
