#include "tests/lib/unit.h"

#include "agent/init/init_twins.h"

#include <stdio.h>

static void test_what_was_added_is_found(void **state)
{
    struct twins twins = {0};
    char path[32];
    assert_null(twins_find(&twins, 1, 1));
    for (unsigned i = 0; i < 5000; i++) {
        snprintf(path, sizeof path, "folder/%u", i);
        twins_add(&twins, i % 3, 1ull << 33 | i / 3, path);
    }
    for (unsigned i = 0; i < 5000; i++) {
        snprintf(path, sizeof path, "folder/%u", i);
        assert_string_equal(twins_find(&twins, i % 3, 1ull << 33 | i / 3), path);
    }
    assert_null(twins_find(&twins, 3, 1ull << 33));
    assert_null(twins_find(&twins, 0, 5000));
    twins_fini(&twins);
    assert_null(twins_find(&twins, 0, 1ull << 33));
}

/* Past the bound, hard links become files of their own. */
static void test_it_is_bounded(void **state)
{
    struct twins twins = {0};
    for (unsigned i = 0; i < TWINS_MAX + 10; i++)
        twins_add(&twins, 1, i, "x");
    assert_int_equal(twins.count, TWINS_MAX);
    assert_non_null(twins_find(&twins, 1, TWINS_MAX - 1));
    assert_null(twins_find(&twins, 1, TWINS_MAX));
    twins_fini(&twins);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_was_added_is_found),
        cmocka_unit_test(test_it_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
