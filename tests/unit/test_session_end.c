#include "tests/lib/unit.h"

#include "cli/session_end.h"
#include "common/base/defs.h"

#include <stdlib.h>

static void expect(const char *status, int code, const char *says)
{
    char *why;
    assert_int_equal(session_end_read((const uint8_t *)status, strlen(status), &why), code);
    assert_int_equal(why != NULL, says != NULL);
    if (says)
        assert_string_equal(why, says);
    free(why);
}

static void test_ends(void **state)
{
    const char *nothing = "the server does not tell how the process ended";
    (void)state;
    expect("{\"status\":\"Success\",\"exit_code\":0,\"signal\":null}", 0, NULL);
    expect("{\"exit_code\":7,\"signal\":null}", 7, NULL);
    expect("{\"exit_code\":null,\"signal\":15}", 128 + 15, NULL);
    expect("{\"exit_code\":259}", 3, NULL);
    expect("{\"exit_code\":null,\"signal\":null,\"reason\":\"expired\",\"message\":\"its time is up\"}", -1,
           "the sandbox has ended: its time is up, expired");
    expect("{\"reason\":\"a\\u001b[2J\"}", -1, "the sandbox has ended: a?[2J");
    expect("", -1, nothing);
    expect("7", -1, nothing);
    expect("{\"signal\":0}", -1, nothing);
    expect("{\"signal\":1000000000000}", -1, nothing);
    expect("{\"exit_code\":1.5}", -1, nothing);
}

static void test_closes(void **state)
{
    static const unsigned back[] = {1001, 1006, 1012, 1013},
                          not_back[] = {1000, 1002, 1005, 1008, 1009, 1011, 4000};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(back); i++)
        assert_true(session_end_comes_back(back[i]));
    for (size_t i = 0; i < ARRAY_LEN(not_back); i++) {
        assert_false(session_end_comes_back(not_back[i]));
        assert_non_null(session_end_why(not_back[i]));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_ends), cmocka_unit_test(test_closes)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
