/*
 * The controller's side of the connections to all agents: listens, authenticates nodes, passes on their
 * reports, and sends desired states. One session a node: a newer authenticated session replaces the older
 * one, unless the older is alive: heard from within three tenths of the lease, on a connection that is still
 * open.
 *
 * Lifecycle: new; start with the epoch of this lead; stop when the lead is lost (or at the end); start again
 * with a higher epoch; free. All on the loop. No callback fires inside a call of the owner, but for
 * node_link_expel, nor after stop; the owner may call anything but node_link_free from a callback.
 *
 * Delivery is at least once: what node_link_desired queued is sent again until the agent confirms the
 * message, and is dropped with the session. So in on_session the owner sends all desired states of that node
 * again.
 */
#ifndef CORRAL_CONTROLLER_NODES_NODE_LINK_H
#define CORRAL_CONTROLLER_NODES_NODE_LINK_H

#include "common/base/histogram.h"
#include "common/base/err.h"
#include "common/io/loop.h"
#include "common/io/msglink.h"
#include "common/model/node_wire.h"

#include <stdint.h>

#define NODE_LINK_LEASE_MS  10000
#define NODE_LINK_NODES_MAX 4096 /* sessions */

struct node_link;
struct secrets;

/* Strings are copied. The files are read by node_link_new. */
struct node_link_conf {
    const char *url; /* tls+tcp://0.0.0.0:7420, or ipc:///path or tcp://127.0.0.1:port on one machine */
    const char *ca_file;
    const char *cert_file;
    const char *key_file;
    const char *cluster;
    uint32_t lease_ms;                  /* 0: NODE_LINK_LEASE_MS */
    const struct string_list *settings; /* "name=value" for every agent; may be NULL */
    /*
     * The keys that open environments, as they are when a desired state is sent: borrowed until
     * node_link_free. NULL, or *secrets NULL: there are none.
     */
    struct secrets *const *secrets;
};

struct node_link_stats {
    uint64_t sessions;                  /* now */
    uint64_t handshakes, refused;       /* since new */
    uint64_t messages_in, messages_bad; /* since new */
    uint64_t items_bad;                 /* items of otherwise good messages: left out, or lowered */
    uint64_t items_untold;              /* items that the nodes themselves left out */
    struct msglink_stats port;          /* since start */
};

/* Every array is borrowed for the call. All members are needed where nothing else is said. */
struct node_link_ops {
    /* Whether the holder of this certificate of our CA may connect and join as the node that it names. */
    bool (*allowed)(void *owner, const struct tls_who *who);
    /*
     * Whether the inventory of a node that authenticated as facts->name is believed; if not, the node has to
     * come again later.
     */
    bool (*believed)(void *owner, const struct node_facts *facts, const struct sandbox_status *inventory,
                     size_t count);
    /* Another node authenticated with this name while the node's session is alive. */
    void (*on_contested)(void *owner, const char *node, const char *address);
    /*
     * The node's certificate (DER) expires within PKI_RENEW_DAYS; called once an hour. Returns true with a
     * new certificate in *renewed (malloc; taken by the link).
     */
    bool (*on_expires)(void *owner, const char *node, const uint8_t *certificate, size_t len, int64_t ends_s,
                       uint8_t **renewed, size_t *renewed_len);
    /*
     * A session of a node began, with its inventory. When a session replaces another, on_node_gone is not
     * called in between.
     */
    void (*on_session)(void *owner, const struct node_facts *facts, const struct sandbox_status *inventory,
                       size_t count);
    void (*on_statuses)(void *owner, const char *node, const struct sandbox_status *statuses, size_t count);
    /*
     * These two: at least one item, in the order of their numbers, and before the statuses of the same
     * report.
     */
    void (*on_samples)(void *owner, const char *node, const struct sample *samples, size_t count);
    void (*on_violations)(void *owner, const char *node, const struct violation_report *reports,
                          size_t count);
    /* The results of cleanups; a node repeats them until node_link_ack_cleanups. */
    void (*on_cleanups)(void *owner, const char *node, const struct cleanup_report *reports, size_t count);
    /* How a node logs in to the registry of a sandbox's image, by the image's name; told with its desired
     * state. False: without a login. NULL: never. */
    bool (*login)(void *owner, const char *image, struct registry_login *out);
    /* What a node says of its images: a piece of all of them, or some. NULL: nodes then say nothing of
     * images. */
    void (*on_images)(void *owner, const char *node, const struct node_images *images);
    /*
     * Items of the node's messages that were left out, by the node or by us; first: a sentence about the
     * first of them.
     */
    void (*on_left_out)(void *owner, const char *node, size_t count, const char *first);
    /* The node has made its connection for streams; the callee takes it. A newer one replaces it, and
     * on_node_gone ends it. */
    void (*on_streams)(void *owner, const char *node, struct stream *carrier);
    /* No message for the time of the lease, or node_link_forget or node_link_expel was called. */
    void (*on_node_gone)(void *owner, const char *node);
};

/* Copies conf and ops. *out is the caller's. ERR_CONFIG: a certificate, key or url that cannot be used. */
int node_link_new(struct node_link **out, struct loop *loop, const struct node_link_conf *conf,
                  const struct node_link_ops *ops, void *owner, struct err *err) MUST_CHECK;
void node_link_free(struct node_link *link);

/* Listens. ERR_IO: the address is in use or not one of this machine. */
int node_link_start(struct node_link *link, uint64_t epoch, struct err *err) MUST_CHECK;

/* Ends every session without callbacks and closes the address. Idempotent. */
void node_link_stop(struct node_link *link);

/*
 * Sends a desired state (copied, with its spec); a newer one replaces one of the same sandbox that still
 * waits. remaining_ms is as of now and is counted down while it waits. ERR_NOT_FOUND: the node has no
 * session. ERR_RATE_LIMITED: too many wait already.
 */
int node_link_desired(struct node_link *link, const char *node, const struct desired_state *desired,
                      struct err *err) MUST_CHECK;

/*
 * Acknowledges the status of a sandbox up to this number. Does nothing without a session: the node sends the
 * status again.
 */
void node_link_ack(struct node_link *link, const char *node, const struct status_ack *ack);

/* Acknowledges violations, or kept samples, up to this number. Does nothing without a session. */
void node_link_ack_violations(struct node_link *link, const char *node, uint64_t up_to);
void node_link_ack_samples(struct node_link *link, const char *node, uint64_t up_to);

/*
 * Orders a cleanup of a node; a newer order replaces one that still waits. False where the node has no
 * session.
 */
bool node_link_cleanup(struct node_link *link, const char *node,
                       const struct cleanup_order *order) MUST_CHECK;

/*
 * All orders about images for a node whose facts say `images`: copied. Their number is not 0. They
 * replace what was sent before; the owner sends them again in on_session. False where the node has no
 * session.
 */
bool node_link_images(struct node_link *link, const char *node, const struct image_orders *whole) MUST_CHECK;

/* As delivery_dense, for a node whose facts say `dense`. Does nothing without a session. */
void node_link_dense(struct node_link *link, const char *node, const struct sandbox_id *id, size_t count);

/* Acknowledges cleanup reports up to this number. Does nothing without a session. */
void node_link_ack_cleanups(struct node_link *link, const char *node, uint64_t up_to);

/* Ends dead sessions of nodes (cleanup_session_stale), unless dry_run. Returns how many there are. */
size_t node_link_drop_stale(struct node_link *link, bool dry_run);

/* Ends the session and every connection of a node before it returns; calls on_node_gone itself. */
void node_link_expel(struct node_link *link, const char *node);

/* Ends a node's session, if it has one; on_node_gone follows with the next tick. */
void node_link_forget(struct node_link *link, const char *node);

/*
 * Copies. If the settings changed, each node in session has to begin a new session to receive them, which
 * takes a second or two; until then the old session stands.
 */
void node_link_set_settings(struct node_link *link, const struct string_list *settings);

struct node_link_stats node_link_stats(const struct node_link *link);

/* How long the loop was busy with each message of a node. Borrowed. */
extern const struct histogram_bounds node_link_bounds;
const struct histogram *node_link_handling(const struct node_link *link);

/*
 * Calls cb for each node in session with the numbers of samples and violations that it says it had to drop,
 * ever, and of logs that its agent could not keep, since that was started.
 */
typedef void node_link_dropped_cb(void *arg, const char *node, uint64_t samples, uint64_t violations,
                                  uint64_t logs);
void node_link_dropped(const struct node_link *link, node_link_dropped_cb *cb, void *arg);

/* When the certificates of the nodes in session end, in Unix time; without those for which a new one is on
 * its way. */
typedef void node_link_certificate_cb(void *arg, const char *node, int64_t ends_s);
void node_link_certificates(const struct node_link *link, node_link_certificate_cb *cb, void *arg);

/* Calls cb for each node in session with its starts that wait for a turn, and the longest wait, by its last
 * report. */
typedef void node_link_waiting_cb(void *arg, const char *node, uint64_t starts, uint64_t longest_ms);
void node_link_waiting(const struct node_link *link, node_link_waiting_cb *cb, void *arg);

#endif
