#include "controller/core/limit.h"
#include "tests/lib/unit.h"

static const struct limit_set free_tier = {
    .value = {[LIMIT_MEMORY_BYTES] = 256 << 20,
              [LIMIT_CPU_MILLIS] = 500,
              [LIMIT_CPU_SHARES] = 512,
              [LIMIT_PIDS] = 128,
              [LIMIT_NOFILE] = 1024,
              [LIMIT_LIFETIME_SECONDS] = 7200},
};
static const struct limit_set defaults = {
    .value = {[LIMIT_MEMORY_BYTES] = 512 << 20, [LIMIT_CPU_SHARES] = 256, [LIMIT_LIFETIME_SECONDS] = 86400},
};
static const struct limit_set none;

static void test_a_default_is_lowered_and_a_missing_one_is_the_maximum(void **state)
{
    struct limit_set out;
    enum limit_kind field;
    assert_int_equal(limit_resolve(&none, &defaults, &free_tier, &out, &field, NULL), 0);
    assert_int_equal(out.value[LIMIT_MEMORY_BYTES], 256 << 20);
    assert_int_equal(out.value[LIMIT_CPU_SHARES], 256);
    assert_int_equal(out.value[LIMIT_CPU_MILLIS], 500);
    assert_int_equal(out.value[LIMIT_LIFETIME_SECONDS], 7200);
}

static void test_a_request_above_the_maximum_is_refused_and_nothing_is_written(void **state)
{
    struct limit_set asked = {.value = {[LIMIT_PIDS] = 129}}, out = {.value = {1}};
    enum limit_kind field;
    struct err e;
    assert_int_equal(limit_resolve(&asked, &defaults, &free_tier, &out, &field, &e), ERR_ABOVE_TIER_LIMIT);
    assert_int_equal(field, LIMIT_PIDS);
    assert_non_null(strstr(e.text, "pids: 129 is above the 128"));
    assert_int_equal(out.value[0], 1);
    asked.value[LIMIT_PIDS] = 128;
    assert_int_equal(limit_resolve(&asked, &defaults, &free_tier, &out, &field, &e), 0);
    assert_int_equal(out.value[LIMIT_PIDS], 128);
}

static void test_an_override_stands_in_for_the_tier(void **state)
{
    struct limit_set overrides = {.value = {[LIMIT_PIDS] = 300}};
    struct limit_set maxima = limit_maxima(&free_tier, &overrides, &defaults);
    assert_int_equal(maxima.value[LIMIT_PIDS], 300);
    assert_int_equal(maxima.value[LIMIT_NOFILE], 1024);
}

static void test_a_null_column_falls_back_to_the_installation(void **state)
{
    struct limit_set fallback = {
        .value = {[LIMIT_MEMORY_BYTES] = 512 << 20, [LIMIT_CPU_MILLIS] = 1000, [LIMIT_PIDS] = 256}};
    struct limit_set maxima = limit_maxima(&none, &none, &fallback);
    struct limit_set asked = {.value = {[LIMIT_CPU_MILLIS] = 1001}}, out;
    enum limit_kind field;
    assert_int_equal(limit_resolve(&asked, &defaults, &maxima, &out, &field, NULL), ERR_ABOVE_TIER_LIMIT);
    assert_int_equal(limit_resolve(&none, &defaults, &maxima, &out, &field, NULL), 0);
    assert_int_equal(out.value[LIMIT_MEMORY_BYTES], 512 << 20);
    assert_int_equal(out.value[LIMIT_CPU_MILLIS], 1000);
    assert_int_equal(out.value[LIMIT_PIDS], 256);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_default_is_lowered_and_a_missing_one_is_the_maximum),
        cmocka_unit_test(test_a_request_above_the_maximum_is_refused_and_nothing_is_written),
        cmocka_unit_test(test_an_override_stands_in_for_the_tier),
        cmocka_unit_test(test_a_null_column_falls_back_to_the_installation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
