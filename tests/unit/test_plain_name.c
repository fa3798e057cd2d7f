#include "tests/lib/unit.h"

#include "common/base/defs.h"
#include "common/base/plain_name.h"

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
                                       "1",
                                       "\u0645\u06cc\u200c\u0631\u0648\u062f", /* Persian */
                                       "\u06a9\u062a\u0627\u0628\u064e\u200c\u0647\u0627 1",
                                       "\u0628\u064e\u200c\u0628\u200c\u0627",
                                       "\u0d9a\u0dca\u200d\u0dbb", /* Sinhala */
                                       "\u0915\u094d\u200d\u0937",
                                       "\u0915\u094d\u200c\u0937",
                                       "\u0d28\u0d4d\u200d", /* Malayalam, at the end */
                                       "a \U0001f469\u200d\U0001f4bb b",
                                       "\U0001f468\u200d\U0001f469\u200d\U0001f467",
                                       "\U0001f3f3\ufe0f\u200d\U0001f308",
                                       "\u26f9\U0001f3fd\u200d\u2640\ufe0f",
                                       "\U0001f3f4\u200d\u2620\ufe0f"};
    for (size_t i = 0; i < ARRAY_LEN(good); i++)
        assert_null(plain_name_wrong(good[i]));
}

static void test_what_is_not_seen_or_turns_what_is_seen(void **state)
{
    static const char *const bad[] = {
        " ", "\u00a0", "\u3000\u2003", "a ", " a", "a\u2009", "\u200b", "a\u200bb", "a\u202eb", "a\u2066b",
        "a\u200d", "\t", "a\nb", "\x7f", "a\xc2\x85", "a\xc2\x9b", "\u00ad", "\ufeffa", "\u3164", "\u2800",
        "\u2028", "\ufe0f", "\U000e0041", "\U000e0100", "a\U0001d173", "\u061c", "\u180e",
        /* joiners without effect */
        "\u200c", "\u200d", "a\u200cb", "\u0645\u200c", "\u200c\u0645", "\u0627\u200c\u0645",
        "\u0645\u200c\u200c\u0645", "\u0645\u200ca", "\u0645\u200d\u0645", "\U0001f469\u200d",
        "\u200d\U0001f469", "\U0001f469\u200c\U0001f4bb", "\U0001f469\u200d\u200d\U0001f4bb",
        "\U0001f469\u200da", "\u094d\u200d\u200d", "1\ufe0f\u200d2"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_non_null(plain_name_wrong(bad[i]));
}

/* No byte of the text remains after the end of a text that was cut. */
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
