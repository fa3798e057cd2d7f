/*
 * The agent's connection to the controller. It connects, proves this node's identity, runs the two lanes
 * (reports go up, updates come down), and reconnects with jittered backoff whenever the session is lost.
 * Nothing is forgotten before the controller has acknowledged it: statuses are sent again until their number
 * is acknowledged, and so are the entries of the owner's outbox (agent/core/outbox.h). Ages are recomputed at
 * each send.
 *
 * Lifecycle: new, start, stop, free, all on the loop. No callback fires inside a call of the owner, and none
 * after stop; in a callback the owner may call anything except uplink_free.
 *
 * Bounds: the newest status and the newest sample of each sandbox, 16 cleanup reports (the oldest is
 * dropped).
 */
#ifndef CORRAL_AGENT_UPLINK_UPLINK_H
#define CORRAL_AGENT_UPLINK_UPLINK_H

#include "agent/core/outbox.h"
#include "common/base/err.h"
#include "common/io/loop.h"
#include "common/model/node_wire.h"

#include <stdint.h>

struct uplink;

/* Strings are copied. The certificate files are read by uplink_new. */
struct uplink_conf {
    const char *node; /* this node's name, the one in its certificate */
    const struct string_list
        *urls; /* tls+tcp://host:7420, or ipc:///path on the same machine; tried in turn */
    const char *ca_file;
    const char *cert_file;
    const char *key_file;
    uint64_t highest_epoch; /* the highest epoch ever seen, from disk; 0: none */
    struct outbox *outbox;  /* borrowed */
};

/* The controller's settings at the start of a session. Borrowed for the call. */
struct uplink_welcome {
    const char *cluster;
    uint64_t epoch; /* the owner stores it on disk, so that an older leader is refused after a restart too */
    uint32_t lease_ms;
    const struct string_list *settings; /* "name=value" */
    /* Where streams are carried, on a connection of their own with this ticket; NULL: the controller does
     * not.
     */
    const char *streams_url;
    const uint8_t *ticket;  /* of MSGLINK_TICKET_LEN */
    const uint8_t *process; /* of the controller, NODE_PROCESS_LEN; all zero: it does not say */
};

/* Every array is borrowed for the call. All members are needed where nothing else is said. */
struct uplink_ops {
    /*
     * Before each session: fills facts (all zero; the uplink frees its members) except facts->name, and
     * returns in *inventory an array, allocated by malloc and taken over by the uplink, of the statuses of
     * this node's sandboxes.
     */
    void (*fill_hello)(void *owner, struct node_facts *facts, struct sandbox_status **inventory,
                       size_t *count);
    void (*on_welcome)(void *owner, const struct uplink_welcome *welcome);
    /* How to log in to registries, for the images of the desired states that follow: count 0 where none of
     * them needs it. May be NULL. */
    void (*on_logins)(void *owner, const struct registry_login *logins, size_t count);
    void (*on_desired_states)(void *owner, const struct desired_state *desired_states, size_t count);
    void (*on_acked)(void *owner, const struct status_ack *acks, size_t count);
    /* The controller has committed the outbox's entries up to these numbers. */
    void (*on_committed)(void *owner, uint64_t violations, uint64_t samples);
    /* An order may be repeated, with the same number. */
    void (*on_cleanup)(void *owner, const struct cleanup_order *order);
    /* A piece of all orders about images; may be repeated, with the same number. NULL where fill_hello says
     * no `images`. */
    void (*on_images)(void *owner, const struct image_orders *piece);
    /* Of which sandboxes samples are to be kept more densely. NULL where fill_hello says no `dense`. */
    void (*on_dense)(void *owner, const struct dense_order *order);
    /* The controller sent a newer certificate (DER) for this node's key: check and store it (pki_replace),
     * then call uplink_reload. */
    void (*on_certificate)(void *owner, const uint8_t *der, size_t len);
    /* A session that had begun is over; why is a sentence. */
    void (*on_lost)(void *owner, const char *why);
};

/* Copies conf and ops. *out is the caller's. ERR_CONFIG: a certificate, key or URL cannot be used. */
int uplink_new(struct uplink **out, struct loop *loop, const struct uplink_conf *conf,
               const struct uplink_ops *ops, void *owner, struct err *err) MUST_CHECK;
void uplink_free(struct uplink *uplink);

/* Begins to connect; later failures are retried, and logged once. */
void uplink_start(struct uplink *uplink);

/* Ends the session without a callback. Pending items are kept; start may be called again. */
void uplink_stop(struct uplink *uplink);

/* Ends the session and begins another with new facts: call it when the facts of fill_hello changed. */
void uplink_renew(struct uplink *uplink);

/*
 * Sends the status of a sandbox, repeatedly until on_acked names its number or a later one. Replaces an older
 * status of the same sandbox. The *_ago_ms are relative to now.
 */
void uplink_status(struct uplink *uplink, const struct sandbox_status *status);

/* Sends the latest sample of a sandbox once; it replaces an older one that was not sent. ago_ms is relative
 * to now. */
void uplink_sample(struct uplink *uplink, const struct sample *sample);

/* Sends the result of a cleanup repeatedly until its number or a later one is acknowledged. */
void uplink_cleanup(struct uplink *uplink, const struct cleanup_report *report);

/*
 * All images of this node, or some of which something changed. What the structs hold is taken. A controller
 * that does not take images is told nothing.
 */
void uplink_images(struct uplink *uplink, struct node_images *all);
void uplink_some_images(struct uplink *uplink, struct node_images *some);

/* The certificate file has changed: the next connections use it. ERR_CONFIG: it cannot be used; nothing
 * changed. */
int uplink_reload(struct uplink *uplink, struct err *err) MUST_CHECK;

/*
 * This many items of this node could not be reported; the next report tells the controller. what: a sentence.
 */
void uplink_left_out(struct uplink *uplink, size_t count, const char *what);

/* So many logs were lost since the start; a report tells that sooner or later. */
void uplink_logs_lost(struct uplink *uplink, uint64_t count);

/* So many starts wait for a turn now, the longest of them for so long; the next report tells that. */
void uplink_starts_waiting(struct uplink *uplink, size_t count, uint64_t longest_ms);

/* Whether there is a session. */
bool uplink_connected(const struct uplink *uplink);

/* The outbox has entries that were never sent: sends them soon. */
void uplink_hurry(struct uplink *uplink);

#endif
