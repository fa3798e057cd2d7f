#include "tests/lib/unit.h"

#include "controller/core/stats.h"

static struct sample a_sample(uint64_t ago_ms)
{
    uint8_t random[10] = {7};
    return (struct sample){.id = sandbox_id_make(1, random),
                           .ago_ms = ago_ms,
                           .memory_unreclaimable_bytes = 50,
                           .memory_limit_bytes = 200,
                           .cpu_centi = 1234,
                           .memory_some_centi = SAMPLE_NO_PRESSURE,
                           .io_read_bytes = 4096,
                           .io_write_bytes = SAMPLE_NO_IO,
                           .responsive = true};
}

static void test_json_says_what_the_sample_says(void **state)
{
    char out[STATS_JSON_MAX];
    struct sample s = a_sample(500);
    s.open_violations = 1u | 16u | 8u;
    size_t len = stats_json(&s, false, 1500, out);
    assert_int_equal(len, strlen(out));
    assert_non_null(strstr(out, "\"sampled_at\":\"1970-01-01T00:00:01.000Z\""));
    assert_non_null(strstr(out, "\"percent\":25.00"));
    assert_non_null(strstr(out, "\"cpu\":{\"percent\":12.34"));
    assert_non_null(strstr(out, "\"memory_some_avg10\":null"));
    assert_non_null(strstr(out, "\"io\":{\"read_bytes\":4096,\"write_bytes\":null}"));
    assert_non_null(strstr(out, "\"violations\":[{\"kind\":\"memory\",\"level\":\"critical\"},"
                                "{\"kind\":\"pids\",\"level\":\"warning\"}]"));
    assert_non_null(strstr(out, "\"status\":\"degraded\""));
}

static void test_largest_numbers_fit(void **state)
{
    char out[STATS_JSON_MAX];
    struct sample s = a_sample(0);
    memset((char *)&s + offsetof(struct sample, memory_used_bytes), 0xff,
           offsetof(struct sample, memory_some_centi) - offsetof(struct sample, memory_used_bytes));
    assert_true(stats_json(&s, true, 0, out) < STATS_JSON_MAX);
    assert_true(stats_figures_json(&s, out) < STATS_JSON_MAX);
}

static bool is_first(void *arg, const struct sandbox_id *id)
{
    return !memcmp(id, arg, sizeof *id);
}

static void test_what_ended_unheard_is_forgotten(void **state)
{
    struct stats *stats = stats_new();
    struct sample first = a_sample(0), other = a_sample(0), found;
    uint8_t random[10] = {8};
    other.id = sandbox_id_make(2, random);
    stats_take(stats, 20000, &first);
    stats_take(stats, 20000, &other);
    stats_forget_others(stats, is_first, &first.id);
    assert_true(stats_find(stats, 20000, &first.id, &found));
    assert_false(stats_find(stats, 20000, &other.id, &found));
    stats_free(stats);
}

static void test_the_latest_wins(void **state)
{
    struct stats *stats = stats_new();
    struct sample s = a_sample(0), found;
    stats_take(stats, 20000, &s);
    s = a_sample(5000); /* an older sample that arrives late */
    s.cpu_centi = 1;
    stats_take(stats, 22000, &s);
    assert_true(stats_find(stats, 23000, &s.id, &found));
    assert_int_equal(found.cpu_centi, 1234);
    assert_int_equal(found.ago_ms, 3000);
    stats_forget(stats, &s.id);
    assert_false(stats_find(stats, 30000, &s.id, &found));
    stats_free(stats);
}

static void count(void *arg, const struct sample *s)
{
    ++*(int *)arg;
}

static void test_what_was_kept_is_never_shown_as_now(void **state)
{
    struct stats *stats = stats_new();
    struct sample s = a_sample(20000), found;
    int live = 0;
    s.kept = true;
    s.number = 1;
    stats_take(stats, 30000, &s);
    assert_false(stats_find(stats, 30000, &s.id, &found));
    stats_each(stats, count, &live);
    assert_int_equal(live, 0);
    assert_true(stats_last(stats, 30000, &s.id, &found) && found.ago_ms == 20000);
    s = a_sample(0);
    stats_take(stats, 31000, &s);
    assert_true(stats_find(stats, 31000, &s.id, &found) && !found.kept);
    assert_true(stats_last(stats, 31000, &s.id, &found) && !found.kept);
    s = a_sample(0); /* the last sample of a sandbox that ended */
    s.kept = true;
    stats_take(stats, 32000, &s);
    assert_true(stats_find(stats, 32000, &s.id, &found) && found.ago_ms == 1000);
    assert_true(stats_last(stats, 32000, &s.id, &found) && found.kept);
    stats_free(stats);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_json_says_what_the_sample_says),
        cmocka_unit_test(test_largest_numbers_fit),
        cmocka_unit_test(test_what_ended_unheard_is_forgotten),
        cmocka_unit_test(test_the_latest_wins),
        cmocka_unit_test(test_what_was_kept_is_never_shown_as_now),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
