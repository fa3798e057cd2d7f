#include "common/base/json_text.h"

#include "tests/lib/unit.h"

#include <jansson.h>
#include <stdlib.h>

static void test_commas_and_ends(void **state)
{
    struct json_text t = {0};
    json_text_object(&t, NULL);
    json_text_array(&t, "empty");
    json_text_end(&t);
    json_text_array(&t, "list");
    json_text_num(&t, NULL, UINT64_MAX);
    json_text_int(&t, NULL, INT64_MIN);
    json_text_object(&t, NULL);
    json_text_end(&t);
    json_text_str(&t, NULL, NULL);
    json_text_real(&t, NULL, 1.005, 2);
    json_text_end(&t);
    json_text_bool(&t, "yes", true);
    json_text_null(&t, "none");
    json_text_hex(&t, "hex", (const uint8_t *)"\x00\xfe", 2);
    json_text_raw(&t, "raw", "{ }");
    json_text_end(&t);
    assert_string_equal(t.text.data,
                        "{\"empty\":[],\"list\":[18446744073709551615,-9223372036854775808,{},1.00],"
                        "\"yes\":true,\"none\":null,\"hex\":\"00fe\",\"raw\":{ }}");
    json_text_fini(&t);
}

/* An independent parser reads back every byte, in a name and in a value. */
static void test_any_string_is_read_again(void **state)
{
    for (int c = 1; c < 256; c++) {
        char text[] = {'a', (char)c, 'z', 0};
        struct json_text t = {0};
        json_text_object(&t, NULL);
        json_text_str(&t, text, text);
        json_text_end(&t);
        json_t *read = json_loads(t.text.data, 0, NULL);
        assert_non_null(read);
        const char *expected = c < 0x80 ? text : "a\xef\xbf\xbdz";
        assert_string_equal(json_string_value(json_object_get(read, expected)), expected);
        json_decref(read);
        json_text_fini(&t);
    }
}

static void test_a_buffer_is_filled_to_its_last_byte(void **state)
{
    char out[10];
    struct json_text t = {.text = text_in(out, sizeof out)};
    json_text_object(&t, NULL);
    json_text_num(&t, "a", 123);
    json_text_end(&t);
    assert_string_equal(out, "{\"a\":123}");
}

static void test_members_of_an_object(void **state)
{
    struct json_text t = {0};
    json_text_object(&t, NULL);
    json_text_members(&t, " { } ");
    json_text_str(&t, "first", "a");
    json_text_members(&t, "{\"b\" : {}}");
    json_text_members(&t, "{}");
    json_text_str(&t, "last", "c");
    json_text_end(&t);
    assert_string_equal(t.text.data, "{\"first\":\"a\",\"b\" : {},\"last\":\"c\"}");
    json_text_fini(&t);
}

static void test_bytes_with_nuls(void **state)
{
    struct json_text json = {0};
    json_text_array(&json, NULL);
    json_text_bytes(&json, NULL, "a\0\x1f\"\\\xc3\xa4\xc3", 8);
    json_text_bytes(&json, NULL, "", 0);
    json_text_end(&json);
    assert_string_equal(json.text.data, "[\"a\\u0000\\u001f\\\"\\\\\xc3\xa4\\ufffd\",\"\"]");
    json_text_fini(&json);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bytes_with_nuls),
        cmocka_unit_test(test_commas_and_ends),
        cmocka_unit_test(test_any_string_is_read_again),
        cmocka_unit_test(test_members_of_an_object),
        cmocka_unit_test(test_a_buffer_is_filled_to_its_last_byte),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
