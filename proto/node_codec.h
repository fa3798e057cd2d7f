/*
 * The messages between controller and agent as plain structs, and their bytes. Pack and unpack check every
 * bound below, in both directions: what one side can send, the other accepts. Bad bytes result in an error
 * and nothing worse: missing parts, sizes past a bound and bytes that are costly to unpack are refused. An
 * item of a list that breaks a bound (an unknown enum value, a number past its maximum) is left out or
 * lowered, and reported in node_faults. No I/O, no clock; any thread.
 */
#ifndef CORRAL_PROTO_NODE_CODEC_H
#define CORRAL_PROTO_NODE_CODEC_H

#include "common/base/err.h"
#include "common/model/node_wire.h"

#include <stdint.h>

#define NODE_PROTOCOL_VERSION 1

#define NODE_MESSAGE_MAX                                                                                     \
    (4 * 1024 * 1024)              /* bytes of a packed message; an inventory at its bounds has 3 MiB */
#define NODE_STATUSES_MAX     4096 /* in an inventory */
#define NODE_REPORT_MAX       1024 /* items of each kind in a report */
#define NODE_UPDATE_MAX       1024 /* items of each kind in an update */
#define NODE_UPDATE_BYTES_MAX (1024 * 1024) /* of the specs in one update */
#define NODE_CLEANUPS_MAX     16            /* in a report */
#define NODE_IMAGE_PIECE_MAX  256           /* images in a report, orders in an update */
#define NODE_IMAGE_LAYERS_MAX 2048          /* of all pulls in a report */
#define NODE_DENSE_FOR_MAX_MS 60000         /* for which an order to keep samples more densely holds */
#define CLEANUP_COUNT_MAX     1000000       /* of a kind, in one cleanup */
#define NODE_LABELS_MAX       64            /* number of labels, of runtimes, of settings */
#define NODE_LABEL_MAX        255           /* bytes of one */
#define NODE_CLUSTER_MAX      63
#define NODE_CERTIFICATE_MAX  8192 /* bytes of DER */
#define NODE_SIGNATURE_MAX    512
#define NODE_NONCE_LEN        32
#define NODE_SESSION_LEN      16
#define NODE_PROCESS_LEN      16

/* Maxima of numbers (proto/node_fields.h says which one applies to which field). */
#define NODE_NUMBER_MAX      ((uint64_t)1 << 53)             /* generations, numbers of updates */
#define NODE_LIFE_MAX_MS     ((uint64_t)20 * 366 * 86400000) /* a lifetime is ten years at most */
#define NODE_BYTES_MAX       ((uint64_t)1 << 50)
#define NODE_COUNTER_MAX     ((uint64_t)1 << 62) /* counters that only rise: bytes, packets, ns of CPU */
#define NODE_MILLIS_MAX      10000000000u        /* of a CPU */
#define NODE_CENTI_MAX       1000000000u         /* hundredths of a percent */
#define NODE_COUNT_MAX       1000000000u         /* of sandboxes, processes, files */
#define NODE_LEASE_MIN_MS    100
#define NODE_LEASE_MAX_MS    3600000
#define NODE_VIOLATION_KINDS 4

#define SPEC_IMAGE_MAX  512          /* bytes of the image reference, and of the runtime's name */
#define SPEC_USER_MAX   63           /* of its user's id */
#define SPEC_LIST_MAX   1024         /* words of a command, variables of an environment */
#define SPEC_STRING_MAX (32 * 1024)  /* bytes of one of these */
#define SPEC_PACKED_MAX (128 * 1024) /* bytes of a packed spec */

enum node_message_kind {
    NODE_HELLO,
    NODE_CHALLENGE,
    NODE_PROOF,
    NODE_WELCOME,
    NODE_REPORT,
    NODE_REPORT_ACK,
    NODE_POLL,
    NODE_UPDATE,
    NODE_REFUSED,
    NODE_MESSAGE_KINDS
};

enum node_refusal {
    NODE_REFUSED_MALFORMED,     /* the message does not parse, or does not belong here */
    NODE_REFUSED_VERSION,       /* another protocol version */
    NODE_REFUSED_UNKNOWN,       /* a node of this name may not join */
    NODE_REFUSED_CERTIFICATE,   /* not of our CA, expired or not valid yet, or of another name */
    NODE_REFUSED_PROOF,         /* the challenge is unknown, used or old, or the signature is wrong */
    NODE_REFUSED_STALE_SESSION, /* the session is over, or replaced by a newer one */
    NODE_REFUSED_OLD_EPOCH,     /* the controller or the session is of an earlier epoch */
    NODE_REFUSED_NOT_NOW, /* another node with this name is in session, or its inventory is not believed yet
                           */
    NODE_REFUSED_COUNT
};

/*
 * Items of a message that broke a bound: each was left out, or its number was lowered where the item has to
 * arrive (a status, a desired state, a cleanup, a node's capacity). The rest of the message is valid.
 */
struct node_faults {
    size_t count;
    char first[NODE_DETAIL_MAX + 1]; /* a sentence about the first of them */
};

struct node_session_id {
    uint8_t byte[NODE_SESSION_LEN];
};

/* Sizes in bytes. Packing borrows every pointer; unpacking allocates them, node_message_fini frees. */
struct node_hello {
    char name[NODE_NAME_MAX + 1];
    uint8_t *certificate;
    size_t certificate_len;
    uint64_t highest_epoch;
};

struct node_proof {
    uint8_t *signature;
    size_t signature_len;
    uint8_t *inventory; /* the result of node_inventory_pack */
    size_t inventory_len;
};

struct node_report {
    struct sandbox_status *statuses;
    size_t status_count;
    struct sample *samples;
    size_t sample_count;
    struct violation_report *violations;
    size_t violation_count;
    struct cleanup_report *cleanups;
    size_t cleanup_count;
    uint64_t samples_dropped, violations_dropped; /* by this node, ever */
    uint64_t left_out;                       /* items that it left out since its last report of this number */
    char left_out_why[NODE_DETAIL_MAX + 1];  /* about the first of them */
    uint64_t logs_lost;                      /* of ended sandboxes, since the agent's start */
    uint64_t starts_waiting, starts_wait_ms; /* starts that wait for a turn; the longest wait */
    struct node_images images;               /* number 0 and no image: nothing is said of them */
};

struct node_update {
    uint64_t number;
    struct desired_state *desired_states; /* in an unpacked update, the specs are owned, too */
    size_t desired_count;
    struct status_ack *acks;
    size_t ack_count;
    uint64_t violations_acked, samples_acked; /* up to these numbers; 0: none */
    struct cleanup_order cleanup;             /* number 0: none */
    uint64_t cleanups_acked;
    uint8_t *certificate; /* DER, NULL: none */
    size_t certificate_len;
    struct image_orders images;    /* number 0: none */
    struct dense_order dense;      /* number 0: none */
    struct registry_login *logins; /* for the images of desired_states */
    size_t login_count;
};

struct node_message {
    uint32_t version; /* set by packing */
    char cluster[NODE_CLUSTER_MAX + 1];
    uint64_t epoch;
    struct node_session_id session; /* all zero before the challenge */
    uint64_t request;
    struct node_faults faults; /* of an unpacked one */
    enum node_message_kind kind;
    union {
        struct node_hello hello;
        uint8_t nonce[NODE_NONCE_LEN]; /* NODE_CHALLENGE */
        struct node_proof proof;
        struct {
            uint32_t lease_ms;
            struct string_list settings;
            bool streams;                      /* a second connection is taken: its ticket is the session */
            uint8_t process[NODE_PROCESS_LEN]; /* of the controller; all zero: it does not say */
            bool images;                       /* reports of images are taken */
        } welcome;
        struct node_report report;
        uint64_t taken; /* NODE_POLL */
        struct node_update update;
        struct {
            enum node_refusal why;
            char text[NODE_DETAIL_MAX + 1];
        } refused;
    };
};

/* The inventory that an agent sends: facts about the node, and the status of every sandbox on it. */
struct node_inventory {
    struct node_facts facts;
    struct sandbox_status *statuses;
    size_t status_count;
    struct node_faults faults; /* of an unpacked one */
};

/*
 * Packs m, which is borrowed; the caller frees *out. An item that breaks a bound does not fail the message:
 * it is counted in *faults (may be NULL; count 0 where all is well). ERR_INVALID where the message itself
 * breaks a bound.
 */
int node_message_pack(const struct node_message *m, uint8_t **out, size_t *len, struct node_faults *faults,
                      struct err *err) MUST_CHECK;

/*
 * Fills *m, to be freed by node_message_fini. ERR_PROTOCOL: *m holds nothing, but m->version is that of a
 * peer with another version.
 */
int node_message_unpack(const uint8_t *bytes, size_t len, struct node_message *m, struct err *err) MUST_CHECK;

/* Only for unpacked messages; idempotent. */
void node_message_fini(struct node_message *m);

/* As above, for the inventory inside a proof. */
int node_inventory_pack(const struct node_inventory *inventory, uint8_t **out, size_t *len,
                        struct node_faults *faults, struct err *err) MUST_CHECK;
int node_inventory_unpack(const uint8_t *bytes, size_t len, struct node_inventory *inventory,
                          struct err *err) MUST_CHECK;
void node_inventory_fini(struct node_inventory *inventory);

/* Packs a spec, in the form that the database stores and desired states carry. The caller frees *out. */
int sandbox_spec_pack(const struct sandbox_spec *spec, uint8_t **out, size_t *len,
                      struct err *err) MUST_CHECK;

/* Fills *spec, to be freed by sandbox_spec_fini. ERR_PROTOCOL: *spec holds nothing. */
int sandbox_spec_unpack(const uint8_t *bytes, size_t len, struct sandbox_spec *spec,
                        struct err *err) MUST_CHECK;

#endif
