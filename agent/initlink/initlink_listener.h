/*
 * The listening socket of one sandbox's link: accepts only the container's init, and is open until that has
 * connected. Private to initlink.
 */
#ifndef CORRAL_AGENT_INITLINK_INITLINK_LISTENER_H
#define CORRAL_AGENT_INITLINK_INITLINK_LISTENER_H

#include "common/base/err.h"
#include "common/io/loop.h"

#include <sys/types.h>

struct initlink_listener;

/* Called on the loop with the connection of the expected process; takes fd. */
typedef void initlink_listener_cb(void *arg, int fd);

/* Copies folder. */
struct initlink_listener *initlink_listener_new(struct loop *loop, const char *folder,
                                                initlink_listener_cb *cb, void *arg);

/* Makes the folder if missing, and listens in it. ERR_IO. */
MUST_CHECK int initlink_listener_open(struct initlink_listener *listener, struct err *e);

/* Closes and removes the socket. Idempotent; may be called from the callback. */
void initlink_listener_close(struct initlink_listener *listener);

/* Sets the process that may connect. Until it is known, connections wait in the kernel's queue. */
void initlink_listener_expect(struct initlink_listener *listener, pid_t pid);

void initlink_listener_free(struct initlink_listener *listener);

#endif
