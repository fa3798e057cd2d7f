#include "tests/lib/unit.h"

#include "controller/api/rate_table.h"

#include <stdio.h>

static const struct rate_rule rule = {1, 2};

static void test_names_do_not_share(void **state)
{
    struct rate_table table = {0};
    assert_true(rate_table_take(&table, "a", &rule, 1000).allowed);
    assert_true(rate_table_take(&table, "a", &rule, 1000).allowed);
    assert_false(rate_table_take(&table, "a", &rule, 1000).allowed);
    assert_true(rate_table_take(&table, "b", &rule, 1000).allowed);
    assert_true(rate_table_take(&table, "a", &rule, 2000).allowed);
    rate_table_fini(&table);
}

static void test_the_longest_unused_goes(void **state)
{
    struct rate_table table = {0};
    char name[32];
    for (int i = 0; i < 3; i++)
        (void)rate_table_take(&table, "busy", &rule, 1000);
    for (int i = 0; i < 3 * RATE_TABLE_MAX; i++) {
        snprintf(name, sizeof name, "other-%d", i);
        (void)rate_table_take(&table, name, &rule, 1000);
        if (i % 100 == 0)
            assert_false(rate_table_take(&table, "busy", &rule, 1000).allowed);
    }
    assert_int_equal(rate_table_count(&table), RATE_TABLE_MAX);
    assert_true(rate_table_take(&table, "other-0", &rule, 1000).allowed);
    rate_table_fini(&table);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names_do_not_share),
        cmocka_unit_test(test_the_longest_unused_goes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
