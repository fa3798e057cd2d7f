/* Who may be a node, as the database says; the renewal of certificates. Private to controller/leader/. */
#ifndef CORRAL_CONTROLLER_LEADER_LEADER_TRUST_H
#define CORRAL_CONTROLLER_LEADER_LEADER_TRUST_H

#include "controller/db/db_node.h"
#include "controller/leader/leader.h"
#include "controller/nodes/node_link.h"

/* Operations of the link. */
bool leader_on_allowed(void *owner, const struct tls_who *who);
bool leader_on_believed(void *owner, const struct node_facts *facts, const struct sandbox_status *inventory,
                        size_t count);
void leader_on_contested(void *owner, const char *node, const char *address);
bool leader_on_expires(void *owner, const char *node, const uint8_t *certificate, size_t len, int64_t ends_s,
                       uint8_t **renewed, size_t *renewed_len);

/* Takes the marks that the database has of each node. */
void leader_trust_rows(struct leader *leader, const struct db_node_row *rows, size_t count);

/*
 * Reads the revocations. At the start of a lead: then calls `then`, or calls `again` in a second if the read
 * failed. Both are NULL while it leads.
 */
void leader_trust_read(struct leader *leader, loop_cb *then, loop_cb *again);

#endif
