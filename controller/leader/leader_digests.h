/*
 * What names of images stand for, in memory, for creates: read from the catalogue in pages as a lead begins
 * and periodically again, and name by name where something changed. Private to controller/leader/.
 */
#ifndef CORRAL_CONTROLLER_LEADER_LEADER_DIGESTS_H
#define CORRAL_CONTROLLER_LEADER_LEADER_DIGESTS_H

struct leader;
struct leader_digests;

struct leader_digests *leader_digests_new(struct leader *leader);
void leader_digests_free(struct leader_digests *digests);
void leader_digests_forget(struct leader_digests *digests); /* the lead is over */

/* Reads all of them, unless that is under way, or was done lately. */
void leader_digests_tick(struct leader_digests *digests);

/* A name stands for this now; digest NULL or "": for none. */
void leader_digests_set(struct leader_digests *digests, const char *ref, const char *digest);

/* "": not known. Borrowed until the next turn. */
const char *leader_digests_find(const struct leader_digests *digests, const char *ref);

#endif
