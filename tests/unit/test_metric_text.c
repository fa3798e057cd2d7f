#include "common/base/metric_text.h"

#include "tests/lib/unit.h"

static void test_values_and_labels(void **state)
{
    struct metric_text out = {0};
    metric_text_begin(&out, "corral_a_total", "counter", "", "What it is.");
    metric_text_put(&out, 12345678901234567.0, NULL);
    metric_text_begin(&out, "corral_b", "gauge", "node,kind", "Another.");
    metric_text_put(&out, 0.25, "n1", "x", NULL);
    metric_text_put(&out, -1, "a\"b\\c\nd", "", NULL);
    assert_string_equal(out.text.data, "# HELP corral_a_total What it is.\n"
                                       "# TYPE corral_a_total counter\n"
                                       "corral_a_total 12345678901234568\n"
                                       "# HELP corral_b Another.\n"
                                       "# TYPE corral_b gauge\n"
                                       "corral_b{node=\"n1\",kind=\"x\"} 0.25\n"
                                       "corral_b{node=\"a\\\"b\\\\c\\nd\",kind=\"\"} -1\n");
    text_fini(&out.text);
}

static void test_histograms(void **state)
{
    static const struct histogram_bounds bounds = {{2500, 1000000, 300000000}};
    struct histogram h = {0};
    struct metric_text out = {0};
    histogram_add(&h, &bounds, 2500);
    histogram_add(&h, &bounds, 1500000);
    histogram_add(&h, &bounds, 301000000);
    metric_text_begin(&out, "t_seconds", "histogram", "step", "T.");
    metric_text_histogram(&out, &bounds, &h, "s", NULL);
    metric_text_begin(&out, "u_seconds", "histogram", "", "U.");
    metric_text_histogram(&out, &bounds, &(struct histogram){0}, NULL);
    assert_string_equal(out.text.data, "# HELP t_seconds T.\n"
                                       "# TYPE t_seconds histogram\n"
                                       "t_seconds_bucket{step=\"s\",le=\"0.0025\"} 1\n"
                                       "t_seconds_bucket{step=\"s\",le=\"1\"} 1\n"
                                       "t_seconds_bucket{step=\"s\",le=\"300\"} 2\n"
                                       "t_seconds_bucket{step=\"s\",le=\"+Inf\"} 3\n"
                                       "t_seconds_sum{step=\"s\"} 302.5025\n"
                                       "t_seconds_count{step=\"s\"} 3\n"
                                       "# HELP u_seconds U.\n"
                                       "# TYPE u_seconds histogram\n"
                                       "u_seconds_bucket{le=\"0.0025\"} 0\n"
                                       "u_seconds_bucket{le=\"1\"} 0\n"
                                       "u_seconds_bucket{le=\"300\"} 0\n"
                                       "u_seconds_bucket{le=\"+Inf\"} 0\n"
                                       "u_seconds_sum 0\n"
                                       "u_seconds_count 0\n");
    text_fini(&out.text);
}

static void test_summaries(void **state)
{
    struct metric_text out = {0};
    metric_text_begin(&out, "s", "summary", "quantile", "S.");
    metric_text_put(&out, 0.5, "0.95", NULL);
    metric_text_summary(&out, 7.5, 3);
    assert_string_equal(out.text.data,
                        "# HELP s S.\n# TYPE s summary\ns{quantile=\"0.95\"} 0.5\ns_sum 7.5\ns_count 3\n");
    text_fini(&out.text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_values_and_labels),
                                       cmocka_unit_test(test_histograms), cmocka_unit_test(test_summaries)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
