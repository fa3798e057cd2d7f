/*
 * The messages between controller and agent as plain structs, and their bytes. Pack and unpack hold every
 * bound below on both ways, so that what one side sends the other takes. Bad bytes are an error, never more:
 * missing parts, sizes past a bound and bytes that make unpacking costly are refused; one item of a list that
 * breaks a bound (unknown enum values, a number past its most) is left out, or lowered, and told of.
 * No I/O, no clock; any thread.
 */
#ifndef CORRAL_PROTO_NODE_CODEC_H
#define CORRAL_PROTO_NODE_CODEC_H

#include "common/base/err.h"
#include "common/model/node_wire.h"

#include <stdint.h>

#define NODE_PROTOCOL_VERSION 1

#define NODE_MESSAGE_MAX                                                                                     \
    (4 * 1024 * 1024)              /* bytes of a packed message: an inventory at its bounds has 3 MiB */
#define NODE_STATUSES_MAX     4096 /* in an inventory */
#define NODE_REPORT_MAX       1024 /* of each kind in a report */
#define NODE_UPDATE_MAX       1024 /* of each kind in an update */
#define NODE_UPDATE_BYTES_MAX (1024 * 1024) /* of the specs in one update */
#define NODE_CLEANUPS_MAX     16            /* in a report */
#define CLEANUP_COUNT_MAX     1000000       /* of a kind, in one cleanup */
#define NODE_LABELS_MAX       64            /* labels, runtimes, settings: each */
#define NODE_LABEL_MAX        255           /* bytes of one */
#define NODE_CLUSTER_MAX      63
#define NODE_CERTIFICATE_MAX  8192 /* bytes of DER */
#define NODE_SIGNATURE_MAX    512
#define NODE_NONCE_LEN        32
#define NODE_SESSION_LEN      16

/* The most that a number may be (proto/node_fields.h says which is which). */
#define NODE_NUMBER_MAX      ((uint64_t)1 << 53)             /* generations, numbers of updates */
#define NODE_LIFE_MAX_MS     ((uint64_t)20 * 366 * 86400000) /* a lifetime is ten years at most */
#define NODE_BYTES_MAX       ((uint64_t)1 << 50)
#define NODE_COUNTER_MAX     ((uint64_t)1 << 62) /* what only rises: bytes, packets, ns of a CPU */
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
    NODE_REFUSED_UNKNOWN,       /* no such node is wanted */
    NODE_REFUSED_CERTIFICATE,   /* not of our CA, out of time, or of another name */
    NODE_REFUSED_PROOF,         /* the challenge is unknown, used or old, or the signature is wrong */
    NODE_REFUSED_STALE_SESSION, /* the session is over, or replaced by a newer one */
    NODE_REFUSED_OLD_EPOCH,     /* the controller or the session is of an epoch that passed */
    NODE_REFUSED_NOT_NOW, /* another node is here by this name, or what it brings is looked at again later */
    NODE_REFUSED_COUNT
};

/*
 * What of a message broke a bound of one item: that item was left out, or, where it could be told all the
 * same (a status, a desired state, a cleanup, a node's capacity), its number was lowered. The rest of the
 * message holds.
 */
struct node_faults {
    size_t count;
    char first[NODE_DETAIL_MAX + 1]; /* a sentence */
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
    uint8_t *inventory; /* what node_inventory_pack made */
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
    uint64_t left_out;                            /* items that it could not tell, since it last said so */
    char left_out_why[NODE_DETAIL_MAX + 1];       /* of the first of them */
};

struct node_update {
    uint64_t number;
    struct desired_state *desired_states; /* of an unpacked update the specs are owned too */
    size_t desired_count;
    struct status_ack *acks;
    size_t ack_count;
    uint64_t violations_acked, samples_acked; /* up to these numbers; 0: none */
    struct cleanup_order cleanup;             /* number 0: none */
    uint64_t cleanups_acked;
    uint8_t *certificate; /* DER, NULL: none */
    size_t certificate_len;
};

struct node_message {
    uint32_t version; /* set by packing */
    char cluster[NODE_CLUSTER_MAX + 1];
    uint64_t epoch;
    struct node_session_id session; /* all zero before there is one */
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
            bool streams; /* a second connection is taken: its ticket is the session */
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

/* What an agent says of itself: facts and every sandbox that it holds. */
struct node_inventory {
    struct node_facts facts;
    struct sandbox_status *statuses;
    size_t status_count;
    struct node_faults faults; /* of an unpacked one */
};

/*
 * *out gets bytes that the caller frees. Borrows m. One item that breaks a bound does not take its list with
 * it: *faults (may be NULL) is filled, with a count of 0 where all was well. Fails with ERR_INVALID where the
 * message itself breaks one.
 */
int node_message_pack(const struct node_message *m, uint8_t **out, size_t *len, struct node_faults *faults,
                      struct err *err) MUST_CHECK;

/*
 * Fills *m, which node_message_fini then frees. Fails with ERR_PROTOCOL, and *m holds nothing; of a peer of
 * another version m->version tells which.
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

/* Bytes of a spec as the database keeps them and desired states carry them; the caller frees *out. */
int sandbox_spec_pack(const struct sandbox_spec *spec, uint8_t **out, size_t *len,
                      struct err *err) MUST_CHECK;

/* Fills *spec, which sandbox_spec_fini frees. Fails with ERR_PROTOCOL, and *spec holds nothing. */
int sandbox_spec_unpack(const uint8_t *bytes, size_t len, struct sandbox_spec *spec,
                        struct err *err) MUST_CHECK;

#endif
