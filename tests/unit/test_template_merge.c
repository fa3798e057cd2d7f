/* What a template and a request say, put together: the request goes before, field by field. */
#include "controller/core/sandbox_request.h"
#include "controller/ops/template_merge.h"
#include "tests/lib/unit.h"

#include <stdlib.h>

static json_t *of(const char *text)
{
    json_t *json = json_loads(text, 0, NULL);
    assert_non_null(json);
    return json;
}

static void assert_both(json_t *(*put)(const json_t *, const json_t *), const char *template,
                        const char *body, const char *expected)
{
    json_t *a = of(template), *b = of(body), *was = json_deep_copy(a), *both = put(a, b),
           *right = of(expected);
    if (!json_equal(both, right))
        fail_msg("%s and %s: %s", template, body, json_dumps(both, 0));
    assert_true(json_equal(a, was));
    json_decref(a);
    json_decref(b);
    json_decref(was);
    json_decref(both);
    json_decref(right);
}

static void test_a_request_goes_before_its_template(void **state)
{
    assert_both(template_merge, "{}", "{\"template\": \"x\"}", "{}");
    assert_both(template_merge, "{\"image\": \"a\", \"pids\": 5, \"command\": [\"a\", \"b\"]}",
                "{\"template\": \"x\", \"pids\": 6, \"command\": []}",
                "{\"image\": \"a\", \"pids\": 6, \"command\": []}");
    assert_both(template_merge, "{\"use_image_command\": true, \"network\": \"egress\"}",
                "{\"use_image_command\": false, \"network\": \"none\"}",
                "{\"use_image_command\": false, \"network\": \"none\"}");
}

static void test_labels_are_united_and_environments_go_their_own_way(void **state)
{
    assert_both(template_merge, "{\"labels\": {\"a\": \"1\", \"b\": \"2\"}, \"node_labels\": {\"x\": \"y\"}}",
                "{\"labels\": {\"b\": \"3\"}, \"env\": {\"A\": \"secret\"}}",
                "{\"labels\": {\"a\": \"1\", \"b\": \"3\"}, \"node_labels\": {\"x\": \"y\"}}");
    assert_both(template_merge, "{}", "{\"labels\": {\"b\": \"3\"}}", "{\"labels\": {\"b\": \"3\"}}");
}

static void test_a_change_replaces_and_takes_away(void **state)
{
    assert_both(template_change,
                "{\"pids\": 5, \"labels\": {\"a\": \"1\"}, \"ready\": {\"command\": [\"x\"]}}",
                "{\"pids\": null, \"labels\": {\"b\": \"2\"}, \"image\": null}",
                "{\"labels\": {\"b\": \"2\"}, \"ready\": {\"command\": [\"x\"]}}");
}

static void test_own_variables_go_before(void **state)
{
    struct sandbox_request request = {0};
    struct string_list of_template = {0};
    string_list_add(&request.spec.env, "A=1");
    string_list_add(&request.spec.env, "LONG=2");
    string_list_add(&of_template, "A=9");
    string_list_add(&of_template, "LON=3");
    string_list_add(&of_template, "B=");
    sandbox_request_add_env(&request, &of_template);
    assert_int_equal(request.spec.env.count, 4);
    assert_string_equal(request.spec.env.item[0], "A=1");
    assert_string_equal(request.spec.env.item[2], "LON=3");
    assert_string_equal(request.spec.env.item[3], "B=");
    string_list_fini(&of_template);
    sandbox_request_fini(&request);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_request_goes_before_its_template),
        cmocka_unit_test(test_labels_are_united_and_environments_go_their_own_way),
        cmocka_unit_test(test_a_change_replaces_and_takes_away),
        cmocka_unit_test(test_own_variables_go_before),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
