/* Images, while it leads (leader_images.c). Private to controller/leader/. */
#ifndef CORRAL_CONTROLLER_LEADER_LEADER_IMAGES_H
#define CORRAL_CONTROLLER_LEADER_LEADER_IMAGES_H

struct leader;
struct leader_images;

struct leader_images *leader_images_new(struct leader *leader);
void leader_images_free(struct leader_images *images);

/* A session began: the node knows no orders yet. */
void leader_images_session(struct leader *leader, const char *node);

/* The lead is over: forgets what it read. */
void leader_images_end(struct leader_images *images);

#endif
