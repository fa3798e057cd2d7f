#include "tests/lib/unit.h"

#include "agent/core/pull_size.h"

#include <stdio.h>

static struct pull_size size;

static uint64_t note(const char *id, uint64_t bytes)
{
    uint64_t total = 0;
    assert_true(pull_size_note(&size, id, bytes, &total));
    return total;
}

static void test_each_layer_counts_once(void **state)
{
    memset(&size, 0, sizeof size);
    assert_int_equal(note("0123456789ab", 100), 100);
    assert_int_equal(note("0123456789ab", 100), 100);
    assert_int_equal(note("ba9876543210", 50), 150);
    assert_int_equal(note("0123456789ab", 40), 150); /* a size never shrinks */
    assert_int_equal(note("0123456789ab", 300), 350);
    assert_int_equal(note("", 1), 351);
}

static void test_a_registry_that_lies(void **state)
{
    char id[20];
    memset(&size, 0, sizeof size);
    assert_true(note("a", UINT64_MAX) == UINT64_MAX);
    assert_true(note("b", UINT64_MAX) == UINT64_MAX);
    memset(&size, 0, sizeof size);
    for (int i = 0; i < PULL_LAYERS_MAX; i++) {
        snprintf(id, sizeof id, "%012d", i);
        assert_int_equal(note(id, 1), i + 1);
    }
    assert_false(pull_size_note(&size, "one more", 0, &(uint64_t){0}));
    assert_int_equal(note("000000000000", 2), PULL_LAYERS_MAX + 1);
    memset(&size, 0, sizeof size);
    assert_int_equal(note("a name that is longer than any", 1), 1);
    assert_int_equal(note("a name that is longer than any", 1), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_each_layer_counts_once),
                                       cmocka_unit_test(test_a_registry_that_lies)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
