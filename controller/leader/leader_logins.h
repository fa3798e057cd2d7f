/*
 * How nodes log in to registries: read from the database as it is stored there, sealed, and opened for each
 * message to a node alone. A node gets the login of a registry with its orders to pull from there, and with
 * the desired states of sandboxes whose images come from there. Private to controller/leader/.
 */
#ifndef CORRAL_CONTROLLER_LEADER_LEADER_LOGINS_H
#define CORRAL_CONTROLLER_LEADER_LEADER_LOGINS_H

#include "common/model/node_image.h"

#include <stdbool.h>
#include <stddef.h>

struct leader;
struct leader_logins;
struct secrets;

/* secrets: as in node_link_conf. */
struct leader_logins *leader_logins_new(struct secrets *const *secrets);
void leader_logins_free(struct leader_logins *logins);
void leader_logins_forget(struct leader_logins *logins); /* the lead is over */

/* Adds the login for the whole name of an image to an array with room for NODE_LOGINS_MAX, unless it is there
 * or there is none. */
void leader_logins_add(const struct leader_logins *logins, const char *ref, struct registry_login *out,
                       size_t *count);

/* Another number for each change of the login for this image; 0: there is none. */
uint64_t leader_logins_version(const struct leader_logins *logins, const char *ref);

/* As in node_link_ops. owner: the leader. */
bool leader_on_login(void *owner, const char *ref, struct registry_login *out);

#endif
