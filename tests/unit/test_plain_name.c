#include "tests/lib/unit.h"

#include "common/defs.h"
#include "common/plain_name.h"

static void test_names_that_people_give(void **state)
{
    static const char *const good[] = {"",
                                       "a",
                                       "web 1",
                                       "Zo\u00eb",
                                       "Zoe\u0308",
                                       "\u5317\u4eac",
                                       "\u2764\ufe0f x",
                                       "\U0001f600",
                                       "a-b_c.d/e:f",
                                       "\u05e9\u05dc\u05d5\u05dd",
                                       "1"};
    for (size_t i = 0; i < ARRAY_LEN(good); i++)
        assert_null(plain_name_wrong(good[i]));
}

static void test_what_is_not_seen_or_turns_what_is_seen(void **state)
{
    static const char *const bad[] = {
        " ",         "\u00a0",     "\u3000\u2003", "a ",          " a",     "a\u2009", "\u200b",
        "a\u200bb",  "a\u202eb",   "a\u2066b",     "a\u200d",     "\t",     "a\nb",    "\x7f",
        "a\xc2\x85", "a\xc2\x9b",  "\u00ad",       "\ufeffa",     "\u3164", "\u2800",  "\u2028",
        "\ufe0f",    "\U000e0041", "\U000e0100",   "a\U0001d173", "\u061c", "\u180e"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_non_null(plain_name_wrong(bad[i]));
}

/* No byte lies behind the end of a text that is cut. */
static void test_bytes_that_are_no_text(void **state)
{
    static const char *const cut[] = {"\xf0", "\xe2\x80", "a\xc3", "\xff\xfe", "\x80"};
    for (size_t i = 0; i < ARRAY_LEN(cut); i++)
        (void)plain_name_wrong(cut[i]);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names_that_people_give),
        cmocka_unit_test(test_what_is_not_seen_or_turns_what_is_seen),
        cmocka_unit_test(test_bytes_that_are_no_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
