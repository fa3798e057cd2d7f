#include "controller/core/trend.h"
#include "tests/lib/load_shapes.h"
#include "tests/lib/unit.h"

#include <math.h>

#define DAYS 56

static struct trend of(enum load_shape shape, size_t days, double noise, uint64_t seed)
{
    struct trend_point p[TREND_POINTS_MAX + 50];
    shape_points(shape, days, noise, seed, p);
    return trend_of(p, days);
}

static void near(double got, double expected, double off)
{
    if (!(fabs(got - expected) <= off))
        fail_msg("expected %g within %g, got %g", expected, off, got);
}

static void test_exact(void **state)
{
    struct trend flat = of(SHAPE_FLAT, DAYS, 0, 1), line = of(SHAPE_LINEAR, DAYS, 0, 1);
    near(flat.slope, 0, 0);
    assert_true(isinf(trend_until(&flat, SHAPE_CAPACITY).days));
    near(line.slope, 5, 1e-9);
    near(line.slope_low, 5, 1e-9);
    near(line.slope_high, 5, 1e-9);
    near(trend_at(&line, DAYS + 13), 300 + 5 * (DAYS + 13), 1e-6);
    /* 575 on the last day, so that 1000 are reached 85 days later. */
    near(trend_until(&line, SHAPE_CAPACITY).days, 85, 1e-6);
    near(trend_until(&line, 575).days, 0, 1e-6);
    near(trend_until(&line, 100).days, 0, 0);
}

static void test_week(void **state)
{
    struct trend week = of(SHAPE_WEEKLY, DAYS, 0, 1);
    assert_true(week.weekly);
    near(week.slope, 5, 1e-9);
    for (int day = DAYS; day < DAYS + 14; day++)
        near(trend_at(&week, day), shape_at(SHAPE_WEEKLY, day, DAYS), 1e-6);
    near(trend_until(&week, SHAPE_CAPACITY).days, 85, 1e-6); /* the weekdays reach it first */
}

static void test_step(void **state)
{
    struct trend step = of(SHAPE_STEP, DAYS, 30, 1), grows = of(SHAPE_STEP_GROWS, DAYS, 3, 1),
                 line = of(SHAPE_LINEAR, DAYS, 30, 1);
    assert_true(step.stepped && step.points == DAYS / 2);
    assert_true(step.slope_low <= 0); /* no growth */
    near(step.level, 600, 30);
    assert_true(grows.stepped);
    near(grows.slope, 5, 0.5);
    assert_false(line.stepped);
}

static void test_noise(void **state)
{
    /* The interval holds the slope in about 90 of 100 cases. */
    unsigned held = 0, found = 0, weekly = 0;
    for (uint64_t seed = 1; seed <= 200; seed++) {
        struct trend line = of(SHAPE_LINEAR, DAYS, 60, seed * 7919),
                     flat = of(SHAPE_NOISE, DAYS, 15, seed * 104729),
                     week = of(SHAPE_WEEKLY, DAYS, 60, seed * 31);
        held += line.slope_low <= 5 && line.slope_high >= 5;
        found += flat.slope_low > 0;
        weekly += week.slope_low <= 5 && week.slope_high >= 5;
    }
    assert_in_range(held, 165, 200);
    assert_in_range(weekly, 165, 200);
    assert_in_range(found, 0, 20); /* 5 in 100 are to be expected */
}

static void test_outliers(void **state)
{
    struct trend t = of(SHAPE_OUTLIERS, DAYS, 15, 1);
    near(t.slope, 5, 0.3);
    near(trend_until(&t, SHAPE_CAPACITY).days, 85, 8);
}

static void test_bounds(void **state)
{
    struct trend_point same[30], gaps[30];
    assert_false(trend_of(NULL, 0).known);
    assert_false(of(SHAPE_LINEAR, 6, 0, 1).known);
    assert_true(of(SHAPE_LINEAR, 7, 0, 1).known);
    assert_int_equal(of(SHAPE_LINEAR, TREND_POINTS_MAX + 50, 0, 1).points, TREND_POINTS_MAX);
    for (int i = 0; i < 30; i++) {
        same[i] = (struct trend_point){5, i};
        gaps[i] = (struct trend_point){i * 3, 10 + i * 6};
    }
    assert_false(trend_of(same, 30).known); /* all on one day */
    near(trend_of(gaps, 30).slope, 2, 1e-9);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_exact),    cmocka_unit_test(test_week),
                                       cmocka_unit_test(test_step),     cmocka_unit_test(test_noise),
                                       cmocka_unit_test(test_outliers), cmocka_unit_test(test_bounds)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
