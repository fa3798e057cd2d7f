/* Records of a command's output: packed, read from Docker's frames, kept within bounds, filtered. */
#include "agent/core/log_index.h"
#include "agent/core/log_tape.h"
#include "agent/docker/docker_frames.h"
#include "tests/lib/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void add(struct log_tape *tape, enum log_stream_name stream, uint64_t at_ns, const char *text)
{
    struct log_record record = {stream, at_ns, (const uint8_t *)text, strlen(text)};
    log_tape_add(tape, &record);
}

static void put(void *arg, const struct log_record *record)
{
    strncat(arg, (const char *)record->bytes, record->len);
}

static void check_text(const struct log_tape *tape, const char *expected)
{
    char text[1024] = "";
    struct log_reader *reader = calloc(1, sizeof *reader);
    for (size_t at = tape->from; at < tape->to; at++) /* in the smallest pieces */
        assert_true(log_reader_feed(reader, tape->bytes + at, 1, put, text));
    assert_string_equal(text, expected);
    free(reader);
}

static void test_filters(void **state)
{
    static const struct {
        struct log_filter filter;
        const char *expected;
    } cases[] = {
        {{3, 0, UINT64_MAX}, "a\nlongB\nline\nc\nopen"},
        {{1, 0, UINT64_MAX}, "a\nlongline\nc\nopen"},
        {{2, 0, 5}, "B\n"},
        {{3, 3, UINT64_MAX}, "B\nline\nc\nopen"},
        {{3, 0, 1}, "open"},
        {{3, 0, 2}, "c\nopen"},
        {{1, 0, 3}, "longline\nc\nopen"},
        {{3, 0, 0}, ""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct log_tape tape = {.from = 0};
        add(&tape, LOG_STDOUT, 1, "a\n");
        add(&tape, LOG_STDOUT, 2, "long");
        add(&tape, LOG_STDERR, 3, "B\n");
        add(&tape, LOG_STDOUT, 4, "line\n");
        add(&tape, LOG_STDOUT, 5, "c\n");
        add(&tape, LOG_STDOUT, 6, "open");
        log_tape_filter(&tape, &cases[i].filter);
        check_text(&tape, cases[i].expected);
        log_tape_fini(&tape);
    }
}

static void test_bounds(void **state)
{
    static char line[1000];
    struct log_tape tape = {.from = 0};
    memset(line, 'x', sizeof line - 1);
    for (unsigned i = 0; i < 5000; i++)
        add(&tape, LOG_STDOUT, i + 1, line);
    assert_true(tape.truncated && tape.text <= LOG_TEXT_MAX && tape.text > LOG_TEXT_MAX - sizeof line);
    assert_true(tape.room < 4 * LOG_TEXT_MAX);
    log_tape_fini(&tape);
    for (unsigned i = 0; i < LOG_RECORDS_ENOUGH + 1; i++)
        add(&tape, LOG_STDOUT, i + 1, "\n");
    assert_true(tape.truncated && tape.cost <= LOG_COST_MAX);
    log_tape_fini(&tape);
}

static bool pass(struct log_place *place, enum log_stream_name stream, uint64_t at_ns)
{
    struct log_record record = {.stream = stream, .at_ns = at_ns};
    return log_place_pass(place, &record);
}

static void test_places(void **state)
{
    struct log_place place = {.last = {{0}}};
    assert_true(pass(&place, LOG_STDOUT, 5) && pass(&place, LOG_STDOUT, 7) && pass(&place, LOG_STDOUT, 7));
    log_place_again(&place);
    assert_false(pass(&place, LOG_STDOUT, 7) || pass(&place, LOG_STDOUT, 7)); /* the same two */
    assert_true(pass(&place, LOG_STDOUT, 7) && pass(&place, LOG_STDERR, 6) && pass(&place, LOG_STDOUT, 8));
    assert_false(pass(&place, LOG_STDOUT, 5)); /* Docker repeats after a rotation */
}

static bool feed(const char *head, size_t len, const char *payload, char *text)
{
    struct docker_frames *frames = calloc(1, sizeof *frames);
    bool good = docker_frames_feed(frames, head, len, put, text);
    for (const char *at = payload; good && *at; at++)
        good = docker_frames_feed(frames, at, 1, put, text);
    free(frames);
    return good;
}

static void test_frames(void **state)
{
    char text[200] = "";
    assert_true(feed("\1\0\0\0\0\0\0\x22", 8, "2026-11-27T08:37:30.981951438Z ab\n", text));
    assert_string_equal(text, "ab\n");
    assert_true(
        feed("\2\0\0\0\0\0\0\x1c", 8, "2026-11-27T08:37:30+02:00 cd", text)); /* its end is put back */
    assert_string_equal(text, "ab\ncd\n");
    assert_false(feed("\3\0\0\0\0\0\0\1", 8, "", text));
    assert_false(feed("\1\0\0\0\1\0\0\0", 8, "", text)); /* too long */
    assert_false(feed("\1\0\0\0\0\0\0\4", 8, "now ", text));
}

static struct log_entry entry_of(unsigned number, const char *user, uint64_t ended_ms, uint64_t bytes)
{
    struct log_entry entry = {.ended_ms = ended_ms, .bytes = bytes};
    snprintf(entry.id.text, sizeof entry.id.text, "sbx_%026u", number);
    snprintf(entry.user, sizeof entry.user, "%s", user);
    return entry;
}

static void test_what_goes(void **state)
{
    struct log_bounds bounds = {.keep_ms = 1000, .budget_bytes = 400000};
    struct log_index index = {.count = 0};
    struct log_entry out, all[] = {entry_of(1, "b", 300, 90000), entry_of(2, "a", 100, 1),
                                   entry_of(3, "a", 200, 90000), entry_of(4, "a", 250, 90000)};
    for (unsigned i = 0; i < 4; i++)
        log_index_add(&index, &all[i]);
    assert_true(log_index_evict(&index, 500, &bounds, &out)); /* a has more than a quarter: its oldest */
    assert_string_equal(out.id.text, all[1].id.text);
    assert_true(log_index_evict(&index, 500, &bounds, &out));
    assert_string_equal(out.id.text, all[2].id.text);
    assert_false(log_index_evict(&index, 500, &bounds, &out));
    assert_true(log_index_evict(&index, 1250, &bounds, &out)); /* past its time */
    assert_string_equal(out.id.text, all[3].id.text);
    bounds.budget_bytes = 80000;
    assert_true(log_index_evict(&index, 500, &bounds, &out)); /* past the budget */
    assert_false(log_index_evict(&index, 500, &bounds, &out) || index.bytes || index.users);
    log_index_fini(&index);
}

/* A node's logs after a restart: as many as there may be, by their ends. */
static void test_many(void **state)
{
    struct log_bounds bounds = {.keep_ms = 1, .budget_bytes = UINT64_MAX};
    struct log_index index = {.count = 0};
    struct log_entry out;
    for (unsigned i = 0; i < LOGS_MAX; i++) {
        struct log_entry entry = entry_of(i, i % 2 ? "a" : "b", 1000 + i, 1);
        log_index_add(&index, &entry);
    }
    struct log_entry again = entry_of(0, "a", 1, 1), early = entry_of(1, "a", 2, 1);
    log_index_add(&index, &early);
    log_index_add(&index, &again);
    assert_int_equal(index.count, LOGS_MAX);
    assert_string_equal(log_index_find(&index, &again.id)->user, "a");
    assert_true(log_index_remove(&index, &early.id) && !log_index_remove(&index, &early.id));
    assert_null(log_index_find(&index, &early.id));
    for (uint64_t before = 0; log_index_evict(&index, 1 << 20, &bounds, &out); before = out.ended_ms)
        assert_true(out.ended_ms > before);
    assert_true(!index.count && !index.bytes && !index.users);
    log_index_fini(&index);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_filters),   cmocka_unit_test(test_bounds),
                                       cmocka_unit_test(test_places),    cmocka_unit_test(test_frames),
                                       cmocka_unit_test(test_what_goes), cmocka_unit_test(test_many)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
