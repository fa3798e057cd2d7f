/* Server-Sent Events as the client reads them, in pieces of any size. */
#include "cli/sse_reader.h"

#include "common/http/sse.h"
#include "tests/lib/unit.h"

#include <stdlib.h>
#include <string.h>

static char got[1000];

static void on_event(void *arg, const char *data)
{
    strcat(strcat(got, data), "|");
}

static void reads(const char *bytes, const char *events, const char *last)
{
    for (size_t piece = 1; piece <= strlen(bytes); piece++) {
        struct sse_reader r = {.cb = on_event};
        got[0] = 0;
        for (size_t at = 0; at < strlen(bytes); at += piece) {
            size_t left = strlen(bytes) - at;
            assert_true(sse_reader_take(&r, bytes + at, left < piece ? left : piece));
        }
        assert_string_equal(got, events);
        assert_string_equal(r.last, last);
        sse_reader_fini(&r);
    }
}

static void as_a_browser_reads_them(void **state)
{
    reads("id: 1\ndata: a\n\n", "a|", "1");
    reads("id:1\r\ndata:a\r\ndata: b\r\n\r\n", "a\nb|", "1");
    reads("data: a\r\rdata\r\r", "a||", "");
    reads(": comment\nid: 7\n\n", "", "7");                 /* a position without an event */
    reads("id: 1\ndata: a\n\nid: 2\ndata: b\n", "a|", "1"); /* the second one is not whole */
    reads("event: x\nretry: 3\nwhat: ever\ndata:  two\n\n", " two|", "");
}

static void what_the_server_writes(void **state)
{
    struct text out = {0};
    sse_comment(&out, "watching", "evt_1");
    sse_event(&out, "evt_2", NULL, "{\"a\":1}");
    sse_event(&out, "evt_3", NULL, "one\ntwo");
    reads(out.data, "{\"a\":1}|one\ntwo|", "evt_3");
    text_fini(&out);
}

static void after_a_lost_connection(void **state)
{
    struct sse_reader r = {.cb = on_event};
    got[0] = 0;
    assert_true(sse_reader_take(&r, "id: 1\ndata: a\n\nid: 2\ndata: b", 26));
    sse_reader_again(&r);
    assert_string_equal(r.last, "1");
    assert_true(sse_reader_take(&r, "data: c\n\n", 9));
    assert_string_equal(got, "a|c|");
    sse_reader_fini(&r);
}

static void has_bounds(void **state)
{
    struct sse_reader r = {.cb = on_event};
    size_t size = SSE_DATA_MAX / 2;
    char *half = malloc(size + 8);
    memset(half, 'x', size + 8);
    assert_true(sse_reader_take(&r, half, size));
    assert_false(sse_reader_take(&r, half, size + 8));
    sse_reader_again(&r);
    memcpy(half, "data: ", 6);
    assert_true(sse_reader_take(&r, half, size));
    assert_true(sse_reader_take(&r, "\n", 1));
    assert_true(sse_reader_take(&r, half, size));
    assert_true(sse_reader_take(&r, "\n", 1));
    assert_true(sse_reader_take(&r, half, size));
    assert_false(sse_reader_take(&r, "\n", 1));
    sse_reader_fini(&r);
    free(half);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(as_a_browser_reads_them),
        cmocka_unit_test(what_the_server_writes),
        cmocka_unit_test(after_a_lost_connection),
        cmocka_unit_test(has_bounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
