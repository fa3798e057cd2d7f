/*
 * Who may be the node of a name. A certificate alone can be stolen, so more is known of each node: which of
 * its certificates were revoked, and by which marks its node was last known (the certificate, the boot, the
 * folder with its state). From these is decided
 *
 *   - whether a certificate may connect: not one that was revoked, nor any that was issued before that
 *   - whether what a node brings is believed at once: one with other marks than before, that brings less than
 *     half of what ran on the node, is looked at a second time NODE_TRUST_LOOK_MS later, since believing it
 * ends what it does not bring
 *
 * Pure: now is the loop's clock in milliseconds. Strings are copied.
 */
#ifndef CORRAL_CONTROLLER_CORE_NODE_TRUST_H
#define CORRAL_CONTROLLER_CORE_NODE_TRUST_H

#include "common/model/sandbox_spec.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NODE_TRUST_LOOK_MS  30000
#define NODE_TRUST_QUIET_MS 60000 /* between two alarms of one kind about a node */
#define NODE_TRUST_MARK_MAX 64

/* By what a node is known. "" where it is not known. */
struct node_marks {
    char fingerprint[NODE_TRUST_MARK_MAX + 1]; /* of its certificate */
    char boot_id[NODE_TRUST_MARK_MAX + 1];
    char state_id[NODE_TRUST_MARK_MAX + 1];
};

struct node_trust;

struct node_trust *node_trust_new(void);
void node_trust_free(struct node_trust *trust);

/* What the database knows of a node, and what a session that stands has shown. */
void node_trust_know(struct node_trust *trust, const char *node, const struct node_marks *marks);

/* A node that was removed: nothing is known of it, but for what was revoked. */
void node_trust_forget(struct node_trust *trust, const char *node);

/* Certificates of this node that were issued until then (Unix time), and these fingerprints, are refused. */
void node_trust_revoke(struct node_trust *trust, const char *node, int64_t until_s,
                       const struct string_list *fingerprints);
bool node_trust_allows(const struct node_trust *trust, const char *node, const char *fingerprint,
                       int64_t issued_s);

/* Whether this node, that brings so many of the sandboxes that ran on the node, is believed now. */
bool node_trust_believes(struct node_trust *trust, uint64_t now, const char *node,
                         const struct node_marks *marks, size_t ran, size_t brought);

/* What there is an alarm about. */
enum node_alarm { NODE_ALARM_CONTESTED, NODE_ALARM_DOUBTED, NODE_ALARM_EXPIRES, NODE_ALARM_COUNT };

/* Whether it is due: at most one of a kind in NODE_TRUST_QUIET_MS, of NODE_ALARM_EXPIRES one a day. */
bool node_trust_alarm(struct node_trust *trust, uint64_t now, const char *node, enum node_alarm alarm);

#endif
