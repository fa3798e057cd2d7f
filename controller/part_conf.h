/* What the controller's configuration says for each of its parts. */
#ifndef CORRAL_CONTROLLER_PART_CONF_H
#define CORRAL_CONTROLLER_PART_CONF_H

#include "common/io/secrets.h"
#include "controller/api/api.h"
#include "controller/ctl_conf.h"
#include "controller/ports/port_server.h"

/* Adds what nodes are told of the configuration. A setting that is too long for a message is not sent: nodes
 * then learn the value with a create. */
void part_conf_settings(const struct ctl_conf *conf, struct string_list *out);

/* Of the REST interface; tls is the caller's to set. */
struct api_conf part_conf_api(const struct ctl_conf *conf);

/* Of the listener of metrics: the REST interface with few routes and few connections. */
struct api_conf part_conf_metrics(const struct ctl_conf *conf);

/* Of the listener of ports. Borrows hub. */
struct port_server_conf part_conf_ports(const struct ctl_conf *conf, struct stream_hub *hub);

/* Loads the certificate. *out: NULL for plain HTTP, which is allowed only on loopback. */
int part_conf_tls(struct tls_server **out, const char *address, const struct ctl_conf *conf, struct err *e);

/* Loads the keys that seal environments. *out: NULL where none are configured. */
int part_conf_secrets(struct secrets **out, const struct ctl_conf *conf, struct err *e);

#endif
