/* Images, while it leads (leader_images.c). Private to controller/leader/. */
#ifndef CORRAL_CONTROLLER_LEADER_LEADER_IMAGES_H
#define CORRAL_CONTROLLER_LEADER_LEADER_IMAGES_H

struct leader;
struct node_images;
struct secrets;
struct leader_images;

/* secrets: as in node_link_conf. */
struct leader_images *leader_images_new(struct leader *leader, struct secrets *const *secrets);
void leader_images_free(struct leader_images *images);

/* A session began: the node knows no orders yet. */
void leader_images_session(struct leader *leader, const char *node);

/* What a node says of its images (node_link_ops). owner: the leader. */
void leader_on_images(void *owner, const char *node, const struct node_images *images);

/* The lead is over: forgets what it read. */
void leader_images_end(struct leader_images *images);

#endif
