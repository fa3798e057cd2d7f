/* What the two ends of a link share. Private to common/msglink*.c. */
#ifndef CORRAL_COMMON_MSGLINK_INT_H
#define CORRAL_COMMON_MSGLINK_INT_H

#include "common/msglink.h"

#include <nng/nng.h>
#include <nng/supplemental/tls/tls.h>

/* *config is NULL for a URL without TLS; else the caller frees it. ERR_CONFIG. */
int msglink_tls(const char *url, nng_tls_mode mode, const struct msglink_tls *tls, nng_tls_config **config,
                struct err *e) MUST_CHECK;

/* Tells cb when a message can be received. ERR_INTERNAL. */
int msglink_watch(struct loop *loop, nng_socket socket, struct watch *watch, loop_watch_cb *cb, void *arg,
                  struct err *e) MUST_CHECK;

/* Closes it on a thread of its own; counted by msglink_closing. */
void msglink_close(nng_socket socket);

#endif
