/*
 * The sessions of the listener for nodes, and how they are answered. Private to controller/nodes.
 */
#ifndef CORRAL_CONTROLLER_NODES_SESSION_H
#define CORRAL_CONTROLLER_NODES_SESSION_H

#include "common/io/pki.h"
#include "controller/nodes/delivery.h"
#include "controller/nodes/node_link.h"
#include "proto/node_codec.h"

#include <uthash.h>

/* A session, from the hello on: challenged first, established once `proved`. */
struct session {
    struct node_session_id id;
    char node[NODE_NAME_MAX + 1];
    bool proved, outdated; /* outdated: its welcome had settings that have changed since */
    uint8_t nonce[NODE_NONCE_LEN];
    uint8_t *certificate;
    size_t certificate_len;
    char fingerprint[TLS_FINGERPRINT_LEN + 1]; /* of the certificate */
    uint64_t peers[2];                         /* the last two connections that carried its messages */
    int64_t ends_s;                            /* of the certificate, Unix time */
    uint64_t renew_ms;                         /* when on_expires is called next */
    uint64_t heard_ms; /* by loop_awake_ms, like parked_ms: messages that wait to be read count as received in
                          time */
    struct msglink_token *parked; /* its poll, held open while there is nothing to send */
    uint64_t parked_ms, request;
    uint64_t samples_dropped, violations_dropped, logs_lost; /* as the node reports */
    uint64_t starts_waiting, starts_wait_ms;
    struct delivery delivery;
    UT_hash_handle hh; /* by id */
};

struct node_link {
    struct loop *loop;
    struct node_link_ops ops;
    void *owner;
    char *url, *ca_file, *cert_file, *key_file, *cluster;
    uint32_t lease_ms;
    struct string_list settings;
    struct secrets *const *secrets; /* NULL: there are none */
    struct pki_ca *ca;
    uint64_t epoch;
    uint8_t process[NODE_PROCESS_LEN]; /* random: tells this process from another that leads */
    struct msglink_server *server;     /* NULL: stopped */
    struct session *sessions;
    struct timer tick;
    struct node_link_stats stats;
    struct histogram handling;
};

/* Frees it; no callback. */
void session_drop(struct node_link *link, struct session *s);

/* NULL: this node is not in session. */
struct session *session_of_node(const struct node_link *link, const char *node);
struct session *session_find(const struct node_link *link, const struct node_session_id *id);

/* Both take the token. s: NULL before there is a session. */
void session_reply(struct node_link *link, struct msglink_token *token, const struct session *s,
                   uint64_t request, struct node_message *m);
void session_refuse(struct node_link *link, struct msglink_token *token, uint64_t request,
                    enum node_refusal why, const char *text);

/* Counts and reports the items of a message that were left out. */
void session_note_faults(struct node_link *link, const char *node, const struct node_faults *faults);

#endif
