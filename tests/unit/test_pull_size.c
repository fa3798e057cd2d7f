#include "tests/lib/unit.h"

#include "agent/core/pull_size.h"

#include <stdio.h>

static struct pull_size size;

static void test_each_layer_counts_once(void **state)
{
    memset(&size, 0, sizeof size);
    assert_int_equal(pull_size_note(&size, "0123456789ab", 100), 100);
    assert_int_equal(pull_size_note(&size, "0123456789ab", 100), 100);
    assert_int_equal(pull_size_note(&size, "ba9876543210", 50), 150);
    assert_int_equal(pull_size_note(&size, "0123456789ab", 40), 150); /* it does not shrink */
    assert_int_equal(pull_size_note(&size, "0123456789ab", 300), 350);
    assert_int_equal(pull_size_note(&size, "", 1), 351);
}

static void test_a_registry_that_lies(void **state)
{
    char id[20];
    memset(&size, 0, sizeof size);
    assert_true(pull_size_note(&size, "a", UINT64_MAX) == UINT64_MAX);
    assert_true(pull_size_note(&size, "b", UINT64_MAX) == UINT64_MAX);
    memset(&size, 0, sizeof size);
    for (int i = 0; i < PULL_LAYERS_MAX; i++) {
        snprintf(id, sizeof id, "%012d", i);
        assert_int_equal(pull_size_note(&size, id, 1), i + 1);
    }
    assert_true(pull_size_note(&size, "one more", 1) == UINT64_MAX);
    assert_int_equal(pull_size_note(&size, "000000000000", 2), PULL_LAYERS_MAX + 1);
    memset(&size, 0, sizeof size);
    assert_int_equal(pull_size_note(&size, "a name that is longer than any", 1), 1);
    assert_int_equal(pull_size_note(&size, "a name that is longer than any", 1), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_each_layer_counts_once),
                                       cmocka_unit_test(test_a_registry_that_lies)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
