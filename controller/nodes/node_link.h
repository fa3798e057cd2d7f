/*
 * The controller's side of all agents: listens, lets in who proves to be a node that is wanted, hands over
 * what agents report, and sends their desired state. One session a node: a newer one that is proved
 * replaces the older, unless that is alive: heard within three tenths of the lease, on a connection that
 * stands.
 *
 * Lifecycle: new, start with the epoch of this leadership, stop when it is lost (or at the end), start again
 * with a higher epoch; free. All on the loop. No callback fires inside a call of the owner, nor after stop;
 * the owner may call anything but node_link_free from a callback.
 *
 * Delivery is at least once: what node_link_desired queued is resent until the agent has taken the message
 * up, and is forgotten with the session. So at on_session the owner says again all that it wants of that
 * node.
 */
#ifndef CORRAL_CONTROLLER_NODES_NODE_LINK_H
#define CORRAL_CONTROLLER_NODES_NODE_LINK_H

#include "common/base/err.h"
#include "common/io/loop.h"
#include "common/io/msglink.h"
#include "common/model/node_wire.h"

#include <stdint.h>

#define NODE_LINK_LEASE_MS    10000
#define NODE_LINK_NODES_MAX   4096 /* sessions */
#define NODE_LINK_DESIRED_MAX 4096 /* sandboxes that wait in one session */

struct node_link;

/* Strings are copied. The files are read by node_link_new. */
struct node_link_conf {
    const char *url; /* tls+tcp://0.0.0.0:7420, or ipc:///path or tcp://127.0.0.1:port on one machine */
    const char *ca_file;
    const char *cert_file;
    const char *key_file;
    const char *cluster;
    uint32_t lease_ms;                  /* 0: NODE_LINK_LEASE_MS */
    const struct string_list *settings; /* "name=value" for every agent; may be NULL */
};

struct node_link_stats {
    uint64_t sessions;                  /* now */
    uint64_t handshakes, refused;       /* since new */
    uint64_t messages_in, messages_bad; /* since new */
    uint64_t items_bad;                 /* of messages that hold else: left out, or lowered */
    uint64_t items_untold;              /* those that the nodes themselves left out */
    struct msglink_stats port;          /* since start */
};

/* Every array is borrowed for the call. All members are needed. */
struct node_link_ops {
    /* Whether the holder of this certificate of our CA may connect, and join as the node of its name. */
    bool (*allowed)(void *owner, const struct tls_who *who);
    /* Whether a node that has proved to be facts->name, with all that it holds, is taken for it; else it is
     * to come again later. */
    bool (*believed)(void *owner, const struct node_facts *facts, const struct sandbox_status *inventory,
                     size_t count);
    /* Another node came by this name, with a good certificate, while the node's session is alive. */
    void (*on_contested)(void *owner, const char *node, const char *address);
    /*
     * Its certificate (DER) ends within PKI_RENEW_DAYS; asked once an hour. Where there is a new one to send,
     * *renewed is made by malloc and taken.
     */
    bool (*on_expires)(void *owner, const char *node, const uint8_t *certificate, size_t len, int64_t ends_s,
                       uint8_t **renewed, size_t *renewed_len);
    /* A node is here, with all that it holds. Comes again, without on_node_gone, when it replaces its
     * session. */
    void (*on_session)(void *owner, const struct node_facts *facts, const struct sandbox_status *inventory,
                       size_t count);
    void (*on_statuses)(void *owner, const char *node, const struct sandbox_status *statuses, size_t count);
    /* These two with at least one, in the order of their numbers, and before the statuses of the same
     * report. */
    void (*on_samples)(void *owner, const char *node, const struct sample *samples, size_t count);
    void (*on_violations)(void *owner, const char *node, const struct violation_report *reports,
                          size_t count);
    /* The results of cleanups; again until node_link_ack_cleanups. */
    void (*on_cleanups)(void *owner, const char *node, const struct cleanup_report *reports, size_t count);
    /* Items that were left out of what the node said, by it or by us; first: a sentence, of the first of
     * them. */
    void (*on_left_out)(void *owner, const char *node, size_t count, const char *first);
    /* The node's connection for streams, taken; a newer one replaces it, and on_node_gone ends it. */
    void (*on_streams)(void *owner, const char *node, struct stream *carrier);
    /* No message for the time of the lease, or node_link_forget. */
    void (*on_node_gone)(void *owner, const char *node);
};

/* Copies conf and ops. *out is the caller's. ERR_CONFIG: a certificate, key or url that cannot be used. */
int node_link_new(struct node_link **out, struct loop *loop, const struct node_link_conf *conf,
                  const struct node_link_ops *ops, void *owner, struct err *err) MUST_CHECK;
void node_link_free(struct node_link *link);

/* Listens. ERR_IO: the address is in use or not ours. */
int node_link_start(struct node_link *link, uint64_t epoch, struct err *err) MUST_CHECK;

/* Ends every session silently and closes the address. Idempotent. */
void node_link_stop(struct node_link *link);

/*
 * Sends a desired state (copied, with its spec); the newest per sandbox wins. remaining_ms is as of now and
 * is counted down while it waits. ERR_NOT_FOUND: the node has no session. ERR_RATE_LIMITED: too many wait
 * already.
 */
int node_link_desired(struct node_link *link, const char *node, const struct desired_state *desired,
                      struct err *err) MUST_CHECK;

/* Says that statuses up to this number are committed. Without a session it does nothing: they come again.
 */
void node_link_ack(struct node_link *link, const char *node, const struct status_ack *ack);

/* Says that violations, kept samples, up to this number are committed. Without a session it does nothing. */
void node_link_ack_violations(struct node_link *link, const char *node, uint64_t up_to);
void node_link_ack_samples(struct node_link *link, const char *node, uint64_t up_to);

/* Orders a cleanup of a node in session; the newest order counts. False where it has no session. */
bool node_link_cleanup(struct node_link *link, const char *node,
                       const struct cleanup_order *order) MUST_CHECK;

/* Says that the results of cleanups up to this number is written down. */
void node_link_ack_cleanups(struct node_link *link, const char *node, uint64_t up_to);

/* Ends the connections of nodes that are over (cleanup_session_stale), unless dry_run. Returns how many. */
size_t node_link_drop_stale(struct node_link *link, bool dry_run);

/* Ends the session and every connection of a node in this call; on_node_gone comes before it returns. */
void node_link_expel(struct node_link *link, const char *node);

/* Ends a node's session, if it has one; on_node_gone follows. */
void node_link_forget(struct node_link *link, const char *node);

/* Copies. Where they differ from those of before, each node in session comes again to hear them, which takes
 * it a second or two; its session stands meanwhile. */
void node_link_set_settings(struct node_link *link, const struct string_list *settings);

struct node_link_stats node_link_stats(const struct node_link *link);

/* Tells of each node in session how many samples and violations it says that it had to drop, ever. */
typedef void node_link_dropped_cb(void *arg, const char *node, uint64_t samples, uint64_t violations);
void node_link_dropped(const struct node_link *link, node_link_dropped_cb *cb, void *arg);

#endif
