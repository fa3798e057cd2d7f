#include "tests/lib/unit.h"

#include "controller/core/sandbox_request.h"
#include "controller/ops/routes.h"

#include <stdio.h>

static int check(const struct api_body *schema, const char *body, char pointer[300])
{
    json_t *out, *errors;
    struct err e;
    int rc = api_schema_check(schema, body, strlen(body), &out, &errors, &e);
    const char *first = json_string_value(json_object_get(json_array_get(errors, 0), "pointer"));
    snprintf(pointer, 300, "%s", first ? first : "");
    json_decref(out);
    json_decref(errors);
    return rc;
}

static void test_hostile_bodies(void **state)
{
    static const struct {
        const char *body, *pointer;
        int code;
    } rows[] = {
        {"{}", "", 0},
        {"{\"image\":\"corral-base:latest\",\"command\":[\"sh\",\"-c\",\"exit 3\"],\"env\":{\"A\":\"b\"}}",
         "", 0},
        {"", "", ERR_MALFORMED_JSON},
        {"{", "", ERR_MALFORMED_JSON},
        {"[]", "", ERR_INVALID},
        {"{\"image\":\"a\",\"image\":\"b\"}", "", ERR_MALFORMED_JSON},
        {"{\"image\":\"a\\u0000b\"}", "", ERR_MALFORMED_JSON},
        {"{\"image\":\"\xff\"}", "", ERR_MALFORMED_JSON},
        {"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]", "", ERR_MALFORMED_JSON},
        {"{\"imagе\":\"a\"}", "/imagе", ERR_INVALID},
        {"{\"image\":\"a;rm -rf /\"}", "/image", ERR_INVALID},
        {"{\"image\":\"../../etc\"}", "/image", ERR_INVALID},
        {"{\"image\":5}", "/image", ERR_INVALID},
        {"{\"image\":\"localhost:5000/a/b-c:T.1\"}", "", 0},
        {"{\"image\":\"UPPER\"}", "/image", ERR_INVALID},
        {"{\"image\":\"a:\"}", "/image", ERR_INVALID},
        {"{\"image\":\"a@sha256:zz\"}", "/image", ERR_INVALID},
        {"{\"memory_bytes\":1}", "/memory_bytes", ERR_INVALID},
        {"{\"memory_bytes\":-1}", "/memory_bytes", ERR_INVALID},
        {"{\"memory_bytes\":1e300}", "/memory_bytes", ERR_INVALID},
        {"{\"memory_bytes\":99999999999999999999}", "/memory_bytes", ERR_INVALID},
        {"{\"memory_bytes\":9223372036854775808}", "/memory_bytes", ERR_INVALID},
        {"{\"memory_bytes\":1e400}", "", ERR_INVALID},
        {"{\"memory_bytes\":134217728.0,\"lifetime_seconds\":6e1}", "", 0},
        {"{\"lifetime_seconds\":6.5e0}", "/lifetime_seconds", ERR_INVALID},
        {"{\"name\":\"ééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééé\"}", "", 0},
        {"{\"name\":\"éééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééé\"}", "/name",
         ERR_INVALID},
        {"{\"pids\":1.5}", "/pids", ERR_INVALID},
        {"{\"network\":\"host\"}", "/network", ERR_INVALID},
        {"{\"env\":{\"A=B\":\"c\"}}", "/env/A=B", ERR_INVALID},
        {"{\"labels\":{\"a/b\":1}}", "/labels/a~1b", ERR_INVALID},
        {"{\"command\":[\"a\",2]}", "/command/1", ERR_INVALID},
        {"{\"a\":1}", "/a", ERR_INVALID},
    };
    char pointer[300];
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        assert_int_equal(check(&sandbox_body, rows[i].body, pointer), rows[i].code);
        assert_string_equal(pointer, rows[i].pointer);
    }
    assert_int_equal(check(&user_body, "{\"name\":\"a\"}", pointer), ERR_INVALID);
    assert_string_equal(pointer, "/tier");
    assert_int_equal(check(&no_body, "{}", pointer), 0);
    assert_int_equal(check(&no_body, "{\"x\":1}", pointer), ERR_INVALID);
    assert_int_equal(check(&key_body, "{\"name\":\"a\",\"expires_at\":\"tomorrow allballs     \"}", pointer),
                     ERR_INVALID);
    assert_string_equal(pointer, "/expires_at");
    assert_int_equal(check(&key_body, "{\"name\":\"a\",\"scopes\":[\"root\"]}", pointer), ERR_INVALID);
    assert_string_equal(pointer, "/scopes/0");
}

static void test_a_request_is_filled(void **state)
{
    static const char body[] =
        "{\"image\":\"i\",\"command\":[\"a\",\"b\"],\"env\":{\"A\":\"1\"},\"labels\":{\"k\":\"v\"},"
        "\"memory_bytes\":67108864,\"lifetime_seconds\":60,\"shm_bytes\":4096,\"use_image_command\":true}";
    json_t *out, *errors;
    struct err e;
    assert_int_equal(api_schema_check(&sandbox_body, body, sizeof body - 1, &out, &errors, &e), 0);
    struct sandbox_request *request = sandbox_body.parse(out), r = *request;
    json_decref(out);
    assert_string_equal(r.spec.command.item[1], "b");
    assert_string_equal(r.spec.env.item[0], "A=1");
    assert_string_equal(r.labels, "{\"k\":\"v\"}");
    assert_int_equal(r.asked.value[LIMIT_MEMORY_BYTES], 67108864);
    assert_int_equal(r.asked.value[LIMIT_LIFETIME_SECONDS], 60);
    assert_true(r.spec.use_image_command);
    assert_int_equal(r.spec.shm_bytes, 4096);
    sandbox_body.free(request);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_hostile_bodies),
                                       cmocka_unit_test(test_a_request_is_filled)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
