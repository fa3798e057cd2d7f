#include "common/io/log_sparse.h"

#include "tests/lib/unit.h"

#include <stdio.h>

static void test_one_line_a_minute(void **state)
{
    struct log_sparse sparse = {0};
    uint64_t left_out = 7;
    assert_true(log_sparse_due(&sparse, "a", 1000, &left_out));
    assert_int_equal(left_out, 0);
    for (uint64_t i = 1; i <= 5; i++)
        assert_false(log_sparse_due(&sparse, "a", 1000 + i, &left_out));
    assert_true(log_sparse_due(&sparse, "b", 1000, &left_out));
    assert_true(log_sparse_due(&sparse, "a", 1000 + LOG_SPARSE_PAUSE_MS, &left_out));
    assert_int_equal(left_out, 5);
    log_sparse_fini(&sparse);
}

static void test_no_more_keys_than_there_is_room_for(void **state)
{
    struct log_sparse sparse = {0};
    uint64_t left_out;
    char key[32];
    for (int i = 0; i < LOG_SPARSE_KEYS; i++) {
        snprintf(key, sizeof key, "%d", i);
        assert_true(log_sparse_due(&sparse, key, 1000, &left_out));
    }
    assert_false(log_sparse_due(&sparse, "one more", 1000, &left_out));
    assert_true(log_sparse_due(&sparse, "one more", 1000 + LOG_SPARSE_PAUSE_MS, &left_out));
    log_sparse_fini(&sparse);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_one_line_a_minute),
                                       cmocka_unit_test(test_no_more_keys_than_there_is_room_for)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
