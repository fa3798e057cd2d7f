/*
 * The agent's connection to the controller. It dials, proves who this node is, keeps the two lanes (reports
 * go up, updates come down) and begins again with jittered backoff whenever the session is lost. Nothing that
 * the controller has not acknowledged is forgotten: statuses are resent until they are acknowledged by
 * number, and so is what the owner's outbox (agent/core/outbox.h) holds. Ages are counted again at each
 * sending.
 *
 * Lifecycle: new, start, stop, free, all on the loop. No callback fires inside a call of the owner, and none
 * after stop; the owner may call anything but uplink_free from a callback.
 *
 * Bounds: of each sandbox its newest status and its newest sample, 16 cleanups (oldest dropped).
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
    const char *node;               /* this node's name, the one in its certificate */
    const struct string_list *urls; /* tls+tcp://host:7420, or ipc:///path on one machine; tried in turn */
    const char *ca_file;
    const char *cert_file;
    const char *key_file;
    uint64_t highest_epoch; /* that was ever seen, from disk; 0: none */
    struct outbox *outbox;  /* borrowed */
};

/* What the controller said at the start of a session. Borrowed for the call. */
struct uplink_welcome {
    const char *cluster;
    uint64_t epoch; /* the owner keeps it on disk, so that an older leader is refused after a restart too */
    uint32_t lease_ms;
    const struct string_list *settings; /* "name=value" */
    /* Where streams are carried, on a connection of their own with this ticket; NULL: the controller does not.
     */
    const char *streams_url;
    const uint8_t *ticket; /* of MSGLINK_TICKET_LEN */
};

/* Every array is borrowed for the call. All members are needed. */
struct uplink_ops {
    /*
     * Before each session: fills facts (all zero; the uplink frees what it holds) and returns in *inventory
     * an array, made by malloc and taken by the uplink, of a status of every sandbox that this node
     * holds. facts->name is set by the uplink.
     */
    void (*fill_hello)(void *owner, struct node_facts *facts, struct sandbox_status **inventory,
                       size_t *count);
    void (*on_welcome)(void *owner, const struct uplink_welcome *welcome);
    void (*on_desired_states)(void *owner, const struct desired_state *desired_states, size_t count);
    void (*on_acked)(void *owner, const struct status_ack *acks, size_t count);
    /* Of the outbox, up to these numbers. */
    void (*on_committed)(void *owner, uint64_t violations, uint64_t samples);
    /* The same order may come again: its number says so. */
    void (*on_cleanup)(void *owner, const struct cleanup_order *order);
    /* The controller has a later certificate (DER) for this node's key: to be checked and kept (pki_replace),
     * then uplink_reload. */
    void (*on_certificate)(void *owner, const uint8_t *der, size_t len);
    /* A session that was welcomed is over, for the reason that the sentence says. */
    void (*on_lost)(void *owner, const char *why);
};

/* Copies conf and ops. *out is the caller's. ERR_CONFIG: a certificate, key or url that cannot be used. */
int uplink_new(struct uplink **out, struct loop *loop, const struct uplink_conf *conf,
               const struct uplink_ops *ops, void *owner, struct err *err) MUST_CHECK;
void uplink_free(struct uplink *uplink);

/* Begins to dial; failures from here on are retried, and logged once. */
void uplink_start(struct uplink *uplink);

/* Ends the session silently: no callback afterwards. What waits is kept; start may be called again. */
void uplink_stop(struct uplink *uplink);

/* Ends the session and begins another with fresh facts: for a change of what fill_hello says. */
void uplink_renew(struct uplink *uplink);

/*
 * Sends what a sandbox is now, and again until on_acked names its number or a later one. Replaces an older
 * status of the same sandbox. The *_ago_ms are as of now.
 */
void uplink_status(struct uplink *uplink, const struct sandbox_status *status);

/* Sends the latest sample of a sandbox once, for the moment; it replaces an older one. ago_ms is as of now.
 */
void uplink_sample(struct uplink *uplink, const struct sample *sample);

/* Sends the result of a cleanup until a number that is not lower is acknowledged. */
void uplink_cleanup(struct uplink *uplink, const struct cleanup_report *report);

/* The certificate's file is another: the next connections use it. ERR_CONFIG: it cannot be used, nothing
 * changed. */
int uplink_reload(struct uplink *uplink, struct err *err) MUST_CHECK;

/* So many items of this node cannot be told: the controller hears that with the next report. what: a
 * sentence. */
void uplink_left_out(struct uplink *uplink, size_t count, const char *what);

/* Whether there is a session. */
bool uplink_connected(const struct uplink *uplink);

/* The outbox has something that was never sent. */
void uplink_hurry(struct uplink *uplink);

#endif
