#include "common/http/http_accept.h"

#include "common/base/defs.h"
#include "tests/lib/unit.h"

static void test_weights(void **state)
{
    static const struct {
        const char *accept;
        unsigned weight;
    } rows[] = {
        {NULL, 0},
        {"", 0},
        {"text/event-stream", 1000},
        {"Text/Event-Stream", 1000},
        {"application/json, text/event-stream", 1000},
        {" text/event-stream ;charset=utf-8 ; q=0.5 , x/y", 500},
        {"text/event-stream;Q=0.125", 125},
        {"text/event-stream;q=0", 0},
        {"text/event-stream;q=0.000, */*", 0},
        {"text/event-stream;q=1.000", 1000},
        {"text/event-stream;q=9", 1000}, /* no weight */
        {"text/event-stream;q=", 1000},
        {"text/event-stream;q=0.12345", 1000},
        {"text/event-stream;q=-1", 1000},
        {"text/event-stream-x", 0},
        {"x-text/event-stream", 0},
        {"text/*", 0},
        {"*/*", 0},
        {",,;q=1,", 0},
        {"text/event-stream;q=0, text/event-stream", 1000},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        unsigned weight = http_accept_weight(rows[i].accept, "text/event-stream");
        if (weight != rows[i].weight)
            fail_msg("%s: %u", rows[i].accept, weight);
    }
}

static void test_preference(void **state)
{
    assert_true(http_accept_prefers("a/b", "a/b", "c/d"));
    assert_true(http_accept_prefers("c/d, a/b", "a/b", "c/d"));
    assert_false(http_accept_prefers("c/d, a/b;q=0.9", "a/b", "c/d"));
    assert_true(http_accept_prefers("c/d;q=0.8, a/b;q=0.9", "a/b", "c/d"));
    assert_false(http_accept_prefers("*/*", "a/b", "c/d"));
    assert_false(http_accept_prefers(NULL, "a/b", "c/d"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_weights),
        cmocka_unit_test(test_preference),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
