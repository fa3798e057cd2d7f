/* The controller: connects the REST interface, the database, the leadership and the cluster. On the loop. */
#ifndef CORRAL_CONTROLLER_CONTROLLER_H
#define CORRAL_CONTROLLER_CONTROLLER_H

#include "common/io/loop.h"
#include "controller/ctl_conf.h"

struct controller;

/*
 * Borrows conf, which a reload may change. Errors are one clear sentence: a bad certificate, an address in
 * use.
 */
int controller_new(struct controller **out, struct loop *loop, const struct ctl_conf *conf,
                   struct err *e) MUST_CHECK;

/*
 * Checks whether the configuration `fresh` can be applied: loads its certificate, and keeps it for
 * controller_reload.
 */
int controller_prepare_reload(struct controller *controller, const struct ctl_conf *fresh,
                              struct err *e) MUST_CHECK;

/*
 * After the loop has ended: 0, or the error for which the controller stopped it (a schema that is not this
 * program's).
 */
int controller_failure(const struct controller *controller, struct err *e) MUST_CHECK;

/* Applies the configuration that was prepared and is now in conf. */
void controller_reload(struct controller *controller);

/* After the loop has ended: runs it again until the clients of WebSockets know that this controller stops,
 * for at most six seconds. */
void controller_drain(struct controller *controller);

/* Answers waiting requests as not ready; sandboxes go on living. */
void controller_free(struct controller *controller);

#endif
