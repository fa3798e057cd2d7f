#include "agent/uplink/uplink.h"

#include "agent/uplink/uplink_session.h"

#include "common/base/backoff.h"
#include "common/io/log.h"
#include "common/base/mem.h"
#include "common/io/msglink.h"
#include "common/io/pki.h"
#include "proto/node_proof.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ANSWER_MS 5000 /* for the answer to a step of the handshake, or to a report */

_Static_assert(NODE_SESSION_LEN == MSGLINK_TICKET_LEN, "a session is the ticket of its streams");

enum stage { STOPPED, RESTING, HELLO, PROOF, SESSION };

struct uplink {
    struct loop *loop;
    struct uplink_ops ops;
    void *owner;
    char *node, *ca_file, *cert_file, *key_file;
    struct string_list urls;
    size_t url; /* the one that is used or tried */
    struct pki_identity *identity;
    enum stage stage;
    struct msglink_client *report, *poll;
    struct backoff backoff;
    struct timer timer; /* before a session: the pause before the next try; in a session: the next report */
    struct later failing, sending;
    char why[200];
    uint64_t request;
    struct uplink_session session;
};

static void begin(void *arg);
static void send_report(void *arg);
static void send_poll(struct uplink *u);

/* --- the end of a session, or of an attempt --- */

static void on_failed(void *arg)
{
    struct uplink *u = arg;
    bool had = u->stage == SESSION;
    if (u->stage == STOPPED)
        return;
    msglink_client_free(u->report);
    msglink_client_free(u->poll);
    u->report = u->poll = NULL;
    u->stage = RESTING;
    uplink_session_end(&u->session);
    u->url = (u->url + 1) % u->urls.count;
    uint32_t random;
    pki_random(&random, sizeof random);
    timer_start(&u->timer, u->loop, backoff_next(&u->backoff, random), begin, u);
    if (had)
        u->ops.on_lost(u->owner, u->why);
}

/* Carried out in the next turn: a client must not be freed in its own callback. */
static void fail(struct uplink *u, const char *why)
{
    if (u->stage != SESSION && strcmp(u->why, why))
        log_warn("uplink", "no session yet: %s", why);
    snprintf(u->why, sizeof u->why, "%s", why);
    later_call(&u->failing, u->loop, on_failed, u);
}

static void fail_silent(struct uplink *u)
{
    char why[sizeof u->why];
    const char *link = msglink_client_why(u->report);
    snprintf(why, sizeof why, "the controller does not answer%s%s", link[0] ? ": " : "", link);
    fail(u, why);
}

/* --- sending --- */

static void note_faults(struct uplink *u, const struct node_faults *faults, const char *where)
{
    if (!faults->count)
        return;
    log_error("uplink", "%zu items %s broke a bound, and are left out or lowered; the first: %s",
              faults->count, where, faults->first);
    uplink_session_left_out(&u->session, faults->count, faults->first);
}

void uplink_left_out(struct uplink *u, size_t count, const char *what)
{
    uplink_session_left_out(&u->session, count, what);
}

static void send(struct uplink *u, struct msglink_client *lane, struct node_message *m, uint64_t timeout_ms)
{
    uint8_t *bytes;
    size_t len;
    struct node_faults faults;
    struct err e;
    m->epoch = u->session.epoch;
    m->session = u->session.id;
    m->request = ++u->request;
    if (node_message_pack(m, &bytes, &len, &faults, &e)) {
        fail(u, e.text);
        return;
    }
    note_faults(u, &faults, "for the controller");
    msglink_request(lane, bytes, len, timeout_ms);
    free(bytes);
}

static void send_proof(struct uplink *u, const struct node_message *challenge)
{
    struct node_inventory inventory = {0};
    struct node_message m = {.kind = NODE_PROOF};
    struct node_faults faults;
    uint8_t signature[PKI_SIGNATURE_MAX];
    struct err e;
    size_t len;
    u->ops.fill_hello(u->owner, &inventory.facts, &inventory.statuses, &inventory.status_count);
    snprintf(inventory.facts.name, sizeof inventory.facts.name, "%s", u->node);
    int rc = node_inventory_pack(&inventory, &m.proof.inventory, &m.proof.inventory_len, &faults, &e);
    note_faults(u, &faults, "of this node's inventory");
    if (!rc) {
        uint8_t *said = node_proof_bytes(&challenge->session, challenge->nonce, u->node, m.proof.inventory,
                                         m.proof.inventory_len, &len);
        rc = pki_sign(u->identity, said, len, signature, &m.proof.signature_len, &e);
        free(said);
        m.proof.signature = signature;
    }
    u->session.id = challenge->session;
    u->stage = PROOF;
    if (rc)
        fail(u, e.text);
    else
        send(u, u->report, &m, ANSWER_MS);
    free(m.proof.inventory);
    node_inventory_fini(&inventory);
}

static void on_welcomed(struct uplink *u, struct node_message *m)
{
    struct uplink_welcome welcome = {.cluster = m->cluster,
                                     .epoch = m->epoch,
                                     .lease_ms = m->welcome.lease_ms,
                                     .settings = &m->welcome.settings,
                                     .streams_url = m->welcome.streams ? u->urls.item[u->url] : NULL,
                                     .ticket = u->session.id.byte,
                                     .process = m->welcome.process};
    u->stage = SESSION;
    u->session.queue.takes_images = m->welcome.images;
    u->why[0] = 0;
    backoff_reset(&u->backoff);
    uplink_session_begin(&u->session, m->epoch, m->welcome.lease_ms);
    u->ops.on_welcome(u->owner, &welcome);
    send_poll(u);
    send_report(u);
}

/* --- reports --- */

static void take_refusal(struct uplink *u, const struct node_message *m)
{
    fail(u, m->refused.text[0] ? m->refused.text : "the controller refused");
}

static void on_report_answer(struct uplink *u, struct node_message *m)
{
    if (u->stage == HELLO && m->kind == NODE_CHALLENGE)
        send_proof(u, m);
    else if (u->stage == PROOF && m->kind == NODE_WELCOME)
        on_welcomed(u, m);
    else if (u->stage == SESSION && m->kind == NODE_REPORT_ACK) {
        timer_start(&u->timer, u->loop, uplink_session_reported(&u->session), send_report, u);
    } else
        fail(u, "the controller sent what does not belong here");
}

static void take_commit(struct uplink *u, const struct node_message *m)
{
    u->ops.on_committed(u->owner, m->update.violations_acked, m->update.samples_acked);
    if (u->session.queue.held)
        uplink_hurry(u);
}

static void on_update(struct uplink *u, struct node_message *m)
{
    if (!uplink_session_take(&u->session, &m->update)) {
        send_poll(u); /* the update was sent again: our answer to it was lost */
        return;
    }
    if (m->update.ack_count)
        u->ops.on_acked(u->owner, m->update.acks, m->update.ack_count);
    if (m->update.violations_acked || m->update.samples_acked)
        take_commit(u, m);
    if (m->update.certificate)
        u->ops.on_certificate(u->owner, m->update.certificate, m->update.certificate_len);
    if (m->update.cleanup.number)
        u->ops.on_cleanup(u->owner, &m->update.cleanup);
    if (m->update.images.number && u->ops.on_images)
        u->ops.on_images(u->owner, &m->update.images);
    if (m->update.dense.number && u->ops.on_dense)
        u->ops.on_dense(u->owner, &m->update.dense);
    if (m->update.desired_count && u->ops.on_logins)
        u->ops.on_logins(u->owner, m->update.logins, m->update.login_count);
    if (m->update.desired_count)
        u->ops.on_desired_states(u->owner, m->update.desired_states, m->update.desired_count);
    if (u->stage == SESSION && u->poll)
        send_poll(u);
}

static void on_reply(struct uplink *u, bool poll, int code, const uint8_t *bytes, size_t len)
{
    struct node_message m;
    struct err e;
    if (code) {
        fail_silent(u);
        return;
    }
    if (node_message_unpack(bytes, len, &m, &e)) {
        fail(u, e.text);
        return;
    }
    note_faults(u, &m.faults, "of the controller");
    if (m.kind == NODE_REFUSED)
        take_refusal(u, &m);
    else if (!uplink_session_owns(&u->session, &m, u->stage == PROOF || u->stage == SESSION))
        fail(u, "the answer is of an older leader, or of another session");
    else if (!poll)
        on_report_answer(u, &m);
    else if (m.kind == NODE_UPDATE)
        on_update(u, &m);
    else
        fail(u, "the controller sent what does not belong here");
    node_message_fini(&m);
}

static void on_report_reply(void *arg, int code, const uint8_t *bytes, size_t len)
{
    on_reply(arg, false, code, bytes, len);
}

static void on_poll_reply(void *arg, int code, const uint8_t *bytes, size_t len)
{
    on_reply(arg, true, code, bytes, len);
}

static void send_poll(struct uplink *u)
{
    struct node_message m = {.kind = NODE_POLL};
    m.taken = u->session.taken;
    send(u, u->poll, &m, u->session.lease_ms);
}

static void send_report(void *arg)
{
    struct uplink *u = arg;
    struct node_message m = {.kind = NODE_REPORT};
    if (u->stage != SESSION || !uplink_session_report(&u->session, loop_now_ms(), &m.report))
        return;
    send(u, u->report, &m, ANSWER_MS);
    uplink_queue_taken_free(&m.report);
}

void uplink_hurry(struct uplink *u)
{
    if (u->stage == SESSION && !u->session.reporting)
        later_call(&u->sending, u->loop, send_report, u);
}

/* --- connecting --- */

static int open_lanes(struct uplink *u, struct err *e)
{
    struct msglink_tls tls = {.ca_file = u->ca_file,
                              .cert_file = u->cert_file,
                              .key_file = u->key_file,
                              .server_name = PKI_CONTROLLER_NAME};
    const char *url = u->urls.item[u->url];
    int rc = msglink_client_new(&u->report, u->loop, url, &tls, on_report_reply, u, e);
    return rc ? rc : msglink_client_new(&u->poll, u->loop, url, &tls, on_poll_reply, u, e);
}

static void begin(void *arg)
{
    struct uplink *u = arg;
    struct node_message m = {.kind = NODE_HELLO};
    struct err e;
    u->stage = HELLO;
    memset(&u->session.id, 0, sizeof u->session.id);
    if (open_lanes(u, &e)) {
        fail(u, e.text);
        return;
    }
    snprintf(m.hello.name, sizeof m.hello.name, "%s", u->node);
    m.hello.certificate = (uint8_t *)(uintptr_t)pki_identity_cert(u->identity, &m.hello.certificate_len);
    m.hello.highest_epoch = u->session.highest_epoch;
    send(u, u->report, &m, ANSWER_MS);
}

/* --- public functions --- */

int uplink_new(struct uplink **out, struct loop *loop, const struct uplink_conf *conf,
               const struct uplink_ops *ops, void *owner, struct err *err)
{
    struct uplink *u = mem_zalloc(sizeof *u);
    *u = (struct uplink){.loop = loop,
                         .ops = *ops,
                         .owner = owner,
                         .node = mem_strdup(conf->node),
                         .ca_file = mem_strdup(conf->ca_file),
                         .cert_file = mem_strdup(conf->cert_file),
                         .key_file = mem_strdup(conf->key_file),
                         .session = {.highest_epoch = conf->highest_epoch, .outbox = conf->outbox}};
    for (size_t i = 0; i < conf->urls->count; i++)
        string_list_add(&u->urls, conf->urls->item[i]);
    backoff_init(&u->backoff, 200, 5000);
    int rc = u->urls.count ? 0 : err_set(err, ERR_CONFIG, "controller_urls names no controller");
    if (!rc && !node_name_valid(u->node))
        rc = err_set(err, ERR_CONFIG, "node \"%s\" must be of a-z, 0-9, '-' and '.'", u->node);
    if (!rc)
        rc = pki_identity_load(&u->identity, conf->cert_file, conf->key_file, err);
    if (rc) {
        uplink_free(u);
        return rc;
    }
    *out = u;
    return 0;
}

void uplink_free(struct uplink *u)
{
    if (!u)
        return;
    uplink_stop(u);
    uplink_session_fini(&u->session);
    if (u->identity)
        pki_identity_free(u->identity);
    string_list_fini(&u->urls);
    free(u->node);
    free(u->ca_file);
    free(u->cert_file);
    free(u->key_file);
    free(u);
}

int uplink_reload(struct uplink *u, struct err *err)
{
    struct pki_identity *fresh;
    int rc = pki_identity_load(&fresh, u->cert_file, u->key_file, err);
    if (rc)
        return rc;
    pki_identity_free(u->identity);
    u->identity = fresh;
    return 0;
}

void uplink_start(struct uplink *u)
{
    if (u->stage == STOPPED)
        begin(u);
}

void uplink_stop(struct uplink *u)
{
    timer_stop(&u->timer);
    later_cancel(&u->failing);
    later_cancel(&u->sending);
    msglink_client_free(u->report);
    msglink_client_free(u->poll);
    u->report = u->poll = NULL;
    u->stage = STOPPED;
    uplink_session_end(&u->session);
}

/* Also during the handshake: its session would keep the old facts. */
void uplink_renew(struct uplink *u)
{
    if (u->stage == PROOF || u->stage == SESSION)
        fail(u, "what this node can do has changed");
}

void uplink_status(struct uplink *u, const struct sandbox_status *status)
{
    uplink_queue_status(&u->session.queue, loop_now_ms(), status);
    uplink_hurry(u);
}

void uplink_sample(struct uplink *u, const struct sample *sample)
{
    uplink_queue_sample(&u->session.queue, loop_now_ms(), sample);
    uplink_hurry(u);
}

void uplink_logs_lost(struct uplink *u, uint64_t count)
{
    u->session.queue.logs_lost = count;
}

void uplink_starts_waiting(struct uplink *u, size_t count, uint64_t longest_ms)
{
    u->session.queue.starts_waiting = count;
    u->session.queue.starts_wait_ms = longest_ms;
}

void uplink_cleanup(struct uplink *u, const struct cleanup_report *report)
{
    uplink_queue_cleanup(&u->session.queue, report);
    uplink_hurry(u);
}

void uplink_images(struct uplink *u, struct node_images *all)
{
    uplink_queue_images(&u->session.queue, all);
    uplink_hurry(u);
}

void uplink_some_images(struct uplink *u, struct node_images *some)
{
    uplink_queue_some_images(&u->session.queue, some);
    uplink_hurry(u);
}

bool uplink_connected(const struct uplink *u)
{
    return u->stage == SESSION;
}
