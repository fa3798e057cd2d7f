/*
 * The controller: joins the REST interface, the database, the leadership and the cluster. On the loop.
 */
#ifndef CORRAL_CONTROLLER_CONTROLLER_H
#define CORRAL_CONTROLLER_CONTROLLER_H

#include "common/io/loop.h"
#include "controller/ctl_conf.h"

struct controller;

/* Borrows conf, which reload may change. Fails with one clear line: certificates, address in use. */
int controller_new(struct controller **out, struct loop *loop, const struct ctl_conf *conf,
                   struct err *e) MUST_CHECK;

/* Whether fresh could be taken over: its certificate can be read. Keeps that for controller_reload. */
int controller_prepare_reload(struct controller *controller, const struct ctl_conf *fresh,
                              struct err *e) MUST_CHECK;

/* After the loop: 0, or why the controller stopped it by itself (a schema that is not this program's). */
int controller_failure(const struct controller *controller, struct err *e) MUST_CHECK;

/* The configuration was reloaded, as it was prepared. */
void controller_reload(struct controller *controller);

/* Requests that wait are answered as not ready; sandboxes go on living. */
void controller_free(struct controller *controller);

#endif
