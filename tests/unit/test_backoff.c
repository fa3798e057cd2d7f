#include "common/base/backoff.h"
#include "tests/lib/unit.h"

static void test_waits_grow_to_the_bound_and_stay_inside(void **state)
{
    struct backoff b;
    backoff_init(&b, 100, 5000);
    uint32_t bound = 100;
    for (uint32_t i = 0; i < 100; i++) {
        uint32_t wait = backoff_next(&b, i * 2654435761u);
        assert_in_range(wait, bound / 2, bound);
        bound = bound * 2 < 5000 ? bound * 2 : 5000;
    }
    backoff_reset(&b);
    assert_in_range(backoff_next(&b, 7), 50, 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_waits_grow_to_the_bound_and_stay_inside)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
