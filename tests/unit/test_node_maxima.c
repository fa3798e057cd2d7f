/*
 * Every message is packed and read back at its bounds: with the most items, and each item as large, and as
 * small, as it may be. A kind of message without a row fails, and so does a field that no row fills.
 */
#include "proto/node_codec.h"

#include "common/base/mem.h"
#include "proto/envelope.pb-c.h"
#include "proto/node_fields.h"
#include "tests/lib/unit.h"

#include <limits.h>

typedef void fill_fn(struct node_message *m, bool large);

static struct sandbox_id id_of(size_t i)
{
    uint8_t random[10] = {(uint8_t)i, (uint8_t)(i >> 8)};
    return sandbox_id_make(1, random);
}

static void *bytes_of(size_t len)
{
    return memset(mem_zalloc(len), 0xab, len);
}

/* Fills a text array to its bound. */
#define FILL_TEXT(array) memset(array, 'x', sizeof(array) - 1)

/* Sets each number to its maximum. */
#define MOST(name, most, also) to->name = (__typeof__(to->name))(most);

static struct sample a_sample(size_t i, bool large)
{
    struct sample s = {.id = id_of(i)}, *to = &s;
    if (large) {
        SAMPLE_FIELDS(MOST)
    }
    return s;
}

static struct sandbox_status a_status(size_t i, bool large)
{
    struct sandbox_status status = {
        .id = id_of(i), .state = SANDBOX_STOPPED, .has_last = true, .last.id = id_of(i)};
    if (!large)
        return status;
    struct sandbox_status *to = &status;
    STATUS_FIELDS(MOST)
    status.exit_code = INT32_MIN;
    status.reason = (enum sandbox_reason)(SANDBOX_REASON_COUNT - 1);
    status.last = a_sample(i, true);
    for (unsigned step = 0; step < START_TIME_COUNT; step++) {
        if (start_time_by_node((enum start_time)step))
            start_times_add(&status.start, (enum start_time)step, START_TIME_MAX_MS);
    }
    FILL_TEXT(status.detail);
    return status;
}

/* --- a row for each kind --- */

static void hello(struct node_message *m, bool large)
{
    m->hello.certificate_len = large ? NODE_CERTIFICATE_MAX : 1;
    m->hello.certificate = bytes_of(m->hello.certificate_len);
    memset(m->hello.name, 'n', large ? NODE_NAME_MAX : 1);
    m->hello.highest_epoch = large ? UINT64_MAX : 0;
}

static void challenge(struct node_message *m, bool large)
{
    memset(m->nonce, large ? 0xff : 0, sizeof m->nonce);
}

static struct node_inventory an_inventory(bool large)
{
    struct node_inventory in = {.facts.name = "n"};
    in.status_count = NODE_STATUSES_MAX;
    in.statuses = mem_zalloc(in.status_count * sizeof *in.statuses);
    for (size_t i = 0; i < in.status_count; i++)
        in.statuses[i] = a_status(i, large);
    if (!large)
        return in;
    memset(in.facts.name, 'n', NODE_NAME_MAX);
    FILL_TEXT(in.facts.boot_id);
    FILL_TEXT(in.facts.state_id);
    FILL_TEXT(in.facts.agent_version);
    FILL_TEXT(in.facts.docker_version);
    FILL_TEXT(in.facts.docker_api_version);
    FILL_TEXT(in.facts.region);
    FILL_TEXT(in.facts.unhealthy);
    in.facts.pools = in.facts.images = in.facts.dense = true;
    struct node_resources *to = &in.facts.capacity;
    RESOURCE_FIELDS(MOST)
    in.facts.enforces = ENFORCE_ALL;
    char text[NODE_LABEL_MAX + 1] = "";
    FILL_TEXT(text);
    for (size_t i = 0; i < NODE_LABELS_MAX; i++) {
        string_list_add(&in.facts.labels, text);
        string_list_add(&in.facts.runtimes, text);
    }
    return in;
}

static void proof(struct node_message *m, bool large)
{
    struct node_inventory in = an_inventory(large);
    struct err e;
    m->proof.signature_len = large ? NODE_SIGNATURE_MAX : 1;
    m->proof.signature = bytes_of(m->proof.signature_len);
    assert_int_equal(node_inventory_pack(&in, &m->proof.inventory, &m->proof.inventory_len, NULL, &e), 0);
    node_inventory_fini(&in);
}

static void welcome(struct node_message *m, bool large)
{
    char text[NODE_LABEL_MAX + 1] = "";
    m->welcome.lease_ms = large ? NODE_LEASE_MAX_MS : NODE_LEASE_MIN_MS;
    m->welcome.streams = m->welcome.images = true;
    memset(m->welcome.process, large ? 0xff : 0, sizeof m->welcome.process);
    if (large)
        FILL_TEXT(text);
    for (size_t i = 0; i < NODE_LABELS_MAX; i++)
        string_list_add(&m->welcome.settings, text);
}

static struct node_image_layer a_layer(bool large)
{
    struct node_image_layer layer = {.id = "l"}, *to = &layer;
    if (!large)
        return layer;
    NODE_IMAGE_LAYER_FIELDS(MOST)
    FILL_TEXT(layer.id);
    layer.state = (enum node_layer_state)(NODE_LAYER_STATES - 1);
    return layer;
}

static struct node_image an_image(size_t layers, bool large)
{
    struct node_image image = {.ref = "r"}, *to = &image;
    image.pull_count = layers;
    image.pull = mem_zalloc(layers * sizeof *image.pull);
    for (size_t i = 0; i < layers; i++)
        image.pull[i] = a_layer(large);
    if (!large)
        return image;
    NODE_IMAGE_FIELDS(MOST)
    image.state = (enum node_image_state)(NODE_IMAGE_STATES - 1);
    FILL_TEXT(image.ref);
    FILL_TEXT(image.id);
    FILL_TEXT(image.digest);
    FILL_TEXT(image.problem);
    return image;
}

/* As many layers as a report may have, spread over its images. */
static void images_of_report(struct node_report *r, bool large)
{
    size_t each = NODE_IMAGE_LAYERS_MAX / NODE_IMAGE_PIECE_MAX;
    r->images.number = large ? UINT64_MAX : 1;
    r->images.first = r->images.last = large;
    r->images.count = NODE_IMAGE_PIECE_MAX;
    r->images.image = mem_zalloc(r->images.count * sizeof *r->images.image);
    for (size_t i = 0; i < r->images.count; i++)
        r->images.image[i] = an_image(each, large);
}

static void report(struct node_message *m, bool large)
{
    struct node_report *r = &m->report;
    r->status_count = r->sample_count = r->violation_count = NODE_REPORT_MAX;
    r->cleanup_count = NODE_CLEANUPS_MAX;
    r->statuses = mem_zalloc(r->status_count * sizeof *r->statuses);
    r->samples = mem_zalloc(r->sample_count * sizeof *r->samples);
    r->violations = mem_zalloc(r->violation_count * sizeof *r->violations);
    r->cleanups = mem_zalloc(r->cleanup_count * sizeof *r->cleanups);
    for (size_t i = 0; i < NODE_REPORT_MAX; i++) {
        r->statuses[i] = a_status(i, large);
        r->samples[i] = a_sample(i, large);
        r->violations[i].id = id_of(i);
        struct violation_report *to = &r->violations[i];
        if (large) {
            VIOLATION_FIELDS(MOST)
        }
    }
    for (size_t i = 0; i < NODE_CLEANUPS_MAX; i++) {
        struct cleanup_report *to = &r->cleanups[i];
        to->number = 1;
        if (large) {
            CLEANUP_REPORT_FIELDS(MOST)
        }
        for (int k = 0; large && k < CLEANUP_KIND_COUNT; k++)
            r->cleanups[i].counts.found[k] = r->cleanups[i].counts.removed[k] = CLEANUP_COUNT_MAX;
    }
    images_of_report(r, large);
    struct node_report *to = r;
    if (large) {
        REPORT_FIELDS(MOST)
        FILL_TEXT(r->left_out_why);
    }
}

static void nothing(struct node_message *m, bool large)
{
}

static void poll(struct node_message *m, bool large)
{
    m->taken = large ? UINT64_MAX : 0;
}

static struct desired_state a_desired_state(size_t i)
{
    struct desired_state desired = {.id = id_of(i), .state = DESIRED_PAUSED};
    {
        struct desired_state *to = &desired;
        DESIRED_STATE_FIELDS(MOST)
    }
    struct sandbox_limits *to = &desired.limits;
#define LIMIT(KIND, name, UNIT, ...) MOST(name, NODE_##UNIT##_MAX, 0)
#include "common/model/limit.def"
    desired.reason = (enum sandbox_reason)(SANDBOX_REASON_COUNT - 1);
    desired.spec_len = NODE_UPDATE_BYTES_MAX / NODE_UPDATE_MAX;
    desired.spec = bytes_of(desired.spec_len);
    assert_true(trace_parse("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", &desired.trace));
    return desired;
}

static struct registry_login *logins_of(bool large)
{
    struct registry_login *logins = mem_zalloc(NODE_LOGINS_MAX * sizeof *logins);
    for (size_t i = 0; i < NODE_LOGINS_MAX; i++) {
        strcpy(logins[i].registry, "r");
        if (large) {
            FILL_TEXT(logins[i].registry);
            FILL_TEXT(logins[i].username);
            FILL_TEXT(logins[i].password);
        }
    }
    return logins;
}

static void orders_of_update(struct node_update *n, bool large)
{
    struct image_orders *orders = &n->images;
    orders->number = large ? UINT64_MAX : 1;
    orders->first = orders->last = large;
    orders->count = NODE_IMAGE_PIECE_MAX;
    orders->order = mem_zalloc(orders->count * sizeof *orders->order);
    for (size_t i = 0; i < orders->count; i++) {
        struct image_order *to = &orders->order[i];
        strcpy(to->ref, "r");
        if (large) {
            IMAGE_ORDER_FIELDS(MOST)
            FILL_TEXT(to->ref);
            FILL_TEXT(to->digest);
        }
    }
    orders->logins = NODE_LOGINS_MAX;
    orders->login = logins_of(large);
    n->login_count = NODE_LOGINS_MAX;
    n->logins = logins_of(large);
}

static void update(struct node_message *m, bool large)
{
    struct node_update *n = &m->update;
    n->desired_count = n->ack_count = NODE_UPDATE_MAX;
    n->desired_states = mem_zalloc(n->desired_count * sizeof *n->desired_states);
    n->acks = mem_zalloc(n->ack_count * sizeof *n->acks);
    for (size_t i = 0; i < NODE_UPDATE_MAX; i++) {
        n->acks[i] = (struct status_ack){id_of(i), large ? NODE_NUMBER_MAX : 0};
        n->desired_states[i] =
            large ? a_desired_state(i)
                  : (struct desired_state){.id = id_of(i), .generation = 1, .state = DESIRED_GONE};
    }
    orders_of_update(n, large);
    struct node_update *to = n;
    if (!large)
        return;
    UPDATE_FIELDS(MOST)
    n->cleanup = (struct cleanup_order){NODE_NUMBER_MAX, true};
    n->dense = (struct dense_order){NODE_NUMBER_MAX, NODE_DENSE_FOR_MAX_MS, NODE_DENSE_MAX, {{{0}}}};
    for (size_t i = 0; i < NODE_DENSE_MAX; i++)
        n->dense.id[i] = id_of(i);
    n->certificate_len = NODE_CERTIFICATE_MAX;
    n->certificate = bytes_of(n->certificate_len);
}

static void refused(struct node_message *m, bool large)
{
    m->refused.why = (enum node_refusal)(large ? NODE_REFUSED_COUNT - 1 : 0);
    if (large)
        FILL_TEXT(m->refused.text);
}

static fill_fn *const rows[NODE_MESSAGE_KINDS] = {
    [NODE_HELLO] = hello,     [NODE_CHALLENGE] = challenge, [NODE_PROOF] = proof,
    [NODE_WELCOME] = welcome, [NODE_REPORT] = report,       [NODE_REPORT_ACK] = nothing,
    [NODE_POLL] = poll,       [NODE_UPDATE] = update,       [NODE_REFUSED] = refused,
};

/* --- a row fills every field of its message --- */

static bool is_zero(const void *at, size_t size)
{
    static const char zero[16];
    return !memcmp(at, zero, size);
}

static size_t size_of(ProtobufCType type)
{
    bool wide = type == PROTOBUF_C_TYPE_UINT64 || type == PROTOBUF_C_TYPE_SINT64;
    return wide ? sizeof(uint64_t) : sizeof(uint32_t);
}

static void assert_whole(const ProtobufCMessage *message);

static bool is_whole(const ProtobufCFieldDescriptor *field, const void *at)
{
    if (field->type == PROTOBUF_C_TYPE_STRING)
        return **(char *const *)at;
    if (field->type == PROTOBUF_C_TYPE_BYTES)
        return ((const ProtobufCBinaryData *)at)->len > 0;
    if (field->type != PROTOBUF_C_TYPE_MESSAGE)
        return !is_zero(at, size_of(field->type));
    assert_whole(*(ProtobufCMessage *const *)at);
    return true;
}

static void assert_whole(const ProtobufCMessage *message)
{
    assert_non_null(message);
    for (unsigned i = 0; i < message->descriptor->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &message->descriptor->fields[i];
        const char *at = (const char *)message + field->offset;
        const char *quantifier = (const char *)message + field->quantifier_offset;
        if (field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF && *(const uint32_t *)quantifier != field->id)
            continue;
        if (!strcmp(field->name, "sealed_env")) /* instead of env: sealed_there_and_back fills it */
            continue;
        bool repeated = field->label == PROTOBUF_C_LABEL_REPEATED;
        if (repeated && !*(const size_t *)quantifier)
            fail_msg("no row fills %s.%s", message->descriptor->name, field->name);
        if (!is_whole(field, repeated ? *(void *const *)at : at))
            fail_msg("no row fills %s.%s", message->descriptor->name, field->name);
    }
}

static void assert_bytes_whole(const ProtobufCMessageDescriptor *descriptor, const uint8_t *bytes, size_t len)
{
    ProtobufCMessage *message = protobuf_c_message_unpack(descriptor, NULL, len, bytes);
    assert_whole(message);
    protobuf_c_message_free_unpacked(message, NULL);
}

/* --- the tests --- */

static void assert_same(uint8_t *a, size_t a_len, uint8_t *b, size_t b_len)
{
    assert_int_equal(a_len, b_len);
    assert_memory_equal(a, b, a_len);
    free(a);
    free(b);
}

static void there_and_back(enum node_message_kind kind, bool large)
{
    struct node_message m = {.kind = kind}, back;
    struct node_faults faults;
    uint8_t *bytes, *again;
    size_t len, again_len;
    struct err e = {0};
    if (large) {
        FILL_TEXT(m.cluster);
        memset(m.session.byte, 0xff, sizeof m.session.byte);
        m.epoch = m.request = UINT64_MAX;
    }
    rows[kind](&m, large);
    assert_int_equal(node_message_pack(&m, &bytes, &len, &faults, &e), 0);
    assert_int_equal(faults.count, 0);
    node_message_fini(&m);
    if (large)
        assert_bytes_whole(&corral__envelope__descriptor, bytes, len);
    if (node_message_unpack(bytes, len, &back, &e))
        fail_msg("kind %d, %s, %zu bytes: %s", kind, large ? "large" : "small", len, e.text);
    assert_int_equal(back.faults.count, 0);
    assert_int_equal(node_message_pack(&back, &again, &again_len, NULL, &e), 0);
    node_message_fini(&back);
    assert_same(bytes, len, again, again_len);
}

static void test_every_message(void **state)
{
    for (int kind = 0; kind < NODE_MESSAGE_KINDS; kind++) {
        assert_non_null(rows[kind]);
        there_and_back((enum node_message_kind)kind, true);
        there_and_back((enum node_message_kind)kind, false);
    }
}

static void inventory_there_and_back(bool large)
{
    struct node_inventory in = an_inventory(large), back;
    uint8_t *bytes, *again;
    size_t len, again_len;
    struct err e = {0};
    assert_int_equal(node_inventory_pack(&in, &bytes, &len, NULL, &e), 0);
    node_inventory_fini(&in);
    if (large)
        assert_bytes_whole(&corral__inventory__descriptor, bytes, len);
    if (node_inventory_unpack(bytes, len, &back, &e))
        fail_msg("%s, %zu bytes: %s", large ? "large" : "small", len, e.text);
    assert_int_equal(back.status_count, NODE_STATUSES_MAX);
    assert_int_equal(node_inventory_pack(&back, &again, &again_len, NULL, &e), 0);
    node_inventory_fini(&back);
    assert_same(bytes, len, again, again_len);
}

static void test_every_inventory(void **state)
{
    inventory_there_and_back(true);
    inventory_there_and_back(false);
}

/* A spec whose command, environment and ready check have SPEC_LIST_MAX words of this length each. */
static struct sandbox_spec a_spec(size_t word_len)
{
    struct sandbox_spec spec = {.image = bytes_of(SPEC_IMAGE_MAX + 1),
                                .runtime = bytes_of(SPEC_IMAGE_MAX + 1),
                                .user = bytes_of(SPEC_USER_MAX + 1),
                                .network = NETWORK_EGRESS,
                                .use_image_command = true,
                                .idle_timeout_seconds = INT64_MAX,
                                .shm_bytes = INT64_MAX,
                                .ready_interval_ms = READY_INTERVAL_MAX_MS,
                                .ready_timeout_ms = READY_TIMEOUT_MAX_MS};
    char *word = bytes_of(word_len + 1);
    word[word_len] = spec.image[SPEC_IMAGE_MAX] = spec.runtime[SPEC_IMAGE_MAX] = spec.user[SPEC_USER_MAX] = 0;
#define MOST_LEVEL(name) spec.levels.name = 3600;
    VIOLATION_LEVELS(MOST_LEVEL)
#undef MOST_LEVEL
    for (size_t i = 0; i < SPEC_LIST_MAX; i++) {
        string_list_add(&spec.command, word);
        string_list_add(&spec.env, word);
        string_list_add(&spec.ready_command, word);
    }
    free(word);
    return spec;
}

static void spec_there_and_back(size_t word_len, bool long_word)
{
    struct sandbox_spec spec = a_spec(word_len), back;
    uint8_t *bytes, *again;
    size_t len, again_len;
    struct err e = {0};
    if (long_word) {
        free(spec.command.item[0]);
        spec.command.item[0] = bytes_of(SPEC_STRING_MAX + 1);
        spec.command.item[0][SPEC_STRING_MAX] = 0;
    }
    assert_int_equal(sandbox_spec_pack(&spec, &bytes, &len, &e), 0);
    sandbox_spec_fini(&spec);
    if (word_len)
        assert_bytes_whole(&corral__sandbox_spec__descriptor, bytes, len);
    if (sandbox_spec_unpack(bytes, len, &back, &e))
        fail_msg("words of %zu bytes, %zu bytes: %s", word_len, len, e.text);
    assert_int_equal(sandbox_spec_pack(&back, &again, &again_len, &e), 0);
    sandbox_spec_fini(&back);
    assert_same(bytes, len, again, again_len);
}

static void sealed_there_and_back(void)
{
    struct sandbox_spec spec = a_spec(1), back;
    uint8_t *bytes, *again;
    size_t len, again_len;
    struct err e = {0};
    string_list_fini(&spec.env);
    spec.sealed_env_len = SPEC_PACKED_MAX - 8192;
    spec.sealed_env = bytes_of(spec.sealed_env_len);
    assert_int_equal(sandbox_spec_pack(&spec, &bytes, &len, &e), 0);
    sandbox_spec_fini(&spec);
    assert_int_equal(sandbox_spec_unpack(bytes, len, &back, &e), 0);
    assert_int_equal(sandbox_spec_pack(&back, &again, &again_len, &e), 0);
    sandbox_spec_fini(&back);
    assert_same(bytes, len, again, again_len);
}

/* The largest spec: as many words as it may have, or one word as long as it may be. */
static void test_every_spec(void **state)
{
    sealed_there_and_back();
    spec_there_and_back((SPEC_PACKED_MAX - 2048) / (3 * SPEC_LIST_MAX) - 3, false);
    spec_there_and_back(25, true);
    spec_there_and_back(0, false);
    spec_there_and_back(0, true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_message),
        cmocka_unit_test(test_every_inventory),
        cmocka_unit_test(test_every_spec),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
