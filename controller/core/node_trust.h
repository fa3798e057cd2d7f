/*
 * Decides who may act as the node of a name. A certificate alone can be stolen. So more is kept of each node:
 * which of its certificates were revoked, and the marks it last had (certificate, boot, state folder). These
 * decide
 *
 *   - whether a certificate may connect: a revoked one may not, nor one issued before the revocation
 *   - whether a node's inventory is believed at once: if its marks differ from the known ones and it brings
 *     less than half of the sandboxes that ran on the node, it has to come again after NODE_TRUST_LOOK_MS,
 *     since sandboxes that a believed inventory lacks are ended
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

/* The marks by which a node is recognised. "" where a mark is not known. */
struct node_marks {
    char fingerprint[NODE_TRUST_MARK_MAX + 1]; /* of its certificate */
    char boot_id[NODE_TRUST_MARK_MAX + 1];
    char state_id[NODE_TRUST_MARK_MAX + 1];
};

struct node_trust;

struct node_trust *node_trust_new(void);
void node_trust_free(struct node_trust *trust);

/* Sets the known marks of a node: from the database, or from an established session. */
void node_trust_know(struct node_trust *trust, const char *node, const struct node_marks *marks);

/* The node was removed: forgets its marks, but not its revocations. */
void node_trust_forget(struct node_trust *trust, const char *node);

/*
 * revoke: refuses certificates of this node that were issued up to until_s (Unix time), and these
 * fingerprints. allows: whether a certificate is not refused.
 */
void node_trust_revoke(struct node_trust *trust, const char *node, int64_t until_s,
                       const struct string_list *fingerprints);
bool node_trust_allows(const struct node_trust *trust, const char *node, const char *fingerprint,
                       int64_t issued_s);

/*
 * Whether the inventory of this node is believed now: it has `brought` of the `ran` sandboxes that ran on the
 * node.
 */
bool node_trust_believes(struct node_trust *trust, uint64_t now, const char *node,
                         const struct node_marks *marks, size_t ran, size_t brought);

enum node_alarm { NODE_ALARM_CONTESTED, NODE_ALARM_DOUBTED, NODE_ALARM_EXPIRES, NODE_ALARM_COUNT };

/*
 * Whether an alarm about the node is due, and counts it: at most one of a kind in NODE_TRUST_QUIET_MS, and
 * one NODE_ALARM_EXPIRES a day.
 */
bool node_trust_alarm(struct node_trust *trust, uint64_t now, const char *node, enum node_alarm alarm);

#endif
