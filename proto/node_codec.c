#include "proto/node_codec.h"

#include "common/base/mem.h"
#include "proto/envelope.pb-c.h"
#include "proto/node_fields.h"
#include "proto/node_image_parts.h"
#include "proto/node_parts.h"

#include <stdlib.h>
#include <string.h>

#define PART(arena, field, name)                                                                             \
    Corral__##name *field = pb_alloc(arena, 1, sizeof *field);                                               \
    *field = (Corral__##name)CORRAL__INIT_##name

#define CORRAL__INIT_Hello     CORRAL__HELLO__INIT
#define CORRAL__INIT_Challenge CORRAL__CHALLENGE__INIT
#define CORRAL__INIT_Proof     CORRAL__PROOF__INIT
#define CORRAL__INIT_Welcome   CORRAL__WELCOME__INIT
#define CORRAL__INIT_Report    CORRAL__REPORT__INIT
#define CORRAL__INIT_ReportAck CORRAL__REPORT_ACK__INIT
#define CORRAL__INIT_Poll      CORRAL__POLL__INIT
#define CORRAL__INIT_Update    CORRAL__UPDATE__INIT
#define CORRAL__INIT_Refused   CORRAL__REFUSED__INIT

#define COPY(name, most, also) out->name = in->name;
#define LOWER(bounds, plain)   ((void)bounds_lower(bounds, ARRAY_LEN(bounds), plain))

#define BOUND_OF struct node_report
static const struct field_bound report_bounds[] = {REPORT_FIELDS(BOUND_ROW)};
#undef BOUND_OF
#define BOUND_OF struct node_update
static const struct field_bound update_bounds[] = {UPDATE_FIELDS(BOUND_ROW)};
#undef BOUND_OF

typedef bool to_payload_fn(struct pb_arena *arena, const struct node_message *m, struct node_faults *faults,
                           Corral__Envelope *out);
typedef bool from_payload_fn(const Corral__Envelope *in, struct node_message *m);
typedef void fini_payload_fn(struct node_message *m);

/* Copies a bytes field of 1 to max bytes; false for other lengths. */
static bool from_bytes(const ProtobufCBinaryData *in, size_t max, uint8_t **out, size_t *len)
{
    if (!in->data || !in->len || in->len > max)
        return false;
    *out = mem_dup(in->data, in->len);
    *len = in->len;
    return true;
}

static bool to_hello(struct pb_arena *arena, const struct node_message *m, struct node_faults *faults,
                     Corral__Envelope *out)
{
    PART(arena, hello, Hello);
    out->hello = hello;
    hello->name = (char *)m->hello.name;
    hello->certificate.data = m->hello.certificate;
    hello->certificate.len = m->hello.certificate_len;
    hello->highest_epoch = m->hello.highest_epoch;
    return node_name_valid(m->hello.name) && m->hello.certificate_len <= NODE_CERTIFICATE_MAX;
}

static bool from_hello(const Corral__Envelope *in, struct node_message *m)
{
    m->hello.highest_epoch = in->hello->highest_epoch;
    return pb_text(m->hello.name, sizeof m->hello.name, in->hello->name) && node_name_valid(m->hello.name) &&
           from_bytes(&in->hello->certificate, NODE_CERTIFICATE_MAX, &m->hello.certificate,
                      &m->hello.certificate_len);
}

static void fini_hello(struct node_message *m)
{
    free(m->hello.certificate);
}

static bool to_challenge(struct pb_arena *arena, const struct node_message *m, struct node_faults *faults,
                         Corral__Envelope *out)
{
    PART(arena, challenge, Challenge);
    out->challenge = challenge;
    challenge->nonce.data = (uint8_t *)m->nonce;
    challenge->nonce.len = sizeof m->nonce;
    return true;
}

static bool from_challenge(const Corral__Envelope *in, struct node_message *m)
{
    if (!in->challenge->nonce.data || in->challenge->nonce.len != sizeof m->nonce)
        return false;
    memcpy(m->nonce, in->challenge->nonce.data, sizeof m->nonce);
    return true;
}

static bool to_proof(struct pb_arena *arena, const struct node_message *m, struct node_faults *faults,
                     Corral__Envelope *out)
{
    PART(arena, proof, Proof);
    out->proof = proof;
    proof->signature.data = m->proof.signature;
    proof->signature.len = m->proof.signature_len;
    proof->inventory.data = m->proof.inventory;
    proof->inventory.len = m->proof.inventory_len;
    return m->proof.signature_len <= NODE_SIGNATURE_MAX;
}

static bool from_proof(const Corral__Envelope *in, struct node_message *m)
{
    return from_bytes(&in->proof->signature, NODE_SIGNATURE_MAX, &m->proof.signature,
                      &m->proof.signature_len) &&
           from_bytes(&in->proof->inventory, NODE_MESSAGE_MAX, &m->proof.inventory, &m->proof.inventory_len);
}

static void fini_proof(struct node_message *m)
{
    free(m->proof.signature);
    free(m->proof.inventory);
}

static bool lease_fits(uint32_t lease_ms)
{
    return lease_ms >= NODE_LEASE_MIN_MS && lease_ms <= NODE_LEASE_MAX_MS;
}

static bool to_welcome(struct pb_arena *arena, const struct node_message *m, struct node_faults *faults,
                       Corral__Envelope *out)
{
    PART(arena, welcome, Welcome);
    out->welcome = welcome;
    welcome->lease_ms = m->welcome.lease_ms;
    welcome->settings = m->welcome.settings.item;
    welcome->n_settings = m->welcome.settings.count;
    welcome->streams = m->welcome.streams;
    welcome->images = m->welcome.images;
    welcome->process.data = (uint8_t *)m->welcome.process;
    welcome->process.len = sizeof m->welcome.process;
    return lease_fits(m->welcome.lease_ms) &&
           pb_list_check(m->welcome.settings.item, m->welcome.settings.count, NODE_LABELS_MAX,
                         NODE_LABEL_MAX);
}

static bool from_welcome(const Corral__Envelope *in, struct node_message *m)
{
    m->welcome.lease_ms = in->welcome->lease_ms;
    m->welcome.streams = in->welcome->streams;
    m->welcome.images = in->welcome->images;
    if (in->welcome->process.len == sizeof m->welcome.process)
        memcpy(m->welcome.process, in->welcome->process.data, sizeof m->welcome.process);
    else if (in->welcome->process.len)
        return false;
    return lease_fits(in->welcome->lease_ms) &&
           pb_list_copy(&m->welcome.settings, in->welcome->settings, in->welcome->n_settings, NODE_LABELS_MAX,
                        NODE_LABEL_MAX);
}

static void fini_welcome(struct node_message *m)
{
    string_list_fini(&m->welcome.settings);
}

static bool to_report(struct pb_arena *arena, const struct node_message *m, struct node_faults *faults,
                      Corral__Envelope *whole)
{
    struct node_report numbers = m->report;
    const struct node_report *in = &numbers;
    PART(arena, out, Report);
    whole->report = out;
    LOWER(report_bounds, &numbers);
    REPORT_FIELDS(COPY)
    out->left_out_why = pb_alloc(arena, 1, sizeof in->left_out_why);
    return in->status_count <= NODE_REPORT_MAX && in->sample_count <= NODE_REPORT_MAX &&
           in->violation_count <= NODE_REPORT_MAX && in->cleanup_count <= NODE_CLEANUPS_MAX &&
           pb_sentence(out->left_out_why, sizeof in->left_out_why, in->left_out_why) &&
           to_statuses(arena, in->statuses, in->status_count, faults, &out->statuses, &out->n_statuses) &&
           to_samples(arena, in->samples, in->sample_count, faults, &out->samples, &out->n_samples) &&
           to_violations(arena, in->violations, in->violation_count, faults, &out->violations,
                         &out->n_violations) &&
           to_cleanups(arena, in->cleanups, in->cleanup_count, faults, &out->cleanups, &out->n_cleanups) &&
           to_node_images(arena, &in->images, faults, &out->images);
}

static bool from_report(const Corral__Envelope *whole, struct node_message *m)
{
    const Corral__Report *in = whole->report;
    struct node_report *out = &m->report;
    REPORT_FIELDS(COPY)
    LOWER(report_bounds, out);
    return pb_sentence(out->left_out_why, sizeof out->left_out_why, in->left_out_why) &&
           from_statuses(in->statuses, in->n_statuses, NODE_REPORT_MAX, &m->faults, &out->statuses,
                         &out->status_count) &&
           from_samples(in->samples, in->n_samples, NODE_REPORT_MAX, &m->faults, &out->samples,
                        &out->sample_count) &&
           from_violations(in->violations, in->n_violations, NODE_REPORT_MAX, &m->faults, &out->violations,
                           &out->violation_count) &&
           from_cleanups(in->cleanups, in->n_cleanups, NODE_CLEANUPS_MAX, &m->faults, &out->cleanups,
                         &out->cleanup_count) &&
           from_node_images(in->images, &m->faults, &out->images);
}

static void fini_report(struct node_message *m)
{
    free(m->report.statuses);
    free(m->report.samples);
    free(m->report.violations);
    free(m->report.cleanups);
    node_images_fini(&m->report.images);
}

static bool to_report_ack(struct pb_arena *arena, const struct node_message *m, struct node_faults *faults,
                          Corral__Envelope *out)
{
    PART(arena, ack, ReportAck);
    out->report_ack = ack;
    return true;
}

static bool from_nothing(const Corral__Envelope *in, struct node_message *m)
{
    return true;
}

static bool to_poll(struct pb_arena *arena, const struct node_message *m, struct node_faults *faults,
                    Corral__Envelope *out)
{
    PART(arena, poll, Poll);
    out->poll = poll;
    poll->taken = m->taken;
    return true;
}

static bool from_poll(const Corral__Envelope *in, struct node_message *m)
{
    m->taken = in->poll->taken;
    return true;
}

static bool to_update(struct pb_arena *arena, const struct node_message *m, struct node_faults *faults,
                      Corral__Envelope *whole)
{
    const struct node_update *in = &m->update;
    PART(arena, out, Update);
    whole->update = out;
    UPDATE_FIELDS(COPY)
    to_cleanup_order(arena, &in->cleanup, &out->cleanup);
    out->certificate.data = in->certificate;
    out->certificate.len = in->certificate_len;
    return in->certificate_len <= NODE_CERTIFICATE_MAX && in->desired_count <= NODE_UPDATE_MAX &&
           in->ack_count <= NODE_UPDATE_MAX &&
           to_desired_states(arena, in->desired_states, in->desired_count, faults, &out->desired_states,
                             &out->n_desired_states) &&
           to_acks(arena, in->acks, in->ack_count, faults, &out->acks, &out->n_acks) &&
           to_image_orders(arena, &in->images, faults, &out->images) &&
           to_dense_order(arena, &in->dense, &out->dense) && in->login_count <= NODE_LOGINS_MAX &&
           to_logins(arena, in->logins, in->login_count, faults, &out->logins, &out->n_logins);
}

static bool from_update(const Corral__Envelope *whole, struct node_message *m)
{
    const Corral__Update *in = whole->update;
    struct node_update *out = &m->update;
    UPDATE_FIELDS(COPY)
    LOWER(update_bounds, out);
    from_cleanup_order(in->cleanup, &out->cleanup);
    return (!in->certificate.len ||
            from_bytes(&in->certificate, NODE_CERTIFICATE_MAX, &out->certificate, &out->certificate_len)) &&
           from_desired_states(in->desired_states, in->n_desired_states, NODE_UPDATE_MAX, &m->faults,
                               &out->desired_states, &out->desired_count) &&
           from_acks(in->acks, in->n_acks, NODE_UPDATE_MAX, &m->faults, &out->acks, &out->ack_count) &&
           from_image_orders(in->images, &m->faults, &out->images) &&
           from_dense_order(in->dense, &m->faults, &out->dense) &&
           from_logins(in->logins, in->n_logins, NODE_LOGINS_MAX, &m->faults, &out->logins,
                       &out->login_count);
}

static void fini_update(struct node_message *m)
{
    for (size_t i = 0; i < m->update.desired_count; i++)
        free((void *)m->update.desired_states[i].spec);
    free(m->update.desired_states);
    free(m->update.acks);
    free(m->update.certificate);
    image_orders_fini(&m->update.images);
    registry_logins_free(m->update.logins, m->update.login_count);
}

static bool to_refused(struct pb_arena *arena, const struct node_message *m, struct node_faults *faults,
                       Corral__Envelope *out)
{
    PART(arena, refused, Refused);
    out->refused = refused;
    refused->why = m->refused.why;
    refused->text = pb_alloc(arena, 1, sizeof m->refused.text);
    return (unsigned)m->refused.why < NODE_REFUSED_COUNT &&
           pb_sentence(refused->text, sizeof m->refused.text, m->refused.text);
}

static bool from_refused(const Corral__Envelope *in, struct node_message *m)
{
    m->refused.why = (enum node_refusal)in->refused->why;
    return in->refused->why < NODE_REFUSED_COUNT &&
           pb_sentence(m->refused.text, sizeof m->refused.text, in->refused->text);
}

static void fini_nothing(struct node_message *m)
{
}

static const struct {
    Corral__Envelope__PayloadCase pb;
    to_payload_fn *to;
    from_payload_fn *from;
    fini_payload_fn *fini;
} payloads[] = {
    [NODE_HELLO] = {CORRAL__ENVELOPE__PAYLOAD_HELLO, to_hello, from_hello, fini_hello},
    [NODE_CHALLENGE] = {CORRAL__ENVELOPE__PAYLOAD_CHALLENGE, to_challenge, from_challenge, fini_nothing},
    [NODE_PROOF] = {CORRAL__ENVELOPE__PAYLOAD_PROOF, to_proof, from_proof, fini_proof},
    [NODE_WELCOME] = {CORRAL__ENVELOPE__PAYLOAD_WELCOME, to_welcome, from_welcome, fini_welcome},
    [NODE_REPORT] = {CORRAL__ENVELOPE__PAYLOAD_REPORT, to_report, from_report, fini_report},
    [NODE_REPORT_ACK] = {CORRAL__ENVELOPE__PAYLOAD_REPORT_ACK, to_report_ack, from_nothing, fini_nothing},
    [NODE_POLL] = {CORRAL__ENVELOPE__PAYLOAD_POLL, to_poll, from_poll, fini_nothing},
    [NODE_UPDATE] = {CORRAL__ENVELOPE__PAYLOAD_UPDATE, to_update, from_update, fini_update},
    [NODE_REFUSED] = {CORRAL__ENVELOPE__PAYLOAD_REFUSED, to_refused, from_refused, fini_nothing},
};

int node_message_pack(const struct node_message *m, uint8_t **out, size_t *len, struct node_faults *faults,
                      struct err *err)
{
    struct pb_arena arena = {0};
    struct node_faults found = {0};
    Corral__Envelope pb = CORRAL__ENVELOPE__INIT;
    int rc;
    pb.version = NODE_PROTOCOL_VERSION;
    pb.cluster = (char *)m->cluster;
    pb.epoch = m->epoch;
    pb.session.data = (uint8_t *)m->session.byte;
    pb.session.len = sizeof m->session.byte;
    pb.request = m->request;
    pb.payload_case = payloads[m->kind].pb;
    if (payloads[m->kind].to(&arena, m, &found, &pb))
        rc = pb_pack(&pb.base, NODE_MESSAGE_MAX, out, len, err);
    else
        rc = err_set(err, ERR_INVALID, "a message to be sent breaks a bound");
    if (faults)
        *faults = found;
    pb_arena_fini(&arena);
    return rc;
}

static bool from_envelope(const Corral__Envelope *pb, struct node_message *m)
{
    if (!pb_text(m->cluster, sizeof m->cluster, pb->cluster) || !pb->session.data ||
        pb->session.len != sizeof m->session.byte)
        return false;
    memcpy(m->session.byte, pb->session.data, sizeof m->session.byte);
    m->epoch = pb->epoch;
    m->request = pb->request;
    for (size_t i = 0; i < ARRAY_LEN(payloads); i++) {
        if (payloads[i].pb != pb->payload_case)
            continue;
        m->kind = (enum node_message_kind)i;
        /* The members of a oneof share a pointer: one check tells whether any is set. */
        if (pb->hello && payloads[i].from(pb, m))
            return true;
        payloads[i].fini(m);
        return false;
    }
    return false;
}

int node_message_unpack(const uint8_t *bytes, size_t len, struct node_message *m, struct err *err)
{
    Corral__Envelope *pb =
        (Corral__Envelope *)pb_unpack(&corral__envelope__descriptor, bytes, len, NODE_MESSAGE_MAX);
    bool ok;
    memset(m, 0, sizeof *m);
    if (!pb)
        return err_set(err, ERR_PROTOCOL, "a message of %zu bytes does not parse", len);
    uint32_t version = pb->version;
    ok = version == NODE_PROTOCOL_VERSION && from_envelope(pb, m);
    corral__envelope__free_unpacked(pb, NULL);
    if (!ok)
        memset(m, 0, sizeof *m);
    m->version = version;
    if (version != NODE_PROTOCOL_VERSION)
        return err_set(err, ERR_PROTOCOL, "the peer speaks protocol %u; this one speaks %d", version,
                       NODE_PROTOCOL_VERSION);
    return ok ? 0
              : err_set(err, ERR_PROTOCOL,
                        "a message breaks a bound, or has a value that this version does not know");
}

void node_message_fini(struct node_message *m)
{
    payloads[m->kind].fini(m);
    memset(m, 0, sizeof *m);
}

int node_inventory_pack(const struct node_inventory *inventory, uint8_t **out, size_t *len,
                        struct node_faults *faults, struct err *err)
{
    struct pb_arena arena = {0};
    struct node_faults found = {0};
    Corral__Inventory pb = CORRAL__INVENTORY__INIT;
    int rc;
    if (inventory->status_count <= NODE_STATUSES_MAX &&
        to_facts(&arena, &inventory->facts, &found, &pb.facts) &&
        to_statuses(&arena, inventory->statuses, inventory->status_count, &found, &pb.statuses,
                    &pb.n_statuses))
        /* leaves room for the envelope around it */
        rc = pb_pack(&pb.base, NODE_MESSAGE_MAX - 4096, out, len, err);
    else
        rc = err_set(err, ERR_INVALID, "the inventory breaks a bound");
    if (faults)
        *faults = found;
    pb_arena_fini(&arena);
    return rc;
}

int node_inventory_unpack(const uint8_t *bytes, size_t len, struct node_inventory *inventory, struct err *err)
{
    Corral__Inventory *pb =
        (Corral__Inventory *)pb_unpack(&corral__inventory__descriptor, bytes, len, NODE_MESSAGE_MAX);
    memset(inventory, 0, sizeof *inventory);
    if (!pb)
        return err_set(err, ERR_PROTOCOL, "an inventory of %zu bytes does not parse", len);
    bool ok = pb->facts && from_facts(pb->facts, &inventory->faults, &inventory->facts) &&
              from_statuses(pb->statuses, pb->n_statuses, NODE_STATUSES_MAX, &inventory->faults,
                            &inventory->statuses, &inventory->status_count);
    corral__inventory__free_unpacked(pb, NULL);
    if (ok)
        return 0;
    node_inventory_fini(inventory);
    return err_set(err, ERR_PROTOCOL,
                   "an inventory breaks a bound, or has a value that this version does not know");
}

void node_inventory_fini(struct node_inventory *inventory)
{
    node_facts_fini(&inventory->facts);
    free(inventory->statuses);
    memset(inventory, 0, sizeof *inventory);
}
