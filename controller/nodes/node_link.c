#include "controller/nodes/node_link.h"

#include "common/io/log.h"
#include "common/base/mem.h"
#include "common/io/msglink.h"
#include "common/io/pki.h"
#include "controller/core/cleanup.h"
#include "proto/node_codec.h"
#include "proto/node_proof.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#define TICK_MS        500
#define RENEW_ASK_MS   3600000 /* between two calls of on_expires for one session */
#define CHALLENGES_MAX 1024    /* sessions that are not authenticated yet */
#define GONE_MAX       256     /* calls of on_node_gone in one turn of the loop */

_Static_assert(NODE_MESSAGE_MAX <= MSGLINK_MAX, "the link carries every message");

struct desired_item {
    struct desired_state desired; /* spec owned */
    uint64_t queued_ms;
    bool sent;
};

struct ack_item {
    struct status_ack ack;
    bool sent;
};

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
    uint8_t *renewed;                          /* the new certificate to send; NULL: none */
    size_t renewed_len;
    uint64_t renewed_number; /* number of the update that carried it; 0: not sent yet */
    uint64_t heard_ms; /* by loop_awake_ms, like parked_ms: messages that wait to be read count as received in
                          time */
    struct msglink_token *parked; /* its poll, held open while there is nothing to send */
    uint64_t parked_ms, request;
    uint64_t update_number, cleanup_told;
    struct cleanup_order cleanup;
    struct kept_until {
        uint64_t accepted, told;
    } violations, samples, cleanups;              /* numbers up to which the node may forget its items */
    uint64_t samples_dropped, violations_dropped; /* as the node reports */
    struct desired_item *desired;
    size_t desired_states;
    struct ack_item *ack;
    size_t acks;
    UT_hash_handle hh; /* by id */
};

struct node_link {
    struct loop *loop;
    struct node_link_ops ops;
    void *owner;
    char *url, *ca_file, *cert_file, *key_file, *cluster;
    uint32_t lease_ms;
    struct string_list settings;
    struct pki_ca *ca;
    uint64_t epoch;
    struct msglink_server *server; /* NULL: stopped */
    struct session *sessions;
    struct timer tick;
    struct node_link_stats stats;
};

/* --- sessions --- */

static void session_drop(struct node_link *link, struct session *s)
{
    HASH_DEL(link->sessions, s);
    for (size_t i = 0; i < s->desired_states; i++)
        free((void *)(uintptr_t)s->desired[i].desired.spec);
    if (s->parked)
        msglink_drop(s->parked);
    free(s->desired);
    free(s->ack);
    free(s->certificate);
    free(s->renewed);
    free(s);
}

static struct session *session_of_node(const struct node_link *link, const char *node)
{
    struct session *s, *next;
    HASH_ITER(hh, link->sessions, s, next)
    {
        if (s->proved && !strcmp(s->node, node))
            return s;
    }
    return NULL;
}

static struct session *session_find(const struct node_link *link, const struct node_session_id *id)
{
    struct session *s;
    HASH_FIND(hh, link->sessions, id, sizeof *id, s);
    return s;
}

/* --- replies --- */

static void reply(struct node_link *link, struct msglink_token *token, const struct session *s,
                  uint64_t request, struct node_message *m)
{
    uint8_t *bytes;
    size_t len;
    struct node_faults faults;
    struct err e;
    snprintf(m->cluster, sizeof m->cluster, "%s", link->cluster);
    m->epoch = link->epoch;
    m->request = request;
    if (s)
        m->session = s->id;
    if (node_message_pack(m, &bytes, &len, &faults, &e)) {
        log_error("nodes", "a message cannot be packed: %s", e.text);
        msglink_drop(token);
        return;
    }
    if (faults.count)
        log_error("nodes",
                  "node=%s %zu items for it broke a bound, and are left out or lowered; the first: %s",
                  s ? s->node : "", faults.count, faults.first);
    msglink_reply(link->server, token, bytes, len);
    free(bytes);
}

static void refuse(struct node_link *link, struct msglink_token *token, uint64_t request,
                   enum node_refusal why, const char *text)
{
    struct node_message m = {.kind = NODE_REFUSED};
    m.refused.why = why;
    snprintf(m.refused.text, sizeof m.refused.text, "%s", text);
    link->stats.refused++;
    reply(link, token, NULL, request, &m);
}

/* --- hello, challenge, proof, welcome --- */

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

static void on_hello(struct node_link *link, const struct msglink_peer *peer, struct msglink_token *token,
                     struct node_message *m)
{
    struct node_hello *hello = &m->hello;
    struct tls_who who;
    struct err e;
    if (hello->highest_epoch > link->epoch) {
        refuse(link, token, m->request, NODE_REFUSED_OLD_EPOCH, "this controller's time to lead is over");
        return;
    }
    if (pki_verify_node(link->ca, hello->name, hello->certificate, hello->certificate_len, &e)) {
        refuse(link, token, m->request, NODE_REFUSED_CERTIFICATE, e.text);
        return;
    }
    if (!tls_who_read(&who, hello->certificate, hello->certificate_len) || !is_its_own(peer, &who)) {
        refuse(link, token, m->request, NODE_REFUSED_CERTIFICATE, "the certificate is not the connection's");
        return;
    }
    if (!link->ops.allowed(link->owner, &who) || !make_room(link, loop_awake_ms(link->loop))) {
        refuse(link, token, m->request, NODE_REFUSED_UNKNOWN, "a node of this name may not join");
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
    reply(link, token, s, m->request, &answer);
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

/* Counts and reports the items of a message that were left out. */
static void note_faults(struct node_link *link, const char *node, const struct node_faults *faults)
{
    link->stats.items_bad += faults->count;
    if (faults->count)
        link->ops.on_left_out(link->owner, node, faults->count, faults->first);
}

static void welcome(struct node_link *link, struct msglink_token *token, struct session *s, uint64_t request)
{
    struct node_message answer = {.kind = NODE_WELCOME};
    answer.welcome.lease_ms = link->lease_ms;
    answer.welcome.settings = link->settings;
    answer.welcome.streams = true;
    reply(link, token, s, request, &answer);
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
        refuse(link, token, request, NODE_REFUSED_NOT_NOW, "a node of this name is here, and answers");
        link->ops.on_contested(link->owner, node, peer->address);
        return false;
    }
    if (!link->ops.believed(link->owner, &inventory->facts, inventory->statuses, inventory->status_count)) {
        session_drop(link, s);
        refuse(link, token, request, NODE_REFUSED_NOT_NOW,
               "this node has other marks than before and lacks sandboxes that ran on it: it has to come "
               "again later");
        return false;
    }
    if (older)
        session_drop(link, older);
    return true;
}

/* The first answer uses up a challenge, right or wrong. */
static void on_proof(struct node_link *link, const struct msglink_peer *peer, struct msglink_token *token,
                     struct session *s, struct node_message *m)
{
    struct node_inventory inventory;
    struct err e;
    if (!s || s->proved ||
        cleanup_session_stale(false, loop_awake_ms(link->loop) - s->heard_ms, link->lease_ms)) {
        refuse(link, token, m->request, NODE_REFUSED_PROOF, "there is no such challenge");
        return;
    }
    if (check_proof(s, &m->proof, &e) ||
        node_inventory_unpack(m->proof.inventory, m->proof.inventory_len, &inventory, &e)) {
        session_drop(link, s);
        refuse(link, token, m->request, NODE_REFUSED_PROOF, e.text);
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
    note_faults(link, inventory.facts.name, &inventory.faults);
    link->ops.on_session(link->owner, &inventory.facts, inventory.statuses, inventory.status_count);
    node_inventory_fini(&inventory);
}

/* --- reports --- */

static void on_report(struct node_link *link, struct msglink_token *token, struct session *s,
                      struct node_message *m)
{
    char node[NODE_NAME_MAX + 1];
    struct node_message ack = {.kind = NODE_REPORT_ACK};
    memcpy(node, s->node, sizeof node); /* the session may end in a callback */
    reply(link, token, s, m->request, &ack);
    s->samples_dropped = m->report.samples_dropped;
    s->violations_dropped = m->report.violations_dropped;
    note_faults(link, node, &m->faults);
    link->stats.items_untold += m->report.left_out;
    if (m->report.left_out)
        link->ops.on_left_out(link->owner, node, m->report.left_out, m->report.left_out_why);
    if (m->report.sample_count)
        link->ops.on_samples(link->owner, node, m->report.samples, m->report.sample_count);
    if (m->report.violation_count)
        link->ops.on_violations(link->owner, node, m->report.violations, m->report.violation_count);
    if (m->report.cleanup_count)
        link->ops.on_cleanups(link->owner, node, m->report.cleanups, m->report.cleanup_count);
    if (m->report.status_count)
        link->ops.on_statuses(link->owner, node, m->report.statuses, m->report.status_count);
}

/* --- updates --- */

static bool has_update(const struct session *s)
{
    return s->desired_states || s->acks || s->violations.accepted > s->violations.told ||
           s->samples.accepted > s->samples.told || s->cleanups.accepted > s->cleanups.told ||
           s->cleanup.number != s->cleanup_told || (s->renewed && !s->renewed_number);
}

/* Drops what the agent has confirmed; marks the rest to be sent again. */
static void settle(struct session *s, bool taken)
{
    size_t kept = 0;
    if (taken && s->renewed_number)
        mem_free_ptr(&s->renewed);
    s->renewed_number = 0;
    for (size_t i = 0; i < s->desired_states; i++) {
        if (taken && s->desired[i].sent) {
            free((void *)(uintptr_t)s->desired[i].desired.spec);
            continue;
        }
        s->desired[kept] = s->desired[i];
        s->desired[kept++].sent = false;
    }
    s->desired_states = kept;
    kept = 0;
    for (size_t i = 0; i < s->acks; i++) {
        if (taken && s->ack[i].sent)
            continue;
        s->ack[kept] = s->ack[i];
        s->ack[kept++].sent = false;
    }
    s->acks = kept;
}

static size_t take_desired_states(struct session *s, struct desired_state *out, uint64_t now)
{
    size_t n = 0, bytes = 0;
    for (size_t i = 0; i < s->desired_states && n < NODE_UPDATE_MAX; i++) {
        struct desired_item *item = &s->desired[i];
        if (bytes + item->desired.spec_len > NODE_UPDATE_BYTES_MAX)
            break;
        bytes += item->desired.spec_len;
        uint64_t waited = now - item->queued_ms;
        out[n] = item->desired;
        out[n].remaining_ms -= waited < out[n].remaining_ms ? waited : out[n].remaining_ms;
        item->sent = true;
        n++;
    }
    return n;
}

static void tell(struct node_link *link, struct session *s)
{
    struct desired_state *desired_states = mem_zalloc(NODE_UPDATE_MAX * sizeof *desired_states);
    struct status_ack *acks = mem_zalloc(NODE_UPDATE_MAX * sizeof *acks);
    struct node_message m = {.kind = NODE_UPDATE};
    struct msglink_token *token = s->parked;
    s->parked = NULL;
    m.update.number = ++s->update_number;
    m.update.desired_states = desired_states;
    m.update.desired_count = take_desired_states(s, desired_states, loop_now_ms());
    m.update.acks = acks;
    for (; m.update.ack_count < s->acks && m.update.ack_count < NODE_UPDATE_MAX; m.update.ack_count++) {
        struct ack_item *item = &s->ack[m.update.ack_count];
        acks[m.update.ack_count] = item->ack;
        item->sent = true;
    }
    m.update.violations_acked = s->violations.told = s->violations.accepted;
    m.update.samples_acked = s->samples.told = s->samples.accepted;
    m.update.cleanups_acked = s->cleanups.told = s->cleanups.accepted;
    m.update.cleanup = s->cleanup;
    m.update.certificate = s->renewed;
    m.update.certificate_len = s->renewed ? s->renewed_len : 0;
    s->renewed_number = s->renewed ? m.update.number : 0;
    s->cleanup_told = s->cleanup.number;
    reply(link, token, s, s->request, &m);
    free(desired_states);
    free(acks);
}

static void on_poll(struct node_link *link, struct msglink_token *token, struct session *s,
                    struct node_message *m)
{
    if (s->parked)
        msglink_drop(s->parked);
    settle(s, m->taken == s->update_number);
    if (m->taken != s->update_number)
        s->violations.told = s->samples.told = s->cleanups.told = s->cleanup_told = 0;
    s->parked = token;
    s->parked_ms = loop_awake_ms(link->loop);
    s->request = m->request;
    if (has_update(s))
        tell(link, s);
}

/* Sends the update now, if a poll of the agent is waiting. */
static void nudge(struct node_link *link, struct session *s)
{
    if (s->parked && has_update(s))
        tell(link, s);
}

/* --- the listener --- */

/* Finds a session by id. Under TLS, only for the holder of the session's certificate. */
static struct session *session_of(struct node_link *link, const struct msglink_peer *peer,
                                  const struct node_session_id *id)
{
    struct session *s = session_find(link, id);
    if (!s || (peer->tls && strcmp(peer->who.fingerprint, s->fingerprint) != 0))
        return NULL;
    if (s->peers[0] != peer->id) {
        s->peers[1] = s->peers[0];
        s->peers[0] = peer->id;
    }
    return s;
}

/* Whether this holder of a certificate of our CA may connect. */
static bool on_listener(void *arg, const struct tls_who *who)
{
    const struct node_link *link = arg;
    return link->ops.allowed(link->owner, who);
}

static void on_message(void *arg, const struct msglink_peer *peer, struct msglink_token *token,
                       const uint8_t *bytes, size_t len)
{
    struct node_link *link = arg;
    struct node_message m;
    struct err e;
    link->stats.messages_in++;
    if (node_message_unpack(bytes, len, &m, &e)) {
        link->stats.messages_bad++;
        refuse(link, token, 0,
               m.version && m.version != NODE_PROTOCOL_VERSION ? NODE_REFUSED_VERSION
                                                               : NODE_REFUSED_MALFORMED,
               e.text);
        return;
    }
    struct session *s = session_of(link, peer, &m.session);
    if (s && s->proved && !s->outdated)
        s->heard_ms = loop_awake_ms(link->loop);
    if (m.kind == NODE_HELLO)
        on_hello(link, peer, token, &m);
    else if (m.kind == NODE_PROOF)
        on_proof(link, peer, token, s, &m);
    else if (!s || !s->proved)
        refuse(link, token, m.request, NODE_REFUSED_STALE_SESSION, "this session is over");
    else if (s->outdated)
        refuse(link, token, m.request, NODE_REFUSED_STALE_SESSION, "the settings of nodes have changed");
    else if (m.kind == NODE_REPORT)
        on_report(link, token, s, &m);
    else if (m.kind == NODE_POLL)
        on_poll(link, token, s, &m);
    else
        refuse(link, token, m.request, NODE_REFUSED_MALFORMED, "an agent does not send this kind of message");
    node_message_fini(&m);
}

/* The ticket is the session's id, which only its own node was told. */
static void on_stream(void *arg, const struct msglink_peer *peer, const uint8_t ticket[MSGLINK_TICKET_LEN],
                      struct stream *carrier)
{
    struct node_link *link = arg;
    struct node_session_id id;
    memcpy(id.byte, ticket, sizeof id.byte);
    const struct session *s = session_find(link, &id);
    if (s && s->proved && (!peer->tls || !strcmp(peer->who.fingerprint, s->fingerprint)))
        link->ops.on_streams(link->owner, s->node, carrier);
    else
        stream_free(carrier);
}

static void gone(struct node_link *link, struct session *s)
{
    char node[NODE_NAME_MAX + 1];
    memcpy(node, s->node, sizeof node);
    session_drop(link, s);
    link->ops.on_node_gone(link->owner, node);
}

/* Calls on_expires once an hour for a session whose certificate expires soon. */
static void ask_renewal(struct node_link *link, struct session *s, uint64_t now)
{
    int64_t left_s = s->ends_s - (int64_t)(wall_now_ms() / 1000);
    if (!s->proved || now < s->renew_ms || s->renewed || left_s > (int64_t)PKI_RENEW_DAYS * 86400)
        return;
    s->renew_ms = now + RENEW_ASK_MS;
    if (link->ops.on_expires(link->owner, s->node, s->certificate, s->certificate_len, s->ends_s, &s->renewed,
                             &s->renewed_len))
        nudge(link, s);
}

static struct session *first_silent(const struct node_link *link, uint64_t now)
{
    struct session *s, *next;
    HASH_ITER(hh, link->sessions, s, next)
    {
        if (s->proved && cleanup_session_stale(true, now - s->heard_ms, link->lease_ms))
            return s;
    }
    return NULL;
}

/*
 * Reports silent sessions, each time searching from the start, as a callback may change the list. True where
 * there may be more.
 */
static bool tell_gone(struct node_link *link, uint64_t now)
{
    struct session *s;
    int count = 0;
    for (; count < GONE_MAX && (s = first_silent(link, now)); count++)
        gone(link, s);
    return count == GONE_MAX;
}

static void on_tick(void *arg)
{
    struct node_link *link = arg;
    uint64_t now = loop_awake_ms(link->loop);
    struct session *s, *next;
    HASH_ITER(hh, link->sessions, s, next)
    {
        ask_renewal(link, s, now);
        if (s->parked && now - s->parked_ms >= link->lease_ms / 3)
            tell(link, s);
    }
    timer_start(&link->tick, link->loop, TICK_MS, on_tick, link);
    if (tell_gone(link, now) && link->server)
        timer_start(&link->tick, link->loop, 0, on_tick, link);
}

/* --- what the owner calls --- */

int node_link_desired(struct node_link *link, const char *node, const struct desired_state *desired,
                      struct err *err)
{
    struct session *s = session_of_node(link, node);
    size_t i = 0;
    if (!s)
        return err_set(err, ERR_NOT_FOUND, "node %s has no session", node);
    while (i < s->desired_states && memcmp(&s->desired[i].desired.id, &desired->id, sizeof desired->id))
        i++;
    if (i == s->desired_states) {
        if (s->desired_states >= NODE_LINK_DESIRED_MAX)
            return err_set(err, ERR_RATE_LIMITED, "too many desired states wait for node %s", node);
        s->desired = mem_grow(s->desired, s->desired_states + 1, sizeof *s->desired);
        memset(&s->desired[s->desired_states++], 0, sizeof *s->desired);
    }
    free((void *)(uintptr_t)s->desired[i].desired.spec);
    s->desired[i] = (struct desired_item){.desired = *desired, .queued_ms = loop_now_ms()};
    s->desired[i].desired.spec = desired->spec ? mem_dup(desired->spec, desired->spec_len) : NULL;
    nudge(link, s);
    return 0;
}

void node_link_ack(struct node_link *link, const char *node, const struct status_ack *ack)
{
    struct session *s = session_of_node(link, node);
    if (!s || s->acks >= NODE_STATUSES_MAX)
        return; /* the node sends the status again */
    s->ack = mem_grow(s->ack, s->acks + 1, sizeof *s->ack);
    s->ack[s->acks++] = (struct ack_item){.ack = *ack};
    nudge(link, s);
}

static void accept_until(struct node_link *link, struct session *s, struct kept_until *until, uint64_t up_to)
{
    if (up_to <= until->accepted)
        return;
    until->accepted = up_to;
    nudge(link, s);
}

void node_link_ack_violations(struct node_link *link, const char *node, uint64_t up_to)
{
    struct session *s = session_of_node(link, node);
    if (s)
        accept_until(link, s, &s->violations, up_to);
}

void node_link_ack_samples(struct node_link *link, const char *node, uint64_t up_to)
{
    struct session *s = session_of_node(link, node);
    if (s)
        accept_until(link, s, &s->samples, up_to);
}

void node_link_dropped(const struct node_link *link, node_link_dropped_cb *cb, void *arg)
{
    struct session *s, *next;
    HASH_ITER(hh, link->sessions, s, next)
    {
        if (s->proved)
            cb(arg, s->node, s->samples_dropped, s->violations_dropped);
    }
}

bool node_link_cleanup(struct node_link *link, const char *node, const struct cleanup_order *order)
{
    struct session *s = session_of_node(link, node);
    if (!s)
        return false;
    s->cleanup = *order;
    nudge(link, s);
    return true;
}

void node_link_ack_cleanups(struct node_link *link, const char *node, uint64_t up_to)
{
    struct session *s = session_of_node(link, node);
    if (s)
        accept_until(link, s, &s->cleanups, up_to);
}

size_t node_link_drop_stale(struct node_link *link, bool dry_run)
{
    uint64_t now = loop_awake_ms(link->loop);
    struct session *s, *next;
    size_t found = 0;
    HASH_ITER(hh, link->sessions, s, next)
    {
        if (!cleanup_session_stale(s->proved, now - s->heard_ms, link->lease_ms))
            continue;
        found++;
        if (dry_run)
            continue;
        if (s->proved)
            s->heard_ms = 0; /* the next tick finds it silent and calls on_node_gone */
        else
            session_drop(link, s);
    }
    return found;
}

void node_link_expel(struct node_link *link, const char *node)
{
    struct session *s, *next;
    bool had = false;
    HASH_ITER(hh, link->sessions, s, next)
    {
        if (strcmp(s->node, node))
            continue;
        had |= s->proved;
        session_drop(link, s);
    }
    if (link->server)
        msglink_server_drop(link->server, node);
    if (had)
        link->ops.on_node_gone(link->owner, node);
}

void node_link_forget(struct node_link *link, const char *node)
{
    struct session *s = session_of_node(link, node);
    if (s)
        s->heard_ms = 0; /* the next tick finds it silent */
}

static bool same_settings(const struct string_list *a, const struct string_list *b)
{
    bool same = a->count == b->count;
    for (size_t i = 0; same && i < a->count; i++)
        same = !strcmp(a->item[i], b->item[i]);
    return same;
}

static void take_settings(struct node_link *link, const struct string_list *settings)
{
    string_list_fini(&link->settings);
    for (size_t i = 0; settings && i < settings->count; i++)
        string_list_add(&link->settings, settings->item[i]);
}

void node_link_set_settings(struct node_link *link, const struct string_list *settings)
{
    struct session *s, *next;
    if (same_settings(&link->settings, settings))
        return;
    take_settings(link, settings);
    HASH_ITER(hh, link->sessions, s, next)
    s->outdated = s->proved;
}

struct node_link_stats node_link_stats(const struct node_link *link)
{
    struct node_link_stats stats = link->stats;
    struct session *s, *next;
    HASH_ITER(hh, link->sessions, s, next)
    stats.sessions += s->proved;
    if (link->server)
        stats.port = msglink_server_stats(link->server);
    return stats;
}

/* --- life --- */

int node_link_new(struct node_link **out, struct loop *loop, const struct node_link_conf *conf,
                  const struct node_link_ops *ops, void *owner, struct err *err)
{
    struct node_link *link = mem_zalloc(sizeof *link);
    struct pki_identity *identity = NULL;
    *link = (struct node_link){.loop = loop,
                               .ops = *ops,
                               .owner = owner,
                               .url = mem_strdup(conf->url),
                               .ca_file = mem_strdup(conf->ca_file),
                               .cert_file = mem_strdup(conf->cert_file),
                               .key_file = mem_strdup(conf->key_file),
                               .cluster = mem_strdup(conf->cluster),
                               .lease_ms = conf->lease_ms ? conf->lease_ms : NODE_LINK_LEASE_MS};
    take_settings(link, conf->settings);
    int rc = pki_ca_load(&link->ca, conf->ca_file, err);
    if (!rc)
        rc = pki_identity_load(&identity, conf->cert_file, conf->key_file,
                               err); /* only to find a bad one now */
    if (!rc)
        pki_identity_free(identity);
    if (rc) {
        node_link_free(link);
        return rc;
    }
    *out = link;
    return 0;
}

void node_link_free(struct node_link *link)
{
    if (!link)
        return;
    node_link_stop(link);
    pki_ca_free(link->ca);
    string_list_fini(&link->settings);
    free(link->url);
    free(link->ca_file);
    free(link->cert_file);
    free(link->key_file);
    free(link->cluster);
    free(link);
}

int node_link_start(struct node_link *link, uint64_t epoch, struct err *err)
{
    struct msglink_tls tls = {
        .ca_file = link->ca_file, .cert_file = link->cert_file, .key_file = link->key_file};
    node_link_stop(link);
    link->epoch = epoch;
    int rc =
        msglink_server_new(&link->server, link->loop, link->url, &tls, on_listener, on_message, link, err);
    if (rc)
        return rc;
    msglink_server_take_streams(link->server, on_stream);
    timer_start(&link->tick, link->loop, TICK_MS, on_tick, link);
    return 0;
}

void node_link_stop(struct node_link *link)
{
    struct session *s, *next;
    timer_stop(&link->tick);
    HASH_ITER(hh, link->sessions, s, next)
    session_drop(link, s);
    msglink_server_free(link->server);
    link->server = NULL;
}
