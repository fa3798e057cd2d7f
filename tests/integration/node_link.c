/*
 * The controller's port for nodes, over real nng and TLS, against peers that are not what they claim: a
 * certificate of another CA, of another name, stolen without its key, a proof that is used again, a leader
 * whose epoch is over, a message that is too large, bytes that are no message, a session that is over.
 * usage: node_link FOLDER
 */
#include "controller/nodes/node_link.h"

#include "agent/uplink/uplink.h"
#include "common/base/mem.h"
#include "common/io/msglink.h"
#include "common/io/pki.h"
#include "proto/node_codec.h"
#include "proto/node_proof.h"
#include "tests/lib/quiet_nodes.h"

#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define CHECK(condition)                                                                                     \
    do {                                                                                                     \
        if (!(condition)) {                                                                                  \
            fprintf(stderr, "%s:%d: %s does not hold (%s)\n", __FILE__, __LINE__, #condition, e.text);       \
            exit(1);                                                                                         \
        }                                                                                                    \
    } while (0)

#define GOERS     60
#define RACK      40
#define ANSWER_MS 4000
#define EPOCH     7

static struct loop *loop;
static struct node_link *link_;
static struct err e;
static const char *dir;
static char url[64];
static int sessions;
static char joined[NODE_NAME_MAX + 1], joined_unhealthy[NODE_DETAIL_MAX + 1];

/* --- the controller's side --- */

static bool allowed(void *owner, const struct tls_who *who)
{
    return strcmp(who->name, "revoked") != 0;
}

static void on_session(void *owner, const struct node_facts *facts, const struct sandbox_status *inventory,
                       size_t count)
{
    sessions++;
    memcpy(joined, facts->name, sizeof joined);
    memcpy(joined_unhealthy, facts->unhealthy, sizeof joined_unhealthy);
}

static struct cleanup_report cleaned;

static void on_cleanups(void *owner, const char *node, const struct cleanup_report *reports, size_t count)
{
    cleaned = reports[0];
}

static bool believed(void *owner, const struct node_facts *facts, const struct sandbox_status *inventory,
                     size_t count)
{
    return strcmp(facts->agent_version, "not believed") != 0;
}

static int contested;

static void on_contested(void *owner, const char *node, const char *address)
{
    contested++;
}

static bool on_expires(void *owner, const char *node, const uint8_t *certificate, size_t len, int64_t ends_s,
                       uint8_t **renewed, size_t *renewed_len)
{
    char ca[300], key[300];
    snprintf(ca, sizeof ca, "%s/ca.crt", dir);
    snprintf(key, sizeof key, "%s/ca.key", dir);
    return !pki_renew(ca, key, node, certificate, len, renewed, renewed_len, &e);
}

static int gone;
static bool gone_watched;
static struct later gone_turn;

static void stop_loop(void *arg)
{
    loop_stop(loop);
}

static void on_node_gone(void *owner, const char *node)
{
    gone++;
    if (gone_watched && gone == 1)
        later_call(&gone_turn, loop, stop_loop, NULL);
}

static void start_link(const char *ca_dir, uint64_t epoch)
{
    struct node_link_ops ops = quiet_nodes;
    ops.allowed = allowed;
    ops.believed = believed;
    ops.on_contested = on_contested;
    ops.on_expires = on_expires;
    ops.on_session = on_session;
    ops.on_cleanups = on_cleanups;
    ops.on_node_gone = on_node_gone;
    char ca[300], cert[300], key[300];
    snprintf(ca, sizeof ca, "%s/ca.crt", ca_dir);
    snprintf(cert, sizeof cert, "%s/controller.crt", ca_dir);
    snprintf(key, sizeof key, "%s/controller.key", ca_dir);
    struct node_link_conf conf = {
        .url = url, .ca_file = ca, .cert_file = cert, .key_file = key, .cluster = "test", .lease_ms = 60000};
    CHECK(!node_link_new(&link_, loop, &conf, &ops, NULL, &e));
    CHECK(!node_link_start(link_, epoch, &e));
}

/* --- a peer --- */

struct peer {
    struct msglink_client *client;
    struct node_message answer;
    int code;
};

static void on_reply(void *arg, int code, const uint8_t *bytes, size_t len)
{
    struct peer *p = arg;
    p->code = code;
    if (!code && node_message_unpack(bytes, len, &p->answer, &e))
        p->code = ERR_PROTOCOL;
    loop_stop(loop);
}

/* Connects with the certificate NAME of a folder. */
static void peer_open(struct peer *p, const char *from, const char *name)
{
    char ca[300], cert[300], key[300];
    *p = (struct peer){0};
    snprintf(ca, sizeof ca, "%s/ca.crt", dir);
    snprintf(cert, sizeof cert, "%s/%s.crt", from, name);
    snprintf(key, sizeof key, "%s/%s.key", from, name);
    struct msglink_tls tls = {ca, cert, key, PKI_CONTROLLER_NAME};
    CHECK(!msglink_client_new(&p->client, loop, url, &tls, on_reply, p, &e));
}

static void peer_close(struct peer *p)
{
    if (!p->code)
        node_message_fini(&p->answer);
    msglink_client_free(p->client);
}

static void ask_bytes(struct peer *p, const uint8_t *bytes, size_t len, uint64_t ms)
{
    msglink_request(p->client, bytes, len, ms);
    loop_run(loop);
}

static void ask(struct peer *p, struct node_message *m)
{
    uint8_t *bytes;
    size_t len;
    CHECK(!node_message_pack(m, &bytes, &len, NULL, &e));
    ask_bytes(p, bytes, len, ANSWER_MS);
    free(bytes);
}

static struct pki_identity *identity(const char *from, const char *name)
{
    struct pki_identity *out;
    char cert[300], key[300];
    snprintf(cert, sizeof cert, "%s/%s.crt", from, name);
    snprintf(key, sizeof key, "%s/%s.key", from, name);
    CHECK(!pki_identity_load(&out, cert, key, &e));
    return out;
}

static void say_hello(struct peer *p, const char *name, const struct pki_identity *of, uint64_t highest_epoch)
{
    struct node_message m = {.kind = NODE_HELLO};
    snprintf(m.hello.name, sizeof m.hello.name, "%s", name);
    m.hello.certificate = (uint8_t *)(uintptr_t)pki_identity_cert(of, &m.hello.certificate_len);
    m.hello.highest_epoch = highest_epoch;
    ask(p, &m);
}

static const char *said_version = "";

/* The packed answer to a challenge, signed by this key; the caller frees it. */
static uint8_t *proof_for(const struct node_message *challenge, const char *name,
                          const struct pki_identity *by, size_t *len)
{
    struct node_inventory inventory = {.facts = {.capacity = {1, 1, 1, 1}}};
    struct node_message m = {.kind = NODE_PROOF, .session = challenge->session};
    uint8_t signature[PKI_SIGNATURE_MAX], *out;
    size_t said_len;
    snprintf(inventory.facts.name, sizeof inventory.facts.name, "%s", name);
    snprintf(inventory.facts.boot_id, sizeof inventory.facts.boot_id, "01234567-89ab-cdef-0123-456789abcdef");
    snprintf(inventory.facts.agent_version, sizeof inventory.facts.agent_version, "%s", said_version);
    CHECK(!node_inventory_pack(&inventory, &m.proof.inventory, &m.proof.inventory_len, NULL, &e));
    uint8_t *said = node_proof_bytes(&challenge->session, challenge->nonce, name, m.proof.inventory,
                                     m.proof.inventory_len, &said_len);
    CHECK(!pki_sign(by, said, said_len, signature, &m.proof.signature_len, &e));
    m.proof.signature = signature;
    CHECK(!node_message_pack(&m, &out, len, NULL, &e));
    free(said);
    free(m.proof.inventory);
    return out;
}

static bool refused(const struct peer *p, enum node_refusal why)
{
    return !p->code && p->answer.kind == NODE_REFUSED && p->answer.refused.why == why;
}

/* --- what peers try --- */

/* A session id that a peer got to know works only over a connection with the same certificate. */
static void test_a_stolen_session(const struct node_session_id *session)
{
    struct node_message poll = {.kind = NODE_POLL, .session = *session};
    struct peer thief;
    peer_open(&thief, dir, "two");
    ask(&thief, &poll);
    CHECK(refused(&thief, NODE_REFUSED_STALE_SESSION));
    peer_close(&thief);
}

static void test_a_node_joins_and_its_proof_is_good_once(void)
{
    struct peer p, thief;
    struct pki_identity *one = identity(dir, "one");
    size_t len;
    peer_open(&p, dir, "one");
    say_hello(&p, "one", one, 0);
    CHECK(!p.code && p.answer.kind == NODE_CHALLENGE);
    uint8_t *proof = proof_for(&p.answer, "one", one, &len);
    ask_bytes(&p, proof, len, ANSWER_MS);
    CHECK(!p.code && p.answer.kind == NODE_WELCOME && p.answer.epoch == EPOCH);
    CHECK(sessions == 1 && !strcmp(joined, "one"));
    struct node_session_id session = p.answer.session;
    test_a_stolen_session(&session);
    /* A proof that a peer saw on the way is useless: it works neither again in its session, nor for another
     * challenge. */
    peer_open(&thief, dir, "two");
    ask_bytes(&thief, proof, len, ANSWER_MS);
    CHECK(refused(&thief, NODE_REFUSED_PROOF));
    peer_close(&thief);
    peer_open(&thief, dir, "one");
    say_hello(&thief, "one", one, 0);
    CHECK(!thief.code && thief.answer.kind == NODE_CHALLENGE);
    ask_bytes(&thief, proof, len, ANSWER_MS);
    CHECK(refused(&thief, NODE_REFUSED_PROOF) && sessions == 1);
    free(proof);
    peer_close(&thief);
    peer_close(&p);
    pki_identity_free(one);
}

static void test_a_stolen_certificate_without_its_key(void)
{
    struct peer p;
    struct pki_identity *one = identity(dir, "one"), *two = identity(dir, "two");
    size_t len;
    peer_open(&p, dir, "two");
    say_hello(&p, "one", one, 0); /* certificates are public, but a connection belongs to one */
    CHECK(refused(&p, NODE_REFUSED_CERTIFICATE));
    peer_close(&p);
    peer_open(&p, dir, "one");
    say_hello(&p, "one", one, 0);
    CHECK(!p.code && p.answer.kind == NODE_CHALLENGE);
    uint8_t *proof = proof_for(&p.answer, "one", two, &len);
    ask_bytes(&p, proof, len, ANSWER_MS);
    CHECK(refused(&p, NODE_REFUSED_PROOF) && sessions == 1);
    free(proof);
    peer_close(&p);
    pki_identity_free(one);
    pki_identity_free(two);
}

static void test_names_that_are_not_ones_own(void)
{
    struct peer p;
    struct pki_identity *two = identity(dir, "two"), *controller = identity(dir, "controller"),
                        *revoked = identity(dir, "revoked");
    peer_open(&p, dir, "two");
    say_hello(&p, "one", two, 0);
    CHECK(refused(&p, NODE_REFUSED_CERTIFICATE));
    say_hello(&p, "corral-controller", controller, 0);
    CHECK(refused(&p, NODE_REFUSED_CERTIFICATE));
    peer_close(&p);
    peer_open(&p, dir, "revoked");
    say_hello(&p, "revoked", revoked, 0);
    CHECK(p.code == ERR_NODE_TIMEOUT && strstr(msglink_client_why(p.client), "revoked"));
    CHECK(node_link_stats(link_).port.refused > 0);
    peer_close(&p);
    pki_identity_free(two);
    pki_identity_free(controller);
    pki_identity_free(revoked);
}

static void test_a_foreign_certificate_gets_no_connection(const char *foreign)
{
    struct peer p;
    struct pki_identity *theirs = identity(foreign, "one");
    struct node_message m = {.kind = NODE_HELLO};
    uint8_t *bytes;
    size_t len;
    snprintf(m.hello.name, sizeof m.hello.name, "one");
    m.hello.certificate = (uint8_t *)(uintptr_t)pki_identity_cert(theirs, &m.hello.certificate_len);
    CHECK(!node_message_pack(&m, &bytes, &len, NULL, &e));
    uint64_t before = node_link_stats(link_).messages_in;
    peer_open(&p, foreign, "one");
    ask_bytes(&p, bytes, len, 1500);
    CHECK(p.code == ERR_NODE_TIMEOUT && node_link_stats(link_).messages_in == before);
    peer_close(&p);
    /* Inside a connection of our own, their proof is no better. */
    peer_open(&p, dir, "two");
    say_hello(&p, "one", theirs, 0);
    CHECK(refused(&p, NODE_REFUSED_CERTIFICATE));
    peer_close(&p);
    free(bytes);
    pki_identity_free(theirs);
}

static void test_epochs_versions_and_sessions_that_are_over(void)
{
    struct peer p;
    struct pki_identity *two = identity(dir, "two");
    struct node_message poll = {.kind = NODE_POLL};
    peer_open(&p, dir, "two");
    say_hello(&p, "two", two, EPOCH + 1); /* it has heard of a later leader than us */
    CHECK(refused(&p, NODE_REFUSED_OLD_EPOCH));
    memset(&poll.session, 0xab, sizeof poll.session);
    ask(&p, &poll);
    CHECK(refused(&p, NODE_REFUSED_STALE_SESSION));
    peer_close(&p);
    pki_identity_free(two);
}

/* Sends what a node in a session may send; frees the answer before. */
static void say(struct peer *p, struct node_message *m, const struct node_session_id *session)
{
    if (!p->code)
        node_message_fini(&p->answer);
    m->session = *session;
    ask(p, m);
}

/* An order comes with each update until the node took it; its result is acknowledged by its number. */
static void test_an_order_to_clean_up_and_its_answer(void)
{
    struct peer p;
    struct pki_identity *two = identity(dir, "two");
    struct cleanup_order order = {.number = 4, .dry_run = true};
    struct cleanup_report report = {.number = 90, .asked = 4, .counts.found = {[CLEANUP_VOLUME] = 2}};
    struct node_message poll = {.kind = NODE_POLL}, said = {.kind = NODE_REPORT};
    size_t len;
    CHECK(!node_link_cleanup(link_, "two", &order)); /* it has no session */
    peer_open(&p, dir, "two");
    say_hello(&p, "two", two, 0);
    CHECK(!p.code && p.answer.kind == NODE_CHALLENGE);
    struct node_session_id session = p.answer.session;
    uint8_t *proof = proof_for(&p.answer, "two", two, &len);
    ask_bytes(&p, proof, len, ANSWER_MS);
    CHECK(!p.code && p.answer.kind == NODE_WELCOME);
    CHECK(node_link_cleanup(link_, "two", &order));
    for (int i = 0; i < 2; i++) { /* the acknowledgement is lost: the same order again */
        say(&p, &poll, &session);
        CHECK(!p.code && p.answer.kind == NODE_UPDATE);
        CHECK(p.answer.update.cleanup.number == 4 && p.answer.update.cleanup.dry_run);
    }
    poll.taken = p.answer.update.number;
    said.report.cleanups = &report;
    said.report.cleanup_count = 1;
    say(&p, &said, &session);
    CHECK(!p.code && p.answer.kind == NODE_REPORT_ACK);
    CHECK(cleaned.number == 90 && cleaned.asked == 4 && cleaned.counts.found[CLEANUP_VOLUME] == 2);
    node_link_ack_cleanups(link_, "two", cleaned.number);
    say(&p, &poll, &session);
    CHECK(!p.code && p.answer.kind == NODE_UPDATE && p.answer.update.cleanups_acked == 90);
    CHECK(node_link_drop_stale(link_, false) == 0 && node_link_stats(link_).sessions > 0);
    free(proof);
    peer_close(&p);
    pki_identity_free(two);
}

/* Proves to be a node; the answer is a welcome or a refusal. Returns the session's id, if there is one. */
static struct node_session_id join(struct peer *p, const char *name, const char *version)
{
    struct pki_identity *of = identity(dir, name);
    size_t len;
    peer_open(p, dir, name);
    say_hello(p, name, of, 0);
    CHECK(!p->code && p->answer.kind == NODE_CHALLENGE);
    struct node_session_id session = p->answer.session;
    said_version = version;
    uint8_t *proof = proof_for(&p->answer, name, of, &len);
    said_version = "";
    ask_bytes(p, proof, len, ANSWER_MS);
    free(proof);
    pki_identity_free(of);
    return session;
}

/* A peer with the node's certificate and key may still be another node: the one that answers stays. */
static void test_who_is_here_and_answers_stays(void)
{
    struct node_message poll = {.kind = NODE_POLL};
    struct peer p, other;
    int before = sessions;
    struct node_session_id session = join(&p, "three", "");
    CHECK(!p.code && p.answer.kind == NODE_WELCOME && sessions == before + 1);
    for (int i = 1; i <= 2; i++) {
        (void)join(&other, "three", "");
        CHECK(refused(&other, NODE_REFUSED_NOT_NOW) && contested == i && sessions == before + 1);
        peer_close(&other);
    }
    poll.session = session;
    node_link_ack_cleanups(link_, "three", 5); /* so that there is an update */
    say(&p, &poll, &session);
    CHECK(!p.code && p.answer.kind == NODE_UPDATE);
    peer_close(&p);
    do { /* its connection ends a moment later */
        (void)join(&other, "three", "");
        CHECK(other.answer.kind == NODE_WELCOME || refused(&other, NODE_REFUSED_NOT_NOW));
        peer_close(&other);
    } while (sessions == before + 1);
}

static void test_who_is_not_believed_comes_again(void)
{
    struct peer p;
    int before = sessions;
    (void)join(&p, "four", "not believed");
    CHECK(refused(&p, NODE_REFUSED_NOT_NOW) && sessions == before);
    peer_close(&p);
    (void)join(&p, "four", "");
    CHECK(!p.code && p.answer.kind == NODE_WELCOME && sessions == before + 1);
    peer_close(&p);
}

static void test_who_is_expelled_has_no_connection(void)
{
    struct node_message poll = {.kind = NODE_POLL};
    struct peer p;
    struct node_session_id session = join(&p, "five", "");
    CHECK(!p.code && p.answer.kind == NODE_WELCOME);
    int before = gone;
    node_link_expel(link_, "five");
    CHECK(gone == before + 1);
    say(&p, &poll, &session); /* over a new connection */
    CHECK(refused(&p, NODE_REFUSED_STALE_SESSION));
    peer_close(&p);
}

/* A certificate that ends within a month is renewed with the first update. */
static void test_a_certificate_is_renewed(void)
{
    char cert[300], key[300], ca[300];
    int64_t ends_s, renewed_s;
    struct node_message poll = {.kind = NODE_POLL};
    struct peer p;
    const struct node_update *update = &p.answer.update;
    snprintf(ca, sizeof ca, "%s/ca.crt", dir);
    snprintf(cert, sizeof cert, "%s/short.crt", dir);
    snprintf(key, sizeof key, "%s/short.key", dir);
    CHECK(!pki_issue(dir, "short", PKI_RENEW_DAYS - 1, dir, &e) && !pki_ends_s(cert, &ends_s, &e));
    struct node_session_id session = join(&p, "short", "");
    CHECK(!p.code && p.answer.kind == NODE_WELCOME);
    say(&p, &poll, &session);
    CHECK(!p.code && p.answer.kind == NODE_UPDATE && p.answer.update.certificate_len);
    CHECK(!pki_replace(cert, key, ca, "short", update->certificate, update->certificate_len, &e));
    CHECK(!pki_ends_s(cert, &renewed_s, &e) && renewed_s - ends_s > (int64_t)(PKI_NODE_DAYS - 60) * 86400);
    /* The same certificate again is not later, and none is accepted for another name. */
    CHECK(pki_replace(cert, key, ca, "short", update->certificate, update->certificate_len, &e));
    snprintf(cert, sizeof cert, "%s/one.crt", dir);
    snprintf(key, sizeof key, "%s/one.key", dir);
    CHECK(pki_replace(cert, key, ca, "one", update->certificate, update->certificate_len, &e));
    peer_close(&p);
    (void)join(&p, "short", "");
    CHECK(!p.code && (p.answer.kind == NODE_WELCOME || refused(&p, NODE_REFUSED_NOT_NOW)));
    peer_close(&p);
}

/* --- one of our nodes, whose facts change --- */

struct node_peer {
    struct uplink *uplink;
    struct timer change;
    int hellos;
    bool told; /* the test checks its settings */
};

static void change(void *arg)
{
    const struct node_peer *node = arg;
    uplink_renew(node->uplink);
}

/* The first hello says unhealthy; right after it the node is healthy. */
static void fill_hello(void *owner, struct node_facts *facts, struct sandbox_status **inventory,
                       size_t *count)
{
    struct node_peer *node = owner;
    *inventory = NULL;
    *count = 0;
    snprintf(facts->boot_id, sizeof facts->boot_id, "01234567-89ab-cdef-0123-456789abcdef");
    facts->capacity = (struct node_resources){1, 1, 1, 1};
    if (++node->hellos > 1)
        return;
    snprintf(facts->unhealthy, sizeof facts->unhealthy, "Docker is not met yet");
    timer_start(&node->change, loop, 0, change, node);
}

/* The first welcome has no settings; then they change. */
static void on_told(const struct uplink_welcome *welcome)
{
    struct string_list settings = {0};
    string_list_add(&settings, "colour=red");
    if (!welcome->settings->count)
        node_link_set_settings(link_, &settings);
    else if (!strcmp(welcome->settings->item[0], settings.item[0]))
        loop_stop(loop);
    node_link_set_settings(link_, &settings); /* the same settings again are no change */
    string_list_fini(&settings);
}

static void on_welcome(void *owner, const struct uplink_welcome *welcome)
{
    const struct node_peer *node = owner;
    if (node->told)
        on_told(welcome);
    else if (!joined_unhealthy[0])
        loop_stop(loop);
}

static void on_desired_states(void *owner, const struct desired_state *desired_states, size_t count)
{
}

static void on_acked(void *owner, const struct status_ack *acks, size_t count)
{
}

static void on_committed(void *owner, uint64_t violations, uint64_t samples)
{
}

static void on_cleanup(void *owner, const struct cleanup_order *order)
{
}

static void on_lost(void *owner, const char *why)
{
}

static void on_certificate(void *owner, const uint8_t *der, size_t len)
{
}

static const struct uplink_ops node_ops = {.fill_hello = fill_hello,
                                           .on_welcome = on_welcome,
                                           .on_desired_states = on_desired_states,
                                           .on_acked = on_acked,
                                           .on_committed = on_committed,
                                           .on_cleanup = on_cleanup,
                                           .on_certificate = on_certificate,
                                           .on_lost = on_lost};

/* Runs until the loop is stopped; returns whether that happened in time. */
static bool run_node(struct node_peer *node, const char *name)
{
    char ca[300], cert[300], key[300];
    struct string_list urls = {0};
    struct timer timer = {0};
    snprintf(ca, sizeof ca, "%s/ca.crt", dir);
    snprintf(cert, sizeof cert, "%s/%s.crt", dir, name);
    snprintf(key, sizeof key, "%s/%s.key", dir, name);
    string_list_add(&urls, url);
    struct uplink_conf conf = {.node = name,
                               .urls = &urls,
                               .ca_file = ca,
                               .cert_file = cert,
                               .key_file = key,
                               .outbox = outbox_new(1)};
    CHECK(!uplink_new(&node->uplink, loop, &conf, &node_ops, node, &e));
    timer_start(&timer, loop, 2 * ANSWER_MS, stop_loop, NULL);
    uplink_start(node->uplink);
    loop_run(loop);
    bool in_time = timer_armed(&timer);
    timer_stop(&timer);
    uplink_free(node->uplink);
    outbox_free(conf.outbox);
    string_list_fini(&urls);
    return in_time;
}

/* Between the proof and the welcome: the facts that the controller got are already old. */
static void test_facts_that_change_while_a_node_joins(void)
{
    struct node_peer node = {0};
    snprintf(joined_unhealthy, sizeof joined_unhealthy, "nobody has joined");
    CHECK(run_node(&node, "two") && node.hellos == 2 && !joined_unhealthy[0]);
}

/* A connected node hears of new settings, and its sandboxes are not taken for lost meanwhile. */
static void test_settings_that_change(void)
{
    struct string_list none = {0};
    struct node_peer node = {.hellos = 1, .told = true};
    int gone_before = gone, contested_before = contested;
    CHECK(run_node(&node, "three") && node.hellos == 3);
    CHECK(gone == gone_before && contested == contested_before);
    node_link_set_settings(link_, &none);
}

/* --- peers that break off --- */

/* Sends again and again what is larger than a message may be. In a process of its own, since nng's client may
 * hang. */
static int send_too_much(void)
{
    struct peer p;
    uint8_t *large = mem_zalloc(MSGLINK_MAX + 4096);
    loop = loop_new();
    peer_open(&p, dir, "two");
    msglink_request(p.client, large, MSGLINK_MAX + 4096, 60000);
    loop_run(loop);
    return 0;
}

static pid_t start_sender(char *program)
{
    char folder[300], word[] = "too-much";
    char *argv[] = {program, folder, word, url, NULL};
    pid_t pid;
    snprintf(folder, sizeof folder, "%s", dir);
    CHECK(!posix_spawn(&pid, program, NULL, NULL, argv, environ));
    return pid;
}

/* Past the largest message the connection ends, and only this one. */
static void test_a_message_that_is_too_large(char *program)
{
    struct timer timer = {0};
    struct peer p;
    struct pki_identity *two = identity(dir, "two");
    uint64_t before = node_link_stats(link_).messages_in;
    pid_t pid = start_sender(program);
    timer_start(&timer, loop, 1500, stop_loop, NULL);
    loop_run(loop);
    CHECK(node_link_stats(link_).messages_in == before);
    peer_open(&p, dir, "two");
    say_hello(&p, "two", two, 0);
    CHECK(!p.code && p.answer.kind == NODE_CHALLENGE);
    kill(pid, SIGKILL);
    CHECK(waitpid(pid, NULL, 0) == pid);
    peer_close(&p);
    pki_identity_free(two);
}

/* The peer dies while it connects, at many different moments: the port stays open, or is opened again. */
static void test_peers_that_go_while_they_connect(char *program)
{
    struct pki_identity *two = identity(dir, "two");
    struct timer timer = {0};
    struct peer p;
    for (int i = 0; i < GOERS; i++) {
        pid_t pid = start_sender(program);
        timer_start(&timer, loop, 12 + (uint64_t)i * 7 % 41, stop_loop, NULL);
        loop_run(loop);
        CHECK(!kill(pid, SIGKILL));
        CHECK(waitpid(pid, NULL, 0) == pid);
    }
    int tries = 0;
    do {
        peer_open(&p, dir, "two");
        say_hello(&p, "two", two, 0);
        CHECK(p.code || p.answer.kind == NODE_CHALLENGE);
        peer_close(&p);
    } while (p.code && ++tries < 6);
    CHECK(!p.code);
    pki_identity_free(two);
}

static void test_bytes_that_are_no_message(void)
{
    struct peer p;
    uint8_t noise[64];
    pki_random(noise, sizeof noise);
    noise[0] = 0xff;
    peer_open(&p, dir, "two");
    ask_bytes(&p, noise, sizeof noise, ANSWER_MS);
    CHECK(refused(&p, NODE_REFUSED_MALFORMED));
    peer_close(&p);
    struct pki_identity *two = identity(dir, "two");
    peer_open(&p, dir, "two");
    say_hello(&p, "two", two, 0);
    CHECK(!p.code && p.answer.kind == NODE_CHALLENGE);
    peer_close(&p);
    pki_identity_free(two);
}

/* A rack that falls silent is found in one turn of the loop, not node by node. */
static void test_many_nodes_that_go_at_once(void)
{
    char name[RACK][16];
    size_t len;
    for (int i = 0; i < RACK; i++) {
        struct peer p;
        snprintf(name[i], sizeof name[i], "rack-%d", i);
        CHECK(!pki_issue(dir, name[i], PKI_NODE_DAYS, dir, &e));
        struct pki_identity *own = identity(dir, name[i]);
        peer_open(&p, dir, name[i]);
        say_hello(&p, name[i], own, 0);
        CHECK(!p.code && p.answer.kind == NODE_CHALLENGE);
        uint8_t *proof = proof_for(&p.answer, name[i], own, &len);
        ask_bytes(&p, proof, len, ANSWER_MS);
        CHECK(!p.code && p.answer.kind == NODE_WELCOME);
        free(proof);
        peer_close(&p);
        pki_identity_free(own);
    }
    for (int i = 0; i < RACK; i++)
        node_link_forget(link_, name[i]);
    gone = 0;
    gone_watched = true;
    loop_run(loop);
    CHECK(gone >= RACK); /* sessions of the other tests may be among them */
}

int main(int argc, char **argv)
{
    static const char *const names[] = {"one", "two", "three", "four", "five", "revoked"};
    char foreign[300];
    if (argc < 2)
        return 2;
    dir = argv[1];
    if (argc == 4) {
        snprintf(url, sizeof url, "%s", argv[3]);
        return send_too_much();
    }
    uint16_t random;
    pki_random(&random, sizeof random);
    snprintf(url, sizeof url, "tls+tcp://127.0.0.1:%u", 20000u + random % 20000u);
    snprintf(foreign, sizeof foreign, "%s/foreign", dir);
    CHECK(!pki_init(dir, NULL, &e) && !pki_init(foreign, NULL, &e) &&
          !pki_issue(foreign, "one", PKI_NODE_DAYS, foreign, &e));
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        CHECK(!pki_issue(dir, names[i], PKI_NODE_DAYS, dir, &e));
    loop = loop_new();
    start_link(dir, EPOCH);
    test_a_node_joins_and_its_proof_is_good_once();
    test_a_stolen_certificate_without_its_key();
    test_names_that_are_not_ones_own();
    test_a_foreign_certificate_gets_no_connection(foreign);
    test_epochs_versions_and_sessions_that_are_over();
    test_bytes_that_are_no_message();
    test_an_order_to_clean_up_and_its_answer();
    test_who_is_here_and_answers_stays();
    test_who_is_not_believed_comes_again();
    test_who_is_expelled_has_no_connection();
    test_a_certificate_is_renewed();
    test_a_message_that_is_too_large(argv[0]);
    test_peers_that_go_while_they_connect(argv[0]);
    test_facts_that_change_while_a_node_joins();
    test_settings_that_change();
    test_many_nodes_that_go_at_once();
    node_link_free(link_);
    loop_free(loop);
    return 0;
}
