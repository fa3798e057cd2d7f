/*
 * What nodes report of their images, on its way into the database: the reports of a node one after another,
 * as they came. Private to controller/leader/.
 */
#ifndef CORRAL_CONTROLLER_LEADER_LEADER_TOLD_H
#define CORRAL_CONTROLLER_LEADER_LEADER_TOLD_H

struct leader;
struct leader_told;
struct node_images;

struct leader_told *leader_told_new(struct leader *leader);
void leader_told_free(struct leader_told *told);
void leader_told_forget(struct leader_told *told); /* the lead is over */

/* A session of the node began: what it said before is no part of a report in this one. */
void leader_told_session(struct leader_told *told, const char *node);

/* As in node_link_ops. owner: the leader. */
void leader_on_images(void *owner, const char *node, const struct node_images *images);

#endif
