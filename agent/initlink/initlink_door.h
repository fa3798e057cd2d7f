/*
 * The listening socket of one sandbox's link: open until the container's init came in, and only to it.
 * Part of initlink; not for others.
 */
#ifndef CORRAL_AGENT_INITLINK_DOOR_H
#define CORRAL_AGENT_INITLINK_DOOR_H

#include "common/base/err.h"
#include "common/io/loop.h"

#include <sys/types.h>

struct initlink_door;

/* Called on the loop with the connection of the expected process; takes fd. */
typedef void initlink_door_cb(void *arg, int fd);

/* Copies folder. */
struct initlink_door *initlink_door_new(struct loop *loop, const char *folder, initlink_door_cb *cb,
                                        void *arg);

/* Makes the folder where it is absent and listens in it. ERR_IO. */
MUST_CHECK int initlink_door_open(struct initlink_door *door, struct err *e);

/* Closes and removes the socket. Idempotent; may be called from the callback. */
void initlink_door_close(struct initlink_door *door);

/* Who may come in. Until it is known, whoever connects waits in the kernel's queue. */
void initlink_door_expect(struct initlink_door *door, pid_t pid);

void initlink_door_free(struct initlink_door *door);

#endif
