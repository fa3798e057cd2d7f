#include "controller/core/decaying_histogram.h"
#include "controller/core/right_size.h"

#include "tests/lib/unit.h"

#include <math.h>

#define MIB        1048576.0
#define HOUR       3600
#define BEGIN      1800000000u
#define CONFIGURED (512 * (uint64_t)MIB)

static const struct right_size_limit memory = {CONFIGURED, 6291456, 2048 * (uint64_t)MIB};
static const struct right_size_limit cpu = {1000, 10, 2000};

/* A shape: MiB and thousandths of a processor in a minute. */
typedef double shape_fn(unsigned minute);

static double steady(unsigned minute)
{
    return 100;
}

static double idle(unsigned minute)
{
    return 2;
}

static double daily(unsigned minute)
{
    return 200 + 100 * sin(2 * M_PI * minute / 1440);
}

/* Three minutes of each hour. */
static double bursts(unsigned minute)
{
    return minute % 60 < 3 ? 300 : 50;
}

static double leak(unsigned minute)
{
    return 50 + 0.2 * minute;
}

/* Half-way through two days. */
static double step(unsigned minute)
{
    return minute < 1440 ? 50 : 250;
}

static struct right_size *used(shape_fn *shape, unsigned minutes)
{
    struct right_size *rs = right_size_new(true);
    for (unsigned begin = 0; begin < minutes; begin += 60) {
        struct right_size_window w = {
            .at_s = BEGIN + begin * 60u, .disk_bytes = 10 * (int64_t)MIB, .pids = 4};
        w.first_s = w.at_s;
        for (unsigned m = 0; m < 60; m++) {
            bool there = begin + m < minutes;
            w.memory_kib[m] = there ? (int64_t)(shape(begin + m) * 1024) : -1;
            w.cpu_millis[m] = there ? (int64_t)shape(begin + m) : -1;
            w.samples += there ? 6 : 0;
        }
        w.last_s = w.at_s + w.samples * 10;
        right_size_add(rs, &w);
    }
    return rs;
}

static struct right_size_estimate of(shape_fn *shape, unsigned minutes, enum right_size_kind kind)
{
    struct right_size_estimate e;
    struct right_size *rs = used(shape, minutes);
    assert_true(right_size_estimate(rs, kind, kind == RIGHT_SIZE_CPU ? &cpu : &memory, &e));
    assert_true(e.recommended >= e.peak);
    assert_true(e.recommended <= (kind == RIGHT_SIZE_CPU ? cpu.most : memory.most));
    assert_true(e.confidence > 0 && e.confidence < 1);
    assert_true(e.lower <= e.target && e.target <= e.upper);
    right_size_free(rs);
    return e;
}

static double mib(uint64_t bytes)
{
    return (double)bytes / MIB;
}

static void near(double value, double least, double most)
{
    if (value < least || value > most)
        fail_msg("%g is not between %g and %g", value, least, most);
}

static void test_histogram(void **state)
{
    struct decaying_histogram h;
    decaying_histogram_init(&h, 1, 86400);
    assert_true(decaying_histogram_empty(&h));
    assert_true(decaying_histogram_percentile(&h, 0.5) == 0);
    for (unsigned n = 1; n <= 1000; n++)
        decaying_histogram_add(&h, n, 1, BEGIN);
    near(decaying_histogram_percentile(&h, 0.5), 500, 526);
    near(decaying_histogram_percentile(&h, 0.9), 900, 946);
    near(decaying_histogram_percentile(&h, 1), 1000, 1051);
    decaying_histogram_add(&h, 1e300, 1, BEGIN); /* the last bucket */
    decaying_histogram_add(&h, NAN, 1, BEGIN);   /* the first */
    near(decaying_histogram_percentile(&h, 1), 1e6, 1e9);
    decaying_histogram_init(&h, 1, 86400);
    for (unsigned n = 0; n < 100000; n++) { /* each value is in a bucket that ends at it or later */
        decaying_histogram_init(&h, 1, 86400);
        decaying_histogram_add(&h, n, 1, BEGIN);
        near(decaying_histogram_percentile(&h, 1), n, n * 1.05 + 1.0001);
        n += n / 20;
    }
}

static void test_old_values_decay(void **state)
{
    struct decaying_histogram h;
    decaying_histogram_init(&h, 1, 86400);
    for (unsigned n = 0; n < 4; n++)
        decaying_histogram_add(&h, 100, 1, BEGIN);
    decaying_histogram_add(&h, 10, 1,
                           BEGIN + 2 * 86400 - 1000); /* four at a quarter, and a little more than one */
    near(decaying_histogram_percentile(&h, 0.49), 10, 11.5);
    near(decaying_histogram_percentile(&h, 0.51), 100, 106);
    decaying_histogram_add(&h, 10, 1, BEGIN + 2 * 86400);
    near(decaying_histogram_percentile(&h, 0.6), 10, 11.5);
    decaying_histogram_add(&h, 50, 1, BEGIN + 500u * 86400); /* the reference moves */
    near(decaying_histogram_percentile(&h, 0.01), 50, 53.5);
    decaying_histogram_add(&h, 10, 1, BEGIN); /* late */
    near(decaying_histogram_percentile(&h, 0.99), 50, 53.5);
}

static void test_known_shapes(void **state)
{
    near(mib(of(steady, 1440, RIGHT_SIZE_MEMORY).recommended), 115, 122);
    near((double)of(steady, 1440, RIGHT_SIZE_CPU).recommended, 110, 130);
    near(mib(of(daily, 7 * 1440, RIGHT_SIZE_MEMORY).recommended), 345, 362);
    near(mib(of(bursts, 1440, RIGHT_SIZE_MEMORY).recommended), 345, 362); /* each hour has its peak */
    near((double)of(bursts, 1440, RIGHT_SIZE_CPU).recommended, 300, 300); /* and the minute's CPU */
    near((double)of(bursts, 1440, RIGHT_SIZE_CPU).usual, 50, 54);         /* but is usually far below */
    near(mib(of(step, 2880, RIGHT_SIZE_MEMORY).recommended), 287, 302);
    near(mib(of(idle, 1440, RIGHT_SIZE_MEMORY).recommended), 6, 6); /* the least that may be asked for */
    near((double)of(idle, 1440, RIGHT_SIZE_CPU).recommended, 10, 10);
}

static void test_a_leak_is_not_made_smaller(void **state)
{
    static const unsigned minutes[] = {8, 30, 90, 600, 1440, 2000};
    for (size_t i = 0; i < sizeof minutes / sizeof minutes[0]; i++) {
        struct right_size_estimate e = of(leak, minutes[i], RIGHT_SIZE_MEMORY);
        assert_true(e.growing);
        assert_true(e.recommended >= memory.current);
    }
    assert_false(of(leak, 30, RIGHT_SIZE_CPU).growing);
    assert_false(of(steady, 600, RIGHT_SIZE_MEMORY).growing);
    assert_false(of(step, 2880, RIGHT_SIZE_MEMORY).growing);
    for (unsigned hours = 25; hours < 72; hours++)
        assert_false(of(daily, hours * 60, RIGHT_SIZE_MEMORY).growing); /* it was there the day before */
}

static void test_confidence_grows(void **state)
{
    struct right_size_estimate e[3] = {of(steady, 10, RIGHT_SIZE_MEMORY), of(steady, 360, RIGHT_SIZE_MEMORY),
                                       of(steady, 7 * 1440, RIGHT_SIZE_MEMORY)};
    near(e[0].confidence, 0.02, 0.03);
    near(e[1].confidence, 0.49, 0.51);
    near(e[2].confidence, 0.96, 0.97);
    assert_true(e[0].upper > e[1].upper && e[1].upper > e[2].upper);
    assert_true(e[0].lower < e[1].lower && e[1].lower < e[2].lower);
    for (size_t i = 0; i < 3; i++)
        assert_true(e[i].lower <= e[i].target && e[i].target <= e[i].upper);
}

static void test_too_little(void **state)
{
    struct right_size_estimate e;
    struct right_size *rs = used(steady, 4);
    assert_false(right_size_estimate(rs, RIGHT_SIZE_MEMORY, &memory, &e));
    right_size_free(rs);
    rs = right_size_new(false);
    assert_false(right_size_estimate(rs, RIGHT_SIZE_CPU, &cpu, &e));
    right_size_free(rs);
}

static void test_an_oom_kill_raises(void **state)
{
    struct right_size_estimate e;
    struct right_size *rs = used(steady, 600);
    right_size_oom(rs, BEGIN + 600 * 60, CONFIGURED, false);
    assert_true(right_size_estimate(rs, RIGHT_SIZE_MEMORY, &memory, &e));
    assert_true(e.useful);
    near(mib(e.recommended), 614.4, 616); /* 1.2 times the limit */
    right_size_free(rs);
    rs = right_size_new(false); /* nothing else is known */
    right_size_oom(rs, BEGIN, 64 * (uint64_t)MIB, true);
    struct right_size_limit small = {64 * (uint64_t)MIB, 6291456, 128 * (uint64_t)MIB};
    assert_true(right_size_estimate(rs, RIGHT_SIZE_MEMORY, &small, &e));
    assert_int_equal(e.recommended, small.most); /* 164 MiB is above the tier */
    assert_true(e.useful && e.confidence >= 0.5);
    assert_false(right_size_estimate(rs, RIGHT_SIZE_CPU, &cpu, &e));
    assert_int_equal(right_size_evidence(rs).freezes, 1);
    assert_int_equal(right_size_evidence(rs).ooms, 0);
    right_size_free(rs);
}

/* A difference that is not worth a change is not told. */
static void test_what_fits_is_left(void **state)
{
    struct right_size_estimate e;
    struct right_size *rs = used(steady, 600);
    struct right_size_limit limit = {125 * (uint64_t)MIB, 6291456, 2048 * (uint64_t)MIB};
    assert_true(right_size_estimate(rs, RIGHT_SIZE_MEMORY, &limit, &e));
    assert_false(e.useful);
    limit.current = e.recommended;
    assert_true(right_size_estimate(rs, RIGHT_SIZE_MEMORY, &limit, &e));
    assert_int_equal(e.recommended, limit.current);
    limit.current = 110 * (uint64_t)MIB; /* 91 % are held */
    assert_true(right_size_estimate(rs, RIGHT_SIZE_MEMORY, &limit, &e));
    assert_true(e.useful && e.recommended > limit.current);
    right_size_free(rs);
}

static void test_a_node_that_lies(void **state)
{
    struct right_size_estimate e;
    struct right_size *rs = right_size_new(true);
    struct right_size_window w = {
        .at_s = UINT64_MAX / 2, .first_s = UINT64_MAX / 2, .last_s = 0, .samples = UINT64_MAX / 4};
    w.disk_bytes = w.pids = INT64_MAX;
    for (unsigned m = 0; m < RIGHT_SIZE_MINUTES; m++)
        w.memory_kib[m] = w.cpu_millis[m] = m % 2 ? INT64_MAX : INT64_MIN;
    right_size_add(rs, &w);
    w.at_s = w.first_s = 0;
    right_size_add(rs, &w);
    for (size_t k = 0; k < RIGHT_SIZE_KINDS; k++) {
        assert_true(right_size_estimate(rs, k, &memory, &e));
        assert_int_equal(e.recommended, memory.most);
        assert_true(e.confidence >= 0 && e.confidence <= 1);
    }
    right_size_free(rs);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_histogram),          cmocka_unit_test(test_old_values_decay),
        cmocka_unit_test(test_known_shapes),       cmocka_unit_test(test_a_leak_is_not_made_smaller),
        cmocka_unit_test(test_confidence_grows),   cmocka_unit_test(test_too_little),
        cmocka_unit_test(test_an_oom_kill_raises), cmocka_unit_test(test_what_fits_is_left),
        cmocka_unit_test(test_a_node_that_lies)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
