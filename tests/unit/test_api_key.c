#include "common/io/api_key.h"

#include "tests/lib/unit.h"

static void test_key_has_its_form(void **state)
{
    struct api_key a = api_key_make(), b = api_key_make();
    char prefix[API_KEY_PREFIX_LEN + 1];
    assert_string_not_equal(a.text, b.text);
    assert_true(api_key_prefix(a.text, prefix));
    assert_memory_equal(prefix, a.text, API_KEY_PREFIX_LEN);
    assert_int_equal(strlen(prefix), API_KEY_PREFIX_LEN);
}

static void test_other_texts_are_no_keys(void **state)
{
    struct api_key key = api_key_make();
    char prefix[API_KEY_PREFIX_LEN + 1];
    assert_false(api_key_prefix("", prefix));
    assert_false(api_key_prefix("crl_", prefix));
    key.text[20] = 'U';
    assert_false(api_key_prefix(key.text, prefix));
    key = api_key_make();
    key.text[API_KEY_LEN - 1] = '\0';
    assert_false(api_key_prefix(key.text, prefix));
}

static void test_hash_is_sha256(void **state)
{
    const uint8_t abc[] = {0xba, 0x78, 0x16, 0xbf, 0x8f, 0x01, 0xcf, 0xea, 0x41, 0x41, 0x40,
                           0xde, 0x5d, 0xae, 0x22, 0x23, 0xb0, 0x03, 0x61, 0xa3, 0x96, 0x17,
                           0x7a, 0x9c, 0xb4, 0x10, 0xff, 0x61, 0xf2, 0x00, 0x15, 0xad};
    uint8_t hash[32];
    api_key_sha256("abc", hash);
    assert_true(api_key_same(hash, abc));
    hash[31] ^= 1;
    assert_false(api_key_same(hash, abc));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_key_has_its_form),
        cmocka_unit_test(test_other_texts_are_no_keys),
        cmocka_unit_test(test_hash_is_sha256),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
