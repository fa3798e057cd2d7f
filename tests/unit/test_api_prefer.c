#include "tests/lib/unit.h"

#include "common/base/defs.h"
#include "controller/api/api_prefer.h"

static void test_it_is_preferred(void **state)
{
    static const char *const values[] = {"respond-async",
                                         "Respond-Async",
                                         " respond-async ; wait=5",
                                         "wait=10, respond-async",
                                         "respond-async, wait=10",
                                         "return=\"a, b\", respond-async",
                                         "foo;x=\"\\\",\", respond-async",
                                         ",, respond-async ,",
                                         "respond-async=\"\""};
    for (size_t i = 0; i < ARRAY_LEN(values); i++)
        assert_true(api_prefers(values[i], "respond-async"));
}

static void test_it_is_not(void **state)
{
    static const char *const values[] = {NULL,
                                         "",
                                         ",",
                                         "respond-asynchronously",
                                         "x-respond-async",
                                         "no respond-async",
                                         "return=respond-async",
                                         "foo=\"respond-async\"",
                                         "foo=\"a, respond-async\"",
                                         "foo=\"a, respond-async",
                                         "respond-async=false",
                                         "respond"};
    for (size_t i = 0; i < ARRAY_LEN(values); i++)
        assert_false(api_prefers(values[i], "respond-async"));
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_it_is_preferred),
        cmocka_unit_test(test_it_is_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
