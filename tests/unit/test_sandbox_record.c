#include "tests/lib/unit.h"

#include "agent/core/sandbox_record.h"

static struct sandbox_record good(void)
{
    return (struct sandbox_record){.generation = 7,
                                   .number = 9,
                                   .started_ms = 900,
                                   .ended_ms = 1000,
                                   .last_ms = 1000,
                                   .deadline_ms = 5000}; /* a deadline must be in the future */
}

static void test_a_good_one_is_left_as_it_is(void **state)
{
    struct sandbox_record was = good(), r = was;
    assert_null(sandbox_record_mend(&r, 1000));
    assert_memory_equal(&r, &was, sizeof r);
}

static void test_what_lies_ahead_is_now(void **state)
{
    struct sandbox_record r = good();
    r.ended_ms = 1001;
    assert_string_equal(sandbox_record_mend(&r, 1000), "its end was in the future, and is set to now");
    assert_int_equal(r.ended_ms, 1000);
    r.started_ms = UINT64_MAX;
    assert_string_equal(sandbox_record_mend(&r, 1000), "its start was in the future, and is set to now");
    assert_int_equal(r.started_ms, 1000);
    r.last_ms = UINT64_MAX - 1;
    assert_non_null(strstr(sandbox_record_mend(&r, 1000), "its last sample"));
    assert_int_equal(r.last_ms, 1000);
    assert_null(sandbox_record_mend(&r, 1000));
    assert_int_equal(r.deadline_ms, 5000);
}

static void test_a_number_that_cannot_be_told_begins_again(void **state)
{
    struct sandbox_record r = good();
    r.generation = r.number = SANDBOX_NUMBER_MAX;
    assert_null(sandbox_record_mend(&r, 1000));
    r.generation++;
    assert_non_null(strstr(sandbox_record_mend(&r, 1000), "generation"));
    assert_int_equal(r.generation, 0);
    r.number = UINT64_MAX;
    assert_non_null(strstr(sandbox_record_mend(&r, 1000), "the number of its status"));
    assert_int_equal(r.number, 0);
}

static void test_all_of_it_is_mended_at_once(void **state)
{
    struct sandbox_record r = {.generation = UINT64_MAX,
                               .number = UINT64_MAX,
                               .started_ms = UINT64_MAX,
                               .ended_ms = UINT64_MAX,
                               .last_ms = UINT64_MAX};
    assert_non_null(sandbox_record_mend(&r, 1));
    assert_null(sandbox_record_mend(&r, 1));
    assert_true(r.started_ms == 1 && r.ended_ms == 1 && r.last_ms == 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_a_good_one_is_left_as_it_is),
                                       cmocka_unit_test(test_what_lies_ahead_is_now),
                                       cmocka_unit_test(test_a_number_that_cannot_be_told_begins_again),
                                       cmocka_unit_test(test_all_of_it_is_mended_at_once)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
