#include "tests/lib/unit.h"

#include "controller/api/key_set.h"

#include "common/io/api_key.h"

#include <stdio.h>

static void test_it_has_what_it_was_filled_with(void **state)
{
    enum { COUNT = 3000 };
    static char all[COUNT * 12 + 8];
    struct key_set set = {0};
    char prefix[API_KEY_PREFIX_LEN + 1];
    size_t len = 0;
    for (int i = 0; i < COUNT; i++) {
        (void)api_key_prefix(api_key_make().text, prefix);
        strcpy(all + len, prefix + 4);
        len += 12;
    }
    key_set_fill(&set, all);
    assert_int_equal(set.count, COUNT);
    for (int i = 0; i < COUNT; i++) {
        snprintf(prefix, sizeof prefix, "crl_%.12s", all + (size_t)i * 12);
        assert_true(key_set_has(&set, prefix));
    }
    for (int i = 0; i < COUNT; i++) {
        (void)api_key_prefix(api_key_make().text, prefix);
        assert_false(key_set_has(&set, prefix));
        key_set_add(&set, prefix);
        assert_true(key_set_has(&set, prefix));
    }
    key_set_fill(&set, NULL);
    assert_false(key_set_has(&set, prefix));
    key_set_fini(&set);
}

static void test_strange_texts_are_passed_over(void **state)
{
    struct key_set set = {0};
    assert_false(key_set_has(&set, "crl_000000000000"));
    key_set_add(&set, "*");
    key_set_add(&set, "crl_00000000000!");
    key_set_add(&set, "crl_short");
    key_set_fill(&set, "00000000000");
    assert_int_equal(set.count, 0);
    key_set_fill(&set, "00000000000l000000000000zz");
    assert_int_equal(set.count, 1);
    assert_true(key_set_has(&set, "crl_000000000000"));
    key_set_fini(&set);
}

static void test_past_its_bound_any_may_be_one(void **state)
{
    struct key_set set = {0};
    char prefix[API_KEY_PREFIX_LEN + 1];
    static const char digits[] = "0123456789abcdefghjkmnpqrstvwxyz";
    for (unsigned i = 0; i <= KEY_SET_MAX; i++) {
        strcpy(prefix, "crl_000000000000");
        for (unsigned n = i, at = 4; n; n >>= 5, at++)
            prefix[at] = digits[n & 31];
        key_set_add(&set, prefix);
    }
    assert_true(key_set_has(&set, "crl_zzzzzzzzzzzz"));
    key_set_fini(&set);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_it_has_what_it_was_filled_with),
        cmocka_unit_test(test_strange_texts_are_passed_over),
        cmocka_unit_test(test_past_its_bound_any_may_be_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
