#include "tests/lib/unit.h"

#include "controller/streams/channel_frames.h"

#include <jansson.h>

static struct channel_read said(bool v5, const char *bytes, size_t len)
{
    return channel_frame_read(v5, (const uint8_t *)bytes, len);
}

static void test_input(void **state)
{
    (void)state;
    struct channel_read read = said(true, "\0hi\0", 4);
    assert_int_equal(read.said, CHANNEL_SAID_INPUT);
    assert_int_equal(read.len, 3);
    assert_memory_equal(read.bytes, "hi\0", 3);
    assert_int_equal(said(true, "\0", 1).said, CHANNEL_SAID_NOTHING);
    assert_int_equal(said(true, "", 0).said, CHANNEL_SAID_NOTHING);
}

static void test_closes_are_of_v5(void **state)
{
    (void)state;
    assert_int_equal(said(true, "\xff\0", 2).said, CHANNEL_SAID_INPUT_END);
    assert_int_equal(said(true, "\xff\1", 2).said, CHANNEL_SAID_NOTHING);
    assert_int_equal(said(true, "\xff", 1).said, CHANNEL_SAID_WRONG);
    assert_int_equal(said(true, "\xff\0\0", 3).said, CHANNEL_SAID_WRONG);
    assert_int_equal(said(false, "\xff\0", 2).said, CHANNEL_SAID_WRONG);
}

static void test_sizes(void **state)
{
    static const struct {
        const char *text;
        enum channel_said said;
    } sizes[] = {{"{\"Width\":120,\"Height\":40}", CHANNEL_SAID_SIZE},
                 {"{\"Height\":40,\"Width\":120}\n", CHANNEL_SAID_SIZE},
                 {"{\"Width\":0,\"Height\":40}", CHANNEL_SAID_NOTHING},
                 {"{\"Width\":120}", CHANNEL_SAID_WRONG},
                 {"{\"Width\":65536,\"Height\":40}", CHANNEL_SAID_WRONG},
                 {"{\"Width\":-1,\"Height\":40}", CHANNEL_SAID_WRONG},
                 {"{\"Width\":\"120\",\"Height\":40}", CHANNEL_SAID_WRONG},
                 {"{\"Width\":120,\"Width\":1,\"Height\":40}", CHANNEL_SAID_WRONG},
                 {"[120,40]", CHANNEL_SAID_WRONG},
                 {"", CHANNEL_SAID_WRONG}};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        char message[100] = "\4";
        strcpy(message + 1, sizes[i].text);
        struct channel_read read = said(i % 2, message, 1 + strlen(sizes[i].text));
        assert_int_equal(read.said, sizes[i].said);
        if (read.said == CHANNEL_SAID_SIZE) {
            assert_int_equal(read.columns, 120);
            assert_int_equal(read.rows, 40);
        }
    }
    char large[CHANNEL_RESIZE_MAX + 2];
    memset(large, ' ', sizeof large);
    large[0] = 4;
    assert_int_equal(said(true, large, sizeof large).said, CHANNEL_SAID_WRONG);
}

static void test_other_channels_are_not_the_clients(void **state)
{
    (void)state;
    for (unsigned channel = 1; channel < 255; channel++) {
        const char bytes[] = {(char)channel, 'x'};
        assert_int_equal(said(true, bytes, 2).said, CHANNEL_SAID_WRONG);
    }
}

static void expect_end(const struct channel_end *end, const char *json)
{
    struct text out = {0};
    channel_end_write(end, &out);
    assert_int_equal(out.data[0], CHANNEL_STATUS);
    assert_string_equal(out.data + 1, json);
    text_fini(&out);
}

static void test_ends(void **state)
{
    (void)state;
    expect_end(&(struct channel_end){.has_exit_code = true},
               "{\"metadata\":{},\"status\":\"Success\",\"exit_code\":0,\"signal\":null}");
    expect_end(&(struct channel_end){.has_exit_code = true, .exit_code = 7},
               "{\"metadata\":{},\"status\":\"Failure\",\"message\":\"the command ended with exit code 7\","
               "\"reason\":\"NonZeroExitCode\",\"details\":{\"causes\":[{\"reason\":\"ExitCode\",\"message\":"
               "\"7\"}]},"
               "\"exit_code\":7,\"signal\":null}");
    expect_end(&(struct channel_end){.signo = 9},
               "{\"metadata\":{},\"status\":\"Failure\",\"message\":\"the command ended with exit code 137\","
               "\"reason\":\"NonZeroExitCode\",\"details\":{\"causes\":[{\"reason\":\"ExitCode\",\"message\":"
               "\"137\"}]},"
               "\"exit_code\":null,\"signal\":9}");
    expect_end(
        &(struct channel_end){.reason = "oom_killed", .message = "out of memory"},
        "{\"metadata\":{},\"status\":\"Failure\",\"message\":\"out of memory\",\"reason\":\"oom_killed\","
        "\"exit_code\":null,\"signal\":null}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_input), cmocka_unit_test(test_closes_are_of_v5),
        cmocka_unit_test(test_sizes), cmocka_unit_test(test_other_channels_are_not_the_clients),
        cmocka_unit_test(test_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
