#include "proto/node_codec.h"

#include "tests/lib/unit.h"

static const struct sandbox_id id = {"sbx_01ARZ3NDEKTSV4RRFFQ69G5FAV"};

/* Packs and unpacks; the caller frees *out. */
static void round_trip(const struct node_message *m, struct node_message *out)
{
    struct err err;
    uint8_t *bytes;
    size_t len;
    assert_int_equal(node_message_pack(m, &bytes, &len, NULL, &err), 0);
    assert_int_equal(node_message_unpack(bytes, len, out, &err), 0);
    assert_int_equal(out->kind, m->kind);
    assert_int_equal(out->version, NODE_PROTOCOL_VERSION);
    assert_string_equal(out->cluster, m->cluster);
    assert_int_equal(out->epoch, m->epoch);
    assert_int_equal(out->request, m->request);
    assert_memory_equal(&out->session, &m->session, sizeof m->session);
    free(bytes);
}

static struct node_message envelope(enum node_message_kind kind)
{
    return (struct node_message){
        .kind = kind, .cluster = "c1", .epoch = 7, .request = 9, .session.byte = {1, 2, 3}};
}

static void test_handshake(void **state)
{
    struct node_message m = envelope(NODE_HELLO), back;
    uint8_t cert[] = {1, 0, 2}, inventory[] = {3, 0};
    strcpy(m.hello.name, "h1");
    m.hello.certificate = cert;
    m.hello.certificate_len = sizeof cert;
    m.hello.highest_epoch = 6;
    round_trip(&m, &back);
    assert_string_equal(back.hello.name, "h1");
    assert_int_equal(back.hello.certificate_len, sizeof cert);
    assert_memory_equal(back.hello.certificate, cert, sizeof cert);
    assert_int_equal(back.hello.highest_epoch, 6);
    node_message_fini(&back);

    m = envelope(NODE_CHALLENGE);
    memset(m.nonce, 0xab, sizeof m.nonce);
    round_trip(&m, &back);
    assert_memory_equal(back.nonce, m.nonce, sizeof m.nonce);
    node_message_fini(&back);

    m = envelope(NODE_PROOF);
    m.proof = (struct node_proof){cert, sizeof cert, inventory, sizeof inventory};
    round_trip(&m, &back);
    assert_int_equal(back.proof.inventory_len, sizeof inventory);
    assert_memory_equal(back.proof.signature, cert, sizeof cert);
    node_message_fini(&back);

    m = envelope(NODE_WELCOME);
    m.welcome.lease_ms = 10000;
    string_list_add(&m.welcome.settings, "a=b");
    memset(m.welcome.process, 7, sizeof m.welcome.process);
    round_trip(&m, &back);
    assert_int_equal(back.welcome.lease_ms, 10000);
    assert_string_equal(back.welcome.settings.item[0], "a=b");
    assert_memory_equal(back.welcome.process, m.welcome.process, sizeof m.welcome.process);
    node_message_fini(&back);
    string_list_fini(&m.welcome.settings);
}

static struct sandbox_status a_status(void)
{
    return (struct sandbox_status){.id = id,
                                   .generation = 3,
                                   .number = 4,
                                   .state = SANDBOX_STOPPED,
                                   .reason = REASON_EXITED,
                                   .detail = "it ended",
                                   .has_exit_code = true,
                                   .exit_code = -1,
                                   .enforced = ENFORCE_MEMORY | ENFORCE_PIDS,
                                   .by_docker = true,
                                   .ran = true,
                                   .started_ago_ms = 500,
                                   .ended_ago_ms = 20,
                                   .has_last = true,
                                   .start = {.measured = 1u << START_TIME_IMAGE | 1u << START_TIME_CREATE,
                                             .ms = {[START_TIME_CREATE] = 90}},
                                   .last = {.id = id, .memory_peak_bytes = 77}};
}

static void test_report(void **state)
{
    struct node_message m = envelope(NODE_REPORT), back;
    struct sandbox_status status = a_status();
    struct sample sample = {.id = id,
                            .number = 77,
                            .kept = true,
                            .ago_ms = 1,
                            .io_some_centi = SAMPLE_NO_PRESSURE,
                            .responsive = true};
    struct violation_report update = {.id = id, .number = 8, .kind = 3, .percent_centi = 9000, .swings = 5};
    struct cleanup_report cleanup = {.number = 7, .asked = 6, .dry_run = true};
    cleanup.counts.found[CLEANUP_VOLUME] = 3;
    cleanup.counts.removed[CLEANUP_IMAGE] = 2;
    m.report = (struct node_report){&status, 1, &sample, 1, &update, 1, &cleanup, 1, 5, 6, 2, "why", 4, 8, 9};
    round_trip(&m, &back);
    assert_string_equal(back.report.statuses[0].detail, status.detail);
    assert_int_equal(back.report.statuses[0].state, SANDBOX_STOPPED);
    assert_int_equal(back.report.statuses[0].exit_code, -1);
    assert_int_equal(back.report.statuses[0].ended_ago_ms, 20);
    assert_true(back.report.statuses[0].has_last);
    assert_int_equal(back.report.statuses[0].last.memory_peak_bytes, 77);
    assert_memory_equal(&back.report.statuses[0].start, &status.start, sizeof status.start);
    assert_int_equal(back.report.samples[0].ago_ms, 1);
    assert_int_equal(back.report.samples[0].number, 77);
    assert_true(back.report.samples[0].kept);
    assert_int_equal(back.report.samples_dropped, 5);
    assert_int_equal(back.report.violations_dropped, 6);
    assert_int_equal(back.report.left_out, 2);
    assert_string_equal(back.report.left_out_why, "why");
    assert_int_equal(back.report.logs_lost, 4);
    assert_int_equal(back.report.starts_waiting, 8);
    assert_int_equal(back.report.starts_wait_ms, 9);
    assert_int_equal(back.report.samples[0].io_some_centi, SAMPLE_NO_PRESSURE);
    assert_true(back.report.samples[0].responsive);
    assert_string_equal(back.report.violations[0].id.text, id.text);
    assert_int_equal(back.report.violations[0].kind, 3);
    assert_int_equal(back.report.violations[0].percent_centi, 9000);
    assert_int_equal(back.report.violations[0].swings, 5);
    assert_int_equal(back.report.cleanup_count, 1);
    assert_memory_equal(&back.report.cleanups[0].counts, &cleanup.counts, sizeof cleanup.counts);
    assert_int_equal(back.report.cleanups[0].number, 7);
    assert_int_equal(back.report.cleanups[0].asked, 6);
    assert_true(back.report.cleanups[0].dry_run);
    node_message_fini(&back);
}

static void test_dense_order(void **state)
{
    struct node_message m = envelope(NODE_UPDATE), back;
    m.update =
        (struct node_update){.number = 5, .dense = {3, NODE_DENSE_FOR_MAX_MS + 1, 3, {id, {"no id"}, id}}};
    round_trip(&m, &back);
    assert_true(back.update.dense.number == 3 && back.update.dense.for_ms == NODE_DENSE_FOR_MAX_MS);
    assert_int_equal(back.update.dense.count, 2); /* what is no id is left out */
    assert_string_equal(back.update.dense.id[1].text, id.text);
    assert_int_equal(back.faults.count, 1);
    node_message_fini(&back);
    m.update.dense = (struct dense_order){.number = 4}; /* nothing is watched any more */
    round_trip(&m, &back);
    assert_true(back.update.dense.number == 4 && !back.update.dense.count && !back.update.dense.for_ms);
    node_message_fini(&back);
}

static void test_update(void **state)
{
    struct node_message m = envelope(NODE_UPDATE), back;
    uint8_t spec[] = {1, 0, 3};
    struct desired_state desired_states[] = {
        {.id = id,
         .generation = 1,
         .state = DESIRED_RUNNING,
         .trace = {"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"},
         .remaining_ms = 60000,
         .limits.nofile = 99,
         .spec = spec,
         .spec_len = sizeof spec},
        {.id = id, .generation = 2, .state = DESIRED_GONE, .reason = REASON_DELETED, .trace = {"00-bad"}}};
    struct status_ack ack = {id, 12};
    m.update = (struct node_update){5, desired_states, 2, &ack, 1, 44, 45, {9, true}, 8};
    round_trip(&m, &back);
    assert_int_equal(back.update.number, 5);
    assert_int_equal(back.update.desired_count, 2);
    assert_int_equal(back.update.desired_states[0].limits.nofile, 99);
    assert_memory_equal(back.update.desired_states[0].spec, spec, sizeof spec);
    assert_int_equal(back.update.desired_states[1].reason, REASON_DELETED);
    assert_null(back.update.desired_states[1].spec);
    assert_string_equal(back.update.desired_states[0].trace.text, desired_states[0].trace.text);
    assert_string_equal(back.update.desired_states[1].trace.text, ""); /* a bad one is none */
    assert_int_equal(back.update.acks[0].number, 12);
    assert_int_equal(back.update.violations_acked, 44);
    assert_int_equal(back.update.samples_acked, 45);
    assert_int_equal(back.update.cleanup.number, 9);
    assert_true(back.update.cleanup.dry_run);
    assert_int_equal(back.update.cleanups_acked, 8);
    node_message_fini(&back);

    m.update = (struct node_update){.number = 6};
    round_trip(&m, &back);
    assert_int_equal(back.update.cleanup.number, 0);
    node_message_fini(&back);
}

static void test_inventory(void **state)
{
    struct node_inventory in = {
        .facts = {.name = "h1", .boot_id = "b", .enforces = 63, .unhealthy = "no\tdisk"}};
    struct node_inventory out;
    struct sandbox_status status = a_status();
    struct err err;
    uint8_t *bytes;
    size_t len;
    string_list_add(&in.facts.labels, "zone=a");
    in.facts.capacity.memory_bytes = 1 << 30;
    in.statuses = &status;
    in.status_count = 1;
    assert_int_equal(node_inventory_pack(&in, &bytes, &len, NULL, &err), 0);
    assert_int_equal(node_inventory_unpack(bytes, len, &out, &err), 0);
    assert_string_equal(out.facts.name, "h1");
    assert_string_equal(out.facts.labels.item[0], "zone=a");
    assert_string_equal(out.facts.unhealthy, "no?disk");
    assert_int_equal(out.facts.capacity.memory_bytes, 1 << 30);
    assert_int_equal(out.status_count, 1);
    node_inventory_fini(&out);
    string_list_fini(&in.facts.labels);
    free(bytes);
}

/* --- one invalid item does not affect the others --- */

static struct sandbox_id id_of(uint8_t n)
{
    return sandbox_id_make(1, (uint8_t[10]){n});
}

/* Packs and unpacks; returns what was invalid, and how many items. The caller frees *out. */
static struct node_faults faulty_trip(const struct node_message *m, struct node_message *out)
{
    struct node_faults faults;
    struct err err;
    uint8_t *bytes;
    size_t len;
    assert_int_equal(node_message_pack(m, &bytes, &len, &faults, &err), 0);
    assert_int_equal(node_message_unpack(bytes, len, out, &err), 0);
    assert_int_equal(out->faults.count, 0); /* what was sent is valid */
    free(bytes);
    return faults;
}

static void test_a_status_that_cannot_be_told_is_left_out(void **state)
{
    struct node_message m = envelope(NODE_REPORT), back;
    struct sandbox_status status[4] = {a_status(), a_status(), a_status(), a_status()};
    m.report.statuses = status;
    m.report.status_count = 4;
    status[0].state = SANDBOX_LOST;
    status[1].reason = (enum sandbox_reason)SANDBOX_REASON_COUNT;
    strcpy(status[2].id.text, "sbx_short");
    struct node_faults faults = faulty_trip(&m, &back);
    assert_int_equal(back.report.status_count, 1);
    assert_string_equal(back.report.statuses[0].detail, "it ended");
    assert_int_equal(faults.count, 3);
    assert_string_equal(faults.first, "sandbox_status of sbx_01ARZ3NDEKTSV4RRFFQ69G5FAV: state");
    node_message_fini(&back);
}

static void test_times_of_a_start_that_cannot_be(void **state)
{
    struct node_message m = envelope(NODE_REPORT), back;
    struct sandbox_status status = a_status();
    memset(&status.start, 0xff, sizeof status.start);
    m.report.statuses = &status;
    m.report.status_count = 1;
    struct node_faults faults = faulty_trip(&m, &back);
    const struct start_times *got = &back.report.statuses[0].start;
    assert_int_equal(faults.count, 1);
    assert_int_equal(back.report.status_count, 1);
    for (unsigned step = 0; step < START_TIME_COUNT; step++) {
        bool by_node = start_time_by_node((enum start_time)step);
        assert_int_equal(start_times_has(got, (enum start_time)step), by_node);
        assert_int_equal(got->ms[step], by_node ? START_TIME_MAX_MS : 0);
    }
    assert_int_equal(got->measured >> START_TIME_COUNT, 0);
    node_message_fini(&back);
}

/* A later agent sends what this program does not know. */
static void test_unknown_steps_of_a_start(void **state)
{
    struct node_message m = envelope(NODE_REPORT), back;
    struct sandbox_status status = a_status();
    struct err err;
    uint8_t *bytes;
    size_t len;
    status.start = (struct start_times){0};
    start_times_add(&status.start, START_TIME_COMMAND,
                    100); /* its number is one byte, and so is the mask's last */
    m.report.statuses = &status;
    m.report.status_count = 1;
    assert_int_equal(node_message_pack(&m, &bytes, &len, NULL, &err), 0);
    bool found = false;
    for (size_t i = 0; i + 4 < len && !found; i++) {
        found = bytes[i] == 0x08 && bytes[i + 1] == 0x80 && bytes[i + 2] == 0x04 && bytes[i + 3] == 0x48;
        if (found)
            bytes[i + 2] = 0x7f; /* steps that there are none of */
    }
    assert_true(found);
    assert_int_equal(node_message_unpack(bytes, len, &back, &err), 0);
    assert_int_equal(back.faults.count, 0);
    assert_int_equal(back.report.statuses[0].start.measured,
                     1u << START_TIME_READY | 1u << START_TIME_HAND_OUT | 1u << START_TIME_COMMAND | 0x180u);
    node_message_fini(&back);
    free(bytes);
}

static void test_a_state_is_told_whatever_its_numbers(void **state)
{
    struct node_message m = envelope(NODE_REPORT), back;
    struct sandbox_status status = a_status();
    status.ended_ago_ms = status.started_ago_ms = UINT64_MAX - 5;
    status.enforced = UINT32_MAX;
    status.last.memory_used_bytes = UINT64_MAX;
    m.report.statuses = &status;
    m.report.status_count = 1;
    struct node_faults faults = faulty_trip(&m, &back);
    assert_int_equal(faults.count, 1);
    assert_int_equal(back.report.status_count, 1);
    assert_int_equal(back.report.statuses[0].state, SANDBOX_STOPPED);
    assert_int_equal(back.report.statuses[0].ended_ago_ms, NODE_LIFE_MAX_MS);
    assert_int_equal(back.report.statuses[0].enforced, ENFORCE_ALL);
    assert_true(back.report.statuses[0].by_docker);
    assert_false(back.report.statuses[0].has_last);
    node_message_fini(&back);
}

static void test_a_figure_that_cannot_be_is_left_out(void **state)
{
    struct node_message m = envelope(NODE_REPORT), back;
    struct sample s[3] = {{.id = id_of(1)}, {.id = id_of(2)}, {.id = id_of(3)}};
    struct violation_report v[2] = {{.id = id_of(1), .kind = 9}, {.id = id_of(2), .kind = 1}};
    s[1].memory_used_bytes = NODE_BYTES_MAX + 1;
    s[2].io_some_centi = SAMPLE_NO_PRESSURE;
    s[2].io_read_bytes = SAMPLE_NO_IO;
    m.report = (struct node_report){.samples = s, .sample_count = 3, .violations = v, .violation_count = 2};
    struct node_faults faults = faulty_trip(&m, &back);
    assert_int_equal(faults.count, 2);
    assert_non_null(strstr(faults.first, "memory_used_bytes"));
    assert_int_equal(back.report.sample_count, 2);
    assert_string_equal(back.report.samples[1].id.text, id_of(3).text);
    assert_int_equal(back.report.violation_count, 1);
    node_message_fini(&back);
}

static void test_a_desired_state_that_cannot_be_told_is_left_out(void **state)
{
    struct node_message m = envelope(NODE_UPDATE), back;
    uint8_t spec[] = {1};
    struct desired_state desired_states[] = {
        {.id = id_of(1), .generation = 1, .state = DESIRED_RUNNING},
        {.id = id_of(2), .generation = 1, .state = DESIRED_RUNNING, .spec = spec, .spec_len = 1},
        {.id = id_of(3), .generation = 0, .state = DESIRED_GONE},
    };
    desired_states[1].remaining_ms = desired_states[1].limits.memory_bytes = UINT64_MAX;
    m.update.desired_states = desired_states;
    m.update.desired_count = 3;
    struct node_faults faults = faulty_trip(&m, &back);
    assert_int_equal(faults.count, 3);
    assert_int_equal(back.update.desired_count, 1);
    assert_string_equal(back.update.desired_states[0].id.text, id_of(2).text);
    assert_int_equal(back.update.desired_states[0].remaining_ms, NODE_LIFE_MAX_MS);
    assert_int_equal(back.update.desired_states[0].limits.memory_bytes, NODE_BYTES_MAX);
    node_message_fini(&back);
}

static void test_a_node_joins_without_the_facts_that_cannot_be_told(void **state)
{
    struct node_inventory in = {.facts = {.name = "h1", .region = "a\xff", .enforces = UINT32_MAX}}, out;
    struct node_faults faults;
    struct err err;
    uint8_t *bytes;
    size_t len;
    char longest[NODE_LABEL_MAX + 2];
    memset(longest, 'x', sizeof longest);
    longest[NODE_LABEL_MAX + 1] = 0;
    string_list_add(&in.facts.labels, longest);
    string_list_add(&in.facts.labels, "a=b");
    string_list_add(&in.facts.runtimes, "r\n");
    in.facts.capacity.memory_bytes = UINT64_MAX;
    assert_int_equal(node_inventory_pack(&in, &bytes, &len, &faults, &err), 0);
    assert_int_equal(faults.count, 3);
    assert_int_equal(node_inventory_unpack(bytes, len, &out, &err), 0);
    assert_int_equal(out.faults.count, 0);
    assert_string_equal(out.facts.region, "a?");
    assert_int_equal(out.facts.labels.count, 1);
    assert_int_equal(out.facts.runtimes.count, 0);
    assert_int_equal(out.facts.capacity.memory_bytes, NODE_BYTES_MAX);
    assert_int_equal(out.facts.enforces, ENFORCE_ALL);
    node_inventory_fini(&out);
    node_inventory_fini(&in);
    free(bytes);
}

static void test_bounds_of_a_cleanup(void **state)
{
    struct node_message m = envelope(NODE_REPORT), back;
    struct cleanup_report cleanups[NODE_CLEANUPS_MAX + 1] = {{.number = 0}, {.number = 1}};
    struct err err;
    uint8_t *bytes;
    size_t len;
    m.report.cleanups = cleanups;
    m.report.cleanup_count = NODE_CLEANUPS_MAX + 1;
    assert_int_equal(node_message_pack(&m, &bytes, &len, NULL, &err), ERR_INVALID);
    m.report.cleanup_count = 2;
    cleanups[1].counts.found[CLEANUP_NETWORK] = CLEANUP_COUNT_MAX + 1;
    struct node_faults faults = faulty_trip(&m, &back);
    assert_int_equal(faults.count, 2);
    assert_int_equal(back.report.cleanup_count, 1);
    assert_int_equal(back.report.cleanups[0].counts.found[CLEANUP_NETWORK], CLEANUP_COUNT_MAX);
    node_message_fini(&back);
}

static void test_every_cut_and_flip_is_an_error_or_a_message(void **state)
{
    struct node_message m = envelope(NODE_REPORT), back;
    struct sandbox_status status = a_status();
    struct sample sample = {.id = id, .ago_ms = 1};
    struct cleanup_report cleanup = {.number = 1, .counts.found = {[CLEANUP_VOLUME] = 4}};
    struct err err;
    uint8_t *bytes;
    size_t len;
    m.report = (struct node_report){&status, 1, &sample, 1, NULL, 0, &cleanup, 1};
    assert_int_equal(node_message_pack(&m, &bytes, &len, NULL, &err), 0);
    for (size_t i = 0; i < len; i++) {
        if (node_message_unpack(bytes, i, &back, &err) == 0)
            node_message_fini(&back);
        for (int bit = 0; bit < 8; bit++) {
            bytes[i] ^= (uint8_t)(1 << bit);
            if (node_message_unpack(bytes, len, &back, &err) == 0)
                node_message_fini(&back);
            bytes[i] ^= (uint8_t)(1 << bit);
        }
    }
    free(bytes);
}

/* A report (tag 20) of a million empty samples (tag 2): each takes two bytes on the wire and some 200 in
 * memory. */
static void test_bytes_that_ask_for_much_memory_are_refused(void **state)
{
    size_t samples = 1000000, inner = samples * 2, at = 0;
    uint8_t *bytes = malloc(inner + 32);
    struct node_message m;
    struct err err;
    bytes[at++] = 1 << 3;
    bytes[at++] = NODE_PROTOCOL_VERSION;
    bytes[at++] = 0xa2;
    bytes[at++] = 0x01;
    for (size_t rest = inner; rest; rest >>= 7)
        bytes[at++] = (uint8_t)((rest & 0x7f) | (rest > 0x7f ? 0x80 : 0));
    for (size_t i = 0; i < samples; i++) {
        bytes[at++] = 2 << 3 | 2;
        bytes[at++] = 0;
    }
    assert_int_equal(node_message_unpack(bytes, at, &m, &err), ERR_PROTOCOL);
    assert_non_null(strstr(err.text, "does not parse"));
    free(bytes);
}

static void test_another_version_is_named(void **state)
{
    uint8_t bytes[] = {1 << 3, 9};
    struct node_message m;
    struct err err;
    assert_int_equal(node_message_unpack(bytes, sizeof bytes, &m, &err), ERR_PROTOCOL);
    assert_int_equal(m.version, 9);
    assert_non_null(strstr(err.text, "protocol 9"));
}

static void test_spec(void **state)
{
    struct sandbox_spec spec = {.image = (char *)"corral-base:latest", .network = NETWORK_EGRESS}, back;
    struct err err;
    uint8_t *bytes;
    size_t len;
    string_list_add(&spec.command, "sh");
    string_list_add(&spec.command, "");
    string_list_add(&spec.env, "A=\xff");
    spec.idle_timeout_seconds = 60;
    spec.shm_bytes = 4096;
    string_list_add(&spec.ready_command, "true");
    spec.ready_interval_ms = READY_INTERVAL_MAX_MS;
    spec.ready_timeout_ms = READY_TIMEOUT_MAX_MS;
    spec.user = (char *)"usr_1";
    spec.levels = (struct violation_levels){1, 2, 3, 4, 5, 3600, 7, 8, 9, 10};
    assert_int_equal(sandbox_spec_pack(&spec, &bytes, &len, &err), 0);
    assert_int_equal(sandbox_spec_unpack(bytes, len, &back, &err), 0);
    assert_string_equal(back.image, spec.image);
    assert_null(back.runtime);
    assert_int_equal(back.command.count, 2);
    assert_string_equal(back.env.item[0], "A=\xff");
    assert_int_equal(back.network, NETWORK_EGRESS);
    assert_int_equal(back.idle_timeout_seconds, 60);
    assert_int_equal(back.shm_bytes, 4096);
    assert_string_equal(back.ready_command.item[0], "true");
    assert_int_equal(back.ready_interval_ms, READY_INTERVAL_MAX_MS);
    assert_int_equal(back.ready_timeout_ms, READY_TIMEOUT_MAX_MS);
    assert_memory_equal(&back.levels, &spec.levels, sizeof spec.levels);
    assert_string_equal(back.user, spec.user);
    sandbox_spec_fini(&back);
    assert_int_equal(sandbox_spec_unpack(bytes, len - 1, &back, &err), ERR_PROTOCOL);
    free(bytes);
    spec.network = (enum sandbox_network)2;
    assert_int_equal(sandbox_spec_pack(&spec, &bytes, &len, &err), ERR_INVALID);
    spec.network = NETWORK_NONE;
    spec.ready_timeout_ms = 0; /* of a check that there is */
    assert_int_equal(sandbox_spec_pack(&spec, &bytes, &len, &err), ERR_INVALID);
    spec.ready_timeout_ms = READY_TIMEOUT_MAX_MS + 1;
    assert_int_equal(sandbox_spec_pack(&spec, &bytes, &len, &err), ERR_INVALID);
    string_list_fini(&spec.ready_command);
    string_list_fini(&spec.command);
    string_list_fini(&spec.env);
}

static void test_node_names(void **state)
{
    char longest[NODE_NAME_MAX + 2];
    memset(longest, 'a', sizeof longest);
    longest[NODE_NAME_MAX + 1] = 0;
    assert_false(node_name_valid(longest));
    assert_true(node_name_valid(longest + 1));
    assert_true(node_name_valid("h1.zone-a"));
    assert_false(node_name_valid(""));
    assert_false(node_name_valid("-h"));
    assert_false(node_name_valid("h."));
    assert_false(node_name_valid("H1"));
    assert_false(node_name_valid("a/b"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_handshake),
        cmocka_unit_test(test_report),
        cmocka_unit_test(test_update),
        cmocka_unit_test(test_dense_order),
        cmocka_unit_test(test_inventory),
        cmocka_unit_test(test_a_status_that_cannot_be_told_is_left_out),
        cmocka_unit_test(test_times_of_a_start_that_cannot_be),
        cmocka_unit_test(test_unknown_steps_of_a_start),
        cmocka_unit_test(test_a_state_is_told_whatever_its_numbers),
        cmocka_unit_test(test_a_figure_that_cannot_be_is_left_out),
        cmocka_unit_test(test_a_desired_state_that_cannot_be_told_is_left_out),
        cmocka_unit_test(test_a_node_joins_without_the_facts_that_cannot_be_told),
        cmocka_unit_test(test_bounds_of_a_cleanup),
        cmocka_unit_test(test_every_cut_and_flip_is_an_error_or_a_message),
        cmocka_unit_test(test_bytes_that_ask_for_much_memory_are_refused),
        cmocka_unit_test(test_another_version_is_named),
        cmocka_unit_test(test_spec),
        cmocka_unit_test(test_node_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
