#include "controller/nodes/handshake.h"

#include "common/base/mem.h"
#include "controller/core/cleanup.h"
#include "proto/node_proof.h"

#include <stdlib.h>
#include <string.h>

#define CHALLENGES_MAX 1024 /* sessions that are not authenticated yet */

/* Drops unanswered challenges to make room; never an established session. False where there is no room. */
static bool make_room(struct node_link *link, uint64_t now)
{
    struct session *s, *next, *oldest = NULL;
    size_t challenged = 0;
    HASH_ITER(hh, link->sessions, s, next)
    {
        if (s->proved)
            continue;
        if (cleanup_session_stale(false, now - s->heard_ms, link->lease_ms)) {
            session_drop(link, s);
            continue;
        }
        challenged++;
        if (!oldest || s->heard_ms < oldest->heard_ms)
            oldest = s;
    }
    if (challenged >= CHALLENGES_MAX)
        session_drop(link, oldest);
    return HASH_COUNT(link->sessions) < NODE_LINK_NODES_MAX + CHALLENGES_MAX;
}

/* Under TLS, the certificate in the hello has to be the one of the connection. */
static bool is_its_own(const struct msglink_peer *peer, const struct tls_who *who)
{
    return !peer->tls || !strcmp(peer->who.fingerprint, who->fingerprint);
}

void handshake_hello(struct node_link *link, const struct msglink_peer *peer, struct msglink_token *token,
                     struct node_message *m)
{
    struct node_hello *hello = &m->hello;
    struct tls_who who;
    struct err e;
    if (hello->highest_epoch > link->epoch) {
        session_refuse(link, token, m->request, NODE_REFUSED_OLD_EPOCH,
                       "this controller's time to lead is over");
        return;
    }
    if (pki_verify_node(link->ca, hello->name, hello->certificate, hello->certificate_len, &e)) {
        session_refuse(link, token, m->request, NODE_REFUSED_CERTIFICATE, e.text);
        return;
    }
    if (!tls_who_read(&who, hello->certificate, hello->certificate_len) || !is_its_own(peer, &who)) {
        session_refuse(link, token, m->request, NODE_REFUSED_CERTIFICATE,
                       "the certificate is not the connection's");
        return;
    }
    if (!link->ops.allowed(link->owner, &who) || !make_room(link, loop_awake_ms(link->loop))) {
        session_refuse(link, token, m->request, NODE_REFUSED_UNKNOWN, "a node of this name may not join");
        return;
    }
    struct session *s = mem_zalloc(sizeof *s);
    pki_random(&s->id, sizeof s->id);
    pki_random(s->nonce, sizeof s->nonce);
    memcpy(s->node, hello->name, sizeof s->node);
    memcpy(s->fingerprint, who.fingerprint, sizeof s->fingerprint);
    s->ends_s = who.not_after_s;
    s->peers[0] = peer->id;
    s->certificate = mem_dup(hello->certificate, hello->certificate_len);
    s->certificate_len = hello->certificate_len;
    s->heard_ms = loop_awake_ms(link->loop);
    HASH_ADD(hh, link->sessions, id, sizeof s->id, s);
    struct node_message answer = {.kind = NODE_CHALLENGE};
    memcpy(answer.nonce, s->nonce, sizeof answer.nonce);
    session_reply(link, token, s, m->request, &answer);
}

static int check_proof(const struct session *s, const struct node_proof *proof, struct err *e)
{
    size_t len;
    uint8_t *said = node_proof_bytes(&s->id, s->nonce, s->node, proof->inventory, proof->inventory_len, &len);
    int rc = pki_verify_signature(s->certificate, s->certificate_len, said, len, proof->signature,
                                  proof->signature_len, e);
    free(said);
    return rc;
}

static void welcome(struct node_link *link, struct msglink_token *token, struct session *s, uint64_t request)
{
    struct node_message answer = {.kind = NODE_WELCOME};
    answer.welcome.lease_ms = link->lease_ms;
    answer.welcome.settings = link->settings;
    answer.welcome.streams = true;
    answer.welcome.images = link->ops.on_images != NULL;
    memcpy(answer.welcome.process, link->process, sizeof answer.welcome.process);
    session_reply(link, token, s, request, &answer);
}

/*
 * Whether the session is alive. Another holder of the node's certificate may be an impostor, so a live
 * session stays.
 */
static bool is_alive(const struct node_link *link, const struct session *s)
{
    return loop_awake_ms(link->loop) - s->heard_ms < link->lease_ms * 3 / 10 &&
           (msglink_server_stands(link->server, s->peers[0]) ||
            msglink_server_stands(link->server, s->peers[1]));
}

/*
 * Whether the session may begin: no other session of the node is alive, and its inventory is believed. Else s
 * is dropped and the peer refused.
 */
static bool may_begin(struct node_link *link, const struct msglink_peer *peer, struct msglink_token *token,
                      struct session *s, uint64_t request, struct node_inventory *inventory)
{
    char node[NODE_NAME_MAX + 1];
    struct session *older = session_of_node(link, s->node);
    memcpy(node, s->node, sizeof node);
    memcpy(inventory->facts.name, s->node, sizeof inventory->facts.name);
    memcpy(inventory->facts.fingerprint, s->fingerprint, sizeof inventory->facts.fingerprint);
    memcpy(inventory->facts.address, peer->address, sizeof inventory->facts.address);
    if (older && is_alive(link, older)) {
        session_drop(link, s);
        session_refuse(link, token, request, NODE_REFUSED_NOT_NOW,
                       "a node of this name is here, and answers");
        link->ops.on_contested(link->owner, node, peer->address);
        return false;
    }
    if (!link->ops.believed(link->owner, &inventory->facts, inventory->statuses, inventory->status_count)) {
        session_drop(link, s);
        session_refuse(
            link, token, request, NODE_REFUSED_NOT_NOW,
            "this node has other marks than before and lacks sandboxes that ran on it: it has to come "
            "again later");
        return false;
    }
    if (older)
        session_drop(link, older);
    return true;
}

/* The first answer uses up a challenge, right or wrong. */
void handshake_proof(struct node_link *link, const struct msglink_peer *peer, struct msglink_token *token,
                     struct session *s, struct node_message *m)
{
    struct node_inventory inventory;
    struct err e;
    if (!s || s->proved ||
        cleanup_session_stale(false, loop_awake_ms(link->loop) - s->heard_ms, link->lease_ms)) {
        session_refuse(link, token, m->request, NODE_REFUSED_PROOF, "there is no such challenge");
        return;
    }
    if (check_proof(s, &m->proof, &e) ||
        node_inventory_unpack(m->proof.inventory, m->proof.inventory_len, &inventory, &e)) {
        session_drop(link, s);
        session_refuse(link, token, m->request, NODE_REFUSED_PROOF, e.text);
        return;
    }
    if (!may_begin(link, peer, token, s, m->request, &inventory)) {
        node_inventory_fini(&inventory);
        return;
    }
    s->proved = true;
    s->heard_ms = loop_awake_ms(link->loop);
    link->stats.handshakes++;
    welcome(link, token, s, m->request);
    session_note_faults(link, inventory.facts.name, &inventory.faults);
    link->ops.on_session(link->owner, &inventory.facts, inventory.statuses, inventory.status_count);
    node_inventory_fini(&inventory);
}
