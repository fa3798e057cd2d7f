/* The link to the nodes: what it calls, with what it reports put into the cluster state. Private to
 * controller/leader/. */
#ifndef CORRAL_CONTROLLER_LEADER_LEADER_NODES_H
#define CORRAL_CONTROLLER_LEADER_LEADER_NODES_H

#include "controller/leader/leader.h"
#include "controller/nodes/node_link.h"

/* The operations of the link; their owner is the leader. */
extern const struct node_link_ops leader_link_ops;

/* Subscribes to changes: the samples of ended sandboxes are forgotten. */
void leader_nodes_subscribe(struct leader *leader);

/* Call when the rows are read: forgets the samples of sandboxes that ended under another leader. */
void leader_nodes_begin(struct leader *leader);

#endif
