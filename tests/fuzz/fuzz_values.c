/*
 * A node that lies: inventories and reports whose encoding is valid and whose values are anything go into the
 * controller's core. The input chooses each field of each message: absent, small, an extreme, or any number.
 * What must hold: accepted values keep their bounds, sums stay sums, and the sandboxes of an honest node are
 * left alone.
 */
#include "tests/fuzz/target.h"

#include "controller/core/cluster_state.h"
#include "controller/core/stats.h"
#include "proto/envelope.pb-c.h"
#include "proto/node_codec.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SANDBOXES  6 /* the first half on the liar, the rest on the honest node */
#define ITEMS_MAX  4
#define ROUNDS_MAX 16

struct input {
    const uint8_t *at, *end;
};

static uint8_t take(struct input *in)
{
    return in->at < in->end ? *in->at++ : 0;
}

static uint64_t take_number(struct input *in)
{
    static const uint64_t extremes[] = {UINT64_MAX,     INT64_MAX,        (uint64_t)INT64_MAX + 1,
                                        UINT32_MAX,     INT32_MAX,        NODE_NUMBER_MAX,
                                        NODE_BYTES_MAX, NODE_LIFE_MAX_MS, NODE_COUNTER_MAX};
    uint8_t kind = take(in);
    uint64_t number = 0;
    if (kind < 96)
        return kind % 8;
    if (kind < 192)
        return extremes[kind % ARRAY_LEN(extremes)] + (kind & 64 ? 1 : 0);
    for (int i = 0; i < 8; i++)
        number = number << 8 | take(in);
    return number;
}

static struct sandbox_id id_of(unsigned i)
{
    return sandbox_id_make(1, (uint8_t[10]){(uint8_t)i});
}

/* --- a random message, built from its descriptor --- */

static ProtobufCMessage *any_message(struct input *in, const ProtobufCMessageDescriptor *descriptor);

static char *any_text(struct input *in, const char *field)
{
    uint8_t kind = take(in);
    if (!strcmp(field, "id") && kind < 240)
        return strdup(id_of(kind % SANDBOXES).text);
    if (!strcmp(field, "name") && kind < 240)
        return strdup("liar");
    size_t len = kind % 64;
    char *text = calloc(len + 1, 1);
    for (size_t i = 0; i < len; i++)
        text[i] = (char)(take(in) | 1);
    return text;
}

static void any_field(struct input *in, const ProtobufCFieldDescriptor *field, void *at)
{
    uint64_t number;
    switch (field->type) {
    case PROTOBUF_C_TYPE_MESSAGE:
        *(ProtobufCMessage **)at = any_message(in, field->descriptor);
        break;
    case PROTOBUF_C_TYPE_STRING:
        *(char **)at = any_text(in, field->name);
        break;
    case PROTOBUF_C_TYPE_BYTES:
        break;
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_SINT64:
        number = take_number(in);
        memcpy(at, &number, sizeof(uint64_t));
        break;
    case PROTOBUF_C_TYPE_BOOL:
        *(protobuf_c_boolean *)at = take(in) & 1;
        break;
    default:
        number = take_number(in);
        memcpy(at, &number, sizeof(uint32_t));
    }
}

static size_t size_of(const ProtobufCFieldDescriptor *field)
{
    return field->type == PROTOBUF_C_TYPE_MESSAGE || field->type == PROTOBUF_C_TYPE_STRING ? sizeof(void *)
                                                                                           : 8;
}

static ProtobufCMessage *any_message(struct input *in, const ProtobufCMessageDescriptor *descriptor)
{
    ProtobufCMessage *message = calloc(1, descriptor->sizeof_message);
    protobuf_c_message_init(descriptor, message);
    for (unsigned i = 0; i < descriptor->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &descriptor->fields[i];
        char *at = (char *)message + field->offset;
        if (field->label != PROTOBUF_C_LABEL_REPEATED) {
            if (take(in) % 8) /* one in eight is absent */
                any_field(in, field, at);
            continue;
        }
        size_t count = take(in) % (ITEMS_MAX + 1);
        char *items = calloc(count + 1, size_of(field));
        for (size_t n = 0; n < count; n++)
            any_field(in, field, items + n * size_of(field));
        *(void **)at = items;
        *(size_t *)((char *)message + field->quantifier_offset) = count;
    }
    return message;
}

static uint8_t *bytes_of(ProtobufCMessage *message, size_t *len)
{
    uint8_t *bytes = malloc(protobuf_c_message_get_packed_size(message) + 1);
    *len = protobuf_c_message_pack(message, bytes);
    return bytes;
}

/* --- what must hold --- */

static void must(bool holds)
{
    if (!holds)
        abort();
}

static void carry_out(struct cluster_state *cluster, uint64_t now, struct cluster_state_effects *effects)
{
    for (size_t i = 0; i < effects->count; i++) {
        struct cluster_state_effect e = effects->item[i];
        if (e.kind == CLUSTER_PERSIST) {
            must(!strcmp(e.node, "liar"));
            must(e.move.status.started_ago_ms <= NODE_LIFE_MAX_MS + now &&
                 e.move.status.ended_ago_ms <= NODE_LIFE_MAX_MS + now);
            must(e.move.status.enforced <= ENFORCE_ALL);
            cluster_state_persisted(cluster, now, &e.id, true, e.move.to, effects);
        } else if (e.kind == CLUSTER_DESIRED && !strcmp(e.node, "honest")) {
            must(e.desired.state != DESIRED_GONE);
        }
    }
    cluster_state_effects_clear(effects);
}

static void look(struct stats *stats, const struct node_report *report, uint64_t now)
{
    char json[STATS_JSON_MAX];
    for (size_t i = 0; i < report->sample_count; i++) {
        stats_take(stats, now, &report->samples[i]);
        stats_json(&report->samples[i], false, (uint64_t)1 << 41, json);
        stats_figures_json(&report->samples[i], json);
    }
}

static void add_use(void *arg, const struct sample *s)
{
    stats_add_use(arg, s);
}

static void sums_hold(const struct stats *stats)
{
    struct node_resources used = {0};
    for (int i = 0; i < 64; i++)
        stats_each(stats, add_use, &used);
    must(used.memory_bytes <= STATS_SUM_MAX && used.cpu_millis <= STATS_SUM_MAX &&
         used.storage_bytes <= STATS_SUM_MAX);
}

/* --- the world: two nodes, some sandboxes on each --- */

struct world {
    struct cluster_state *cluster;
    struct stats *stats;
    struct cluster_state_effects effects;
    uint64_t now;
};

static void honest_session(struct world *w)
{
    struct node_facts facts = {
        .name = "honest", .capacity = {1 << 30, 1000, 1 << 30, 10}, .enforces = ENFORCE_ALL};
    struct sandbox_status inventory[SANDBOXES];
    size_t n = 0;
    for (unsigned i = SANDBOXES / 2; i < SANDBOXES; i++)
        inventory[n++] = (struct sandbox_status){
            .id = id_of(i), .generation = 1, .number = 1, .state = SANDBOX_RUNNING, .ran = true};
    cluster_state_session(w->cluster, w->now, &facts, inventory, n, &w->effects);
    cluster_state_effects_clear(&w->effects);
}

static void begin(struct world *w)
{
    *w = (struct world){.cluster = cluster_state_new(10000), .stats = stats_new(), .now = 1000000};
    for (unsigned i = 0; i < SANDBOXES; i++) {
        struct sandbox_row row = {.desired.id = id_of(i),
                                  .user = "u",
                                  .node = i < SANDBOXES / 2 ? "liar" : "honest",
                                  .desired.generation = 1,
                                  .state = SANDBOX_RUNNING,
                                  .desired.remaining_ms = 3600000,
                                  .desired.limits = {1 << 20, 100, 100, 1 << 20, 10, 10}};
        cluster_state_load(w->cluster, w->now, &row);
    }
    honest_session(w);
}

static void end(struct world *w)
{
    cluster_state_effects_fini(&w->effects);
    cluster_state_free(w->cluster);
    stats_free(w->stats);
}

static void lie_inventory(struct world *w, struct input *in)
{
    struct node_inventory inventory;
    struct node_faults faults;
    struct err e;
    size_t len;
    ProtobufCMessage *message = any_message(in, &corral__inventory__descriptor);
    uint8_t *bytes = bytes_of(message, &len), *again;
    protobuf_c_message_free_unpacked(message, NULL);
    if (!node_inventory_unpack(bytes, len, &inventory, &e)) {
        must(!node_inventory_pack(&inventory, &again, &len, &faults, &e) && !faults.count);
        free(again);
        snprintf(inventory.facts.name, sizeof inventory.facts.name, "liar");
        cluster_state_session(w->cluster, w->now, &inventory.facts, inventory.statuses,
                              inventory.status_count, &w->effects);
        carry_out(w->cluster, w->now, &w->effects);
        node_inventory_fini(&inventory);
    }
    free(bytes);
}

static void lie_report(struct world *w, struct input *in)
{
    Corral__Envelope envelope = CORRAL__ENVELOPE__INIT;
    uint8_t session[NODE_SESSION_LEN] = {0};
    struct node_message m;
    struct node_faults faults;
    struct err e;
    size_t len;
    envelope.version = NODE_PROTOCOL_VERSION;
    envelope.session = (ProtobufCBinaryData){sizeof session, session};
    envelope.payload_case = CORRAL__ENVELOPE__PAYLOAD_REPORT;
    envelope.report = (Corral__Report *)any_message(in, &corral__report__descriptor);
    uint8_t *bytes = bytes_of(&envelope.base, &len), *again;
    protobuf_c_message_free_unpacked(&envelope.report->base, NULL);
    if (!node_message_unpack(bytes, len, &m, &e)) {
        must(!node_message_pack(&m, &again, &len, &faults, &e) && !faults.count);
        free(again);
        look(w->stats, &m.report, w->now);
        for (size_t i = 0; i < m.report.status_count; i++)
            cluster_state_status(w->cluster, w->now, "liar", &m.report.statuses[i], &w->effects);
        carry_out(w->cluster, w->now, &w->effects);
        node_message_fini(&m);
    }
    free(bytes);
}

static void place_one(struct world *w)
{
    struct place_request request = {.limits = {1 << 20, 10, 10, 1 << 20, 10, 10}};
    struct sandbox_id id = id_of(99);
    struct err e;
    if (cluster_state_place(w->cluster, &id, &request, &e))
        cluster_state_refused(w->cluster, &id);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct input in = {bytes, bytes + len};
    struct world w;
    begin(&w);
    for (int round = 0; round < ROUNDS_MAX && in.at < in.end; round++) {
        if (take(&in) & 1)
            lie_inventory(&w, &in);
        else
            lie_report(&w, &in);
        sums_hold(w.stats);
        place_one(&w);
        w.now += 1000;
        cluster_state_tick(w.cluster, w.now, &w.effects);
        carry_out(w.cluster, w.now, &w.effects);
    }
    for (unsigned i = SANDBOXES / 2; i < SANDBOXES; i++) {
        struct cluster_state_view view;
        struct sandbox_id id = id_of(i);
        must(cluster_state_find(w.cluster, &id, &view) && view.state == SANDBOX_RUNNING);
    }
    end(&w);
    return 0;
}
