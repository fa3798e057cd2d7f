#include "common/base/trace.h"
#include "common/model/trace_table.h"

#include "tests/lib/unit.h"

#include "common/base/defs.h"

#include <string.h>

#define ID   "0af7651916cd43dd8448eb211c80319c"
#define SPAN "b7ad6b7169203331"

static void parses_as(const char *text, const char *is)
{
    struct trace trace;
    memset(&trace, 'x', sizeof trace);
    assert_int_equal(trace_parse(text, &trace), is != NULL);
    assert_string_equal(trace.text, is ? is : "");
    assert_int_equal(trace_known(&trace), is != NULL);
}

static void test_what_is_valid(void **state)
{
    parses_as("00-" ID "-" SPAN "-01", "00-" ID "-" SPAN "-01");
    parses_as("00-" ID "-" SPAN "-00", "00-" ID "-" SPAN "-00");
    parses_as("00-" ID "-" SPAN "-03", "00-" ID "-" SPAN "-01"); /* other flags are not ours to keep */
    parses_as("00-" ID "-" SPAN "-ff", "00-" ID "-" SPAN "-01");
    parses_as("00-" ID "-" SPAN "-fe", "00-" ID "-" SPAN "-00");
}

static void test_versions_to_come(void **state)
{
    parses_as("01-" ID "-" SPAN "-01", "00-" ID "-" SPAN "-01");
    parses_as("cc-" ID "-" SPAN "-01-what-the-future-will-be-like", "00-" ID "-" SPAN "-01");
    parses_as("fe-" ID "-" SPAN "-00-", "00-" ID "-" SPAN "-00");
    parses_as("cc-" ID "-" SPAN "-01.what-the-future-will-not-be-like", NULL);
    parses_as("cc-" ID "-" SPAN "-0100", NULL);
    parses_as("ff-" ID "-" SPAN "-01", NULL);
}

static void test_what_is_not_valid(void **state)
{
    static const char *const bad[] = {NULL,
                                      "",
                                      "00",
                                      "00-",
                                      "00-" ID "-" SPAN,
                                      "00-" ID "-" SPAN "-",
                                      "00-" ID "-" SPAN "-1",
                                      "00-" ID "-" SPAN "-01-",
                                      "00-" ID "-" SPAN "-01-x",
                                      "00-" ID "-" SPAN "-011",
                                      "00-" ID "-" SPAN "-01 ",
                                      " 00-" ID "-" SPAN "-01",
                                      "0-" ID "-" SPAN "-01",
                                      "000-" ID "-" SPAN "-01",
                                      "0G-" ID "-" SPAN "-01",
                                      "0A-" ID "-" SPAN "-01",
                                      "00-00000000000000000000000000000000-" SPAN "-01",
                                      "00-" ID "-0000000000000000-01",
                                      "00-0AF7651916CD43DD8448EB211C80319C-" SPAN "-01",
                                      "00-" ID "-B7AD6B7169203331-01",
                                      "00-" ID "-" SPAN "-0A",
                                      "00-" ID "-" SPAN "-x1",
                                      "00-0af7651916cd43dd8448eb211c80319-" SPAN "-010",
                                      "00-0af7651916cd43dd8448eb211c80319c1-" SPAN "-0",
                                      "00_" ID "-" SPAN "-01",
                                      "00-" ID "_" SPAN "-01",
                                      "00-" ID "-" SPAN "_01",
                                      "00-" ID "-" SPAN "-01,00-" ID "-" SPAN "-01", /* two headers */
                                      "01-" ID "-" SPAN "-01,01-" ID "-" SPAN "-01",
                                      "00-.af7651916cd43dd8448eb211c80319c-" SPAN "-01",
                                      "00-" ID "-.7ad6b7169203331-01"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        parses_as(bad[i], NULL);
}

static void test_no_byte_past_the_end_is_read(void **state)
{
    static const char whole[] = "00-" ID "-" SPAN "-01";
    for (size_t len = 0; len < sizeof whole - 1; len++) {
        char *part = strndup(whole, len); /* a sanitizer finds what is read behind it */
        parses_as(part, NULL);
        free(part);
    }
}

static void test_it_goes_on(void **state)
{
    static const uint8_t span[TRACE_SPAN_LEN] = {0x00, 0xf0, 0x67, 0xaa, 0x0b, 0xa9, 0x02, 0xb7};
    struct trace trace, none = {{0}};
    char mark[TRACE_MARK_MAX];
    assert_true(trace_parse("00-" ID "-" SPAN "-01", &trace));
    trace_continue(&trace, span);
    assert_string_equal(trace.text, "00-" ID "-00f067aa0ba902b7-01");
    assert_true(trace_sampled(&trace));
    assert_string_equal(trace_mark(&trace, mark), "trace=" ID " ");
    trace_continue(&none, span);
    assert_false(trace_known(&none));
    assert_false(trace_sampled(&none));
    assert_string_equal(trace_mark(&none, mark), "");
}

static struct sandbox_id id_of(uint16_t n)
{
    return sandbox_id_make(1, (uint8_t[10]){(uint8_t)n, (uint8_t)(n >> 8)});
}

static void test_the_table_knows_the_latest(void **state)
{
    struct trace_table *table = trace_table_new();
    struct sandbox_id id = id_of(1);
    struct trace a, b, none = {{0}};
    assert_true(trace_parse("00-" ID "-" SPAN "-01", &a) && trace_parse("00-" ID "-" SPAN "-00", &b));
    assert_false(trace_table_put(table, &id, 1, &none));
    assert_true(trace_table_put(table, &id, 1, &a));
    assert_false(trace_table_put(table, &id, 1, &a)); /* it was sent again */
    struct trace got = trace_table_get(table, &id, 1), latest = trace_table_get(table, &id, 0);
    assert_string_equal(got.text, a.text);
    assert_string_equal(latest.text, a.text);
    got = trace_table_get(table, &id, 2);
    assert_false(trace_known(&got));
    assert_true(trace_table_put(table, &id, 2, &b));
    assert_true(trace_table_put(table, &id, 3, &none));
    got = trace_table_get(table, &id, 0);
    assert_false(trace_known(&got));
    trace_table_free(table);
}

static void test_the_table_is_bounded(void **state)
{
    struct trace_table *table = trace_table_new();
    struct trace a;
    assert_true(trace_parse("00-" ID "-" SPAN "-01", &a));
    for (uint16_t i = 0; i <= TRACE_TABLE_MAX; i++) {
        struct sandbox_id id = id_of(i);
        assert_true(trace_table_put(table, &id, 1, &a));
    }
    struct sandbox_id first = id_of(0), second = id_of(1);
    struct trace of_first = trace_table_get(table, &first, 0), of_second = trace_table_get(table, &second, 0);
    assert_false(trace_known(&of_first));
    assert_true(trace_known(&of_second));
    trace_table_free(table);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_valid),       cmocka_unit_test(test_versions_to_come),
        cmocka_unit_test(test_what_is_not_valid),   cmocka_unit_test(test_no_byte_past_the_end_is_read),
        cmocka_unit_test(test_it_goes_on),          cmocka_unit_test(test_the_table_knows_the_latest),
        cmocka_unit_test(test_the_table_is_bounded)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
