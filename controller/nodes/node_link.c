#include "controller/nodes/node_link.h"

#include "common/base/mem.h"
#include "common/io/msglink.h"
#include "common/io/pki.h"
#include "controller/core/cleanup.h"
#include "controller/nodes/handshake.h"
#include "controller/nodes/session.h"
#include "common/io/log.h"
#include "proto/spec_env.h"

#include <stdlib.h>
#include <string.h>

#define TICK_MS      500
#define RENEW_ASK_MS 3600000 /* between two calls of on_expires for one session */
#define GONE_MAX     256     /* calls of on_node_gone in one turn of the loop */

_Static_assert(NODE_MESSAGE_MAX <= MSGLINK_MAX, "the link carries every message");

/* --- reports --- */

static void on_report(struct node_link *link, struct msglink_token *token, struct session *s,
                      struct node_message *m)
{
    char node[NODE_NAME_MAX + 1];
    struct node_message ack = {.kind = NODE_REPORT_ACK};
    memcpy(node, s->node, sizeof node); /* the session may end in a callback */
    session_reply(link, token, s, m->request, &ack);
    s->samples_dropped = m->report.samples_dropped;
    s->violations_dropped = m->report.violations_dropped;
    s->logs_lost = m->report.logs_lost;
    s->starts_waiting = m->report.starts_waiting;
    s->starts_wait_ms = m->report.starts_wait_ms;
    session_note_faults(link, node, &m->faults);
    link->stats.items_untold += m->report.left_out;
    if (m->report.left_out)
        link->ops.on_left_out(link->owner, node, m->report.left_out, m->report.left_out_why);
    if (m->report.sample_count)
        link->ops.on_samples(link->owner, node, m->report.samples, m->report.sample_count);
    if (m->report.violation_count)
        link->ops.on_violations(link->owner, node, m->report.violations, m->report.violation_count);
    if (m->report.cleanup_count)
        link->ops.on_cleanups(link->owner, node, m->report.cleanups, m->report.cleanup_count);
    if (link->ops.on_images && (m->report.images.number || m->report.images.count))
        link->ops.on_images(link->owner, node, &m->report.images);
    if (m->report.status_count)
        link->ops.on_statuses(link->owner, node, m->report.statuses, m->report.status_count);
}

/* --- updates --- */

static void put_login(struct node_update *update, const struct registry_login *login)
{
    for (size_t i = 0; i < update->login_count; i++) {
        if (!strcmp(update->logins[i].registry, login->registry))
            return;
    }
    if (!update->logins)
        update->logins = mem_zalloc(NODE_LOGINS_MAX * sizeof *update->logins);
    if (update->login_count < NODE_LOGINS_MAX)
        update->logins[update->login_count++] = *login;
}

/* Members of the warm pool pull nothing. */
static void add_login(const struct node_link *link, const struct desired_state *desired,
                      struct node_update *update)
{
    struct registry_login login;
    struct sandbox_spec spec;
    struct err e;
    if (!desired->spec || desired->pooled || sandbox_spec_unpack(desired->spec, desired->spec_len, &spec, &e))
        return;
    if (spec.image && link->ops.login(link->owner, spec.image, &login)) {
        put_login(update, &login);
        explicit_bzero(&login, sizeof login);
    }
    sandbox_spec_fini(&spec);
}

static void tell(struct node_link *link, struct session *s)
{
    struct node_message m = {.kind = NODE_UPDATE};
    struct msglink_token *token = s->parked;
    s->parked = NULL;
    delivery_tell(&s->delivery, loop_now_ms(), &m.update);
    for (size_t i = 0; i < m.update.desired_count && link->ops.login; i++)
        add_login(link, &m.update.desired_states[i], &m.update);
    session_reply(link, token, s, s->request, &m);
    registry_logins_free(m.update.logins, m.update.login_count);
    delivery_told(&m.update);
}

/* Sends the update now, if a poll of the agent is waiting. */
static void nudge(struct node_link *link, struct session *s)
{
    if (s->parked && delivery_owes(&s->delivery))
        tell(link, s);
}

static void on_poll(struct node_link *link, struct msglink_token *token, struct session *s,
                    struct node_message *m)
{
    if (s->parked)
        msglink_drop(s->parked);
    delivery_polled(&s->delivery, loop_now_ms(), m->taken);
    s->parked = token;
    s->parked_ms = loop_awake_ms(link->loop);
    s->request = m->request;
    nudge(link, s);
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

static void handle(struct node_link *link, const struct msglink_peer *peer, struct msglink_token *token,
                   const uint8_t *bytes, size_t len)
{
    struct node_message m;
    struct err e;
    link->stats.messages_in++;
    if (node_message_unpack(bytes, len, &m, &e)) {
        link->stats.messages_bad++;
        session_refuse(link, token, 0,
                       m.version && m.version != NODE_PROTOCOL_VERSION ? NODE_REFUSED_VERSION
                                                                       : NODE_REFUSED_MALFORMED,
                       e.text);
        return;
    }
    struct session *s = session_of(link, peer, &m.session);
    if (s && s->proved && !s->outdated)
        s->heard_ms = loop_awake_ms(link->loop);
    if (m.kind == NODE_HELLO)
        handshake_hello(link, peer, token, &m);
    else if (m.kind == NODE_PROOF)
        handshake_proof(link, peer, token, s, &m);
    else if (!s || !s->proved)
        session_refuse(link, token, m.request, NODE_REFUSED_STALE_SESSION, "this session is over");
    else if (s->outdated)
        session_refuse(link, token, m.request, NODE_REFUSED_STALE_SESSION,
                       "the settings of nodes have changed");
    else if (m.kind == NODE_REPORT)
        on_report(link, token, s, &m);
    else if (m.kind == NODE_POLL)
        on_poll(link, token, s, &m);
    else
        session_refuse(link, token, m.request, NODE_REFUSED_MALFORMED,
                       "an agent does not send this kind of message");
    node_message_fini(&m);
}

/* A message is a few items at most, and nothing in its handling waits. */
const struct histogram_bounds node_link_bounds = {
    {50, 100, 250, 500, 1000, 2500, 5000, 10000, 25000, 100000, 1000000}};

static void on_message(void *arg, const struct msglink_peer *peer, struct msglink_token *token,
                       const uint8_t *bytes, size_t len)
{
    struct node_link *link = arg;
    uint64_t begun_us = loop_now_us();
    handle(link, peer, token, bytes, len);
    histogram_add(&link->handling, &node_link_bounds, loop_now_us() - begun_us);
}

const struct histogram *node_link_handling(const struct node_link *link)
{
    return &link->handling;
}

/* The ticket is the session's id, which only its own node was told. Its certificate may be a renewed one. */
static void on_stream(void *arg, const struct msglink_peer *peer, const uint8_t ticket[MSGLINK_TICKET_LEN],
                      struct stream *carrier)
{
    struct node_link *link = arg;
    struct node_session_id id;
    memcpy(id.byte, ticket, sizeof id.byte);
    const struct session *s = session_find(link, &id);
    if (s && s->proved && (!peer->tls || !strcmp(peer->who.name, s->node)))
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
    uint8_t *renewed;
    size_t len;
    int64_t left_s = s->ends_s - (int64_t)(wall_now_ms() / 1000);
    if (!s->proved || now < s->renew_ms || s->delivery.certificate ||
        left_s > (int64_t)PKI_RENEW_DAYS * 86400)
        return;
    s->renew_ms = now + RENEW_ASK_MS;
    if (!link->ops.on_expires(link->owner, s->node, s->certificate, s->certificate_len, s->ends_s, &renewed,
                              &len))
        return;
    delivery_certificate(&s->delivery, renewed, len);
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

/*
 * Puts the sandbox's environment into the spec. If it cannot be opened, the spec is sent as it is: a node
 * that has the sandbox goes on with it, and one that has not refuses to start it, and says why.
 */
static uint8_t *open_spec(const struct node_link *link, struct desired_state *desired)
{
    struct err e;
    uint8_t *opened = NULL;
    size_t len = 0;
    if (!desired->spec)
        return NULL;
    if (spec_env_open_packed(link->secrets ? *link->secrets : NULL, desired->id.text, desired->spec,
                             desired->spec_len, &opened, &len, &e))
        log_warn("nodes", "sandbox=%s its environment cannot be opened: %s", desired->id.text, e.text);
    if (opened) {
        desired->spec = opened;
        desired->spec_len = len;
    }
    return opened;
}

int node_link_desired(struct node_link *link, const char *node, const struct desired_state *desired,
                      struct err *err)
{
    struct session *s = session_of_node(link, node);
    if (!s)
        return err_set(err, ERR_NOT_FOUND, "node %s has no session", node);
    struct desired_state sent = *desired;
    uint8_t *opened = open_spec(link, &sent);
    bool taken = delivery_desired(&s->delivery, loop_now_ms(), &sent);
    if (opened)
        secrets_wipe(opened, sent.spec_len);
    if (!taken)
        return err_set(err, ERR_RATE_LIMITED, "too many desired states wait for node %s", node);
    nudge(link, s);
    return 0;
}

void node_link_ack(struct node_link *link, const char *node, const struct status_ack *ack)
{
    struct session *s = session_of_node(link, node);
    if (!s)
        return; /* the node sends the status again */
    delivery_ack(&s->delivery, ack);
    nudge(link, s);
}

void node_link_ack_violations(struct node_link *link, const char *node, uint64_t up_to)
{
    struct session *s = session_of_node(link, node);
    if (!s)
        return;
    delivery_ack_violations(&s->delivery, up_to);
    nudge(link, s);
}

void node_link_ack_samples(struct node_link *link, const char *node, uint64_t up_to)
{
    struct session *s = session_of_node(link, node);
    if (!s)
        return;
    delivery_ack_samples(&s->delivery, up_to);
    nudge(link, s);
}

void node_link_dropped(const struct node_link *link, node_link_dropped_cb *cb, void *arg)
{
    struct session *s, *next;
    HASH_ITER(hh, link->sessions, s, next)
    {
        if (s->proved)
            cb(arg, s->node, s->samples_dropped, s->violations_dropped, s->logs_lost);
    }
}

void node_link_certificates(const struct node_link *link, node_link_certificate_cb *cb, void *arg)
{
    struct session *s, *next;
    HASH_ITER(hh, link->sessions, s, next)
    {
        if (s->proved && !s->delivery.certificate)
            cb(arg, s->node, s->ends_s);
    }
}

void node_link_waiting(const struct node_link *link, node_link_waiting_cb *cb, void *arg)
{
    struct session *s, *next;
    HASH_ITER(hh, link->sessions, s, next)
    {
        if (s->proved)
            cb(arg, s->node, s->starts_waiting, s->starts_wait_ms);
    }
}

bool node_link_cleanup(struct node_link *link, const char *node, const struct cleanup_order *order)
{
    struct session *s = session_of_node(link, node);
    if (!s)
        return false;
    delivery_cleanup(&s->delivery, order);
    nudge(link, s);
    return true;
}

void node_link_ack_cleanups(struct node_link *link, const char *node, uint64_t up_to)
{
    struct session *s = session_of_node(link, node);
    if (!s)
        return;
    delivery_ack_cleanups(&s->delivery, up_to);
    nudge(link, s);
}

bool node_link_images(struct node_link *link, const char *node, const struct image_orders *whole)
{
    struct session *s = session_of_node(link, node);
    if (!s)
        return false;
    delivery_images(&s->delivery, whole);
    nudge(link, s);
    return true;
}

void node_link_dense(struct node_link *link, const char *node, const struct sandbox_id *id, size_t count)
{
    struct session *s = session_of_node(link, node);
    if (!s)
        return;
    delivery_dense(&s->delivery, loop_now_ms(), id, count);
    nudge(link, s);
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
                               .secrets = conf->secrets,
                               .lease_ms = conf->lease_ms ? conf->lease_ms : NODE_LINK_LEASE_MS};
    pki_random(link->process, sizeof link->process);
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
