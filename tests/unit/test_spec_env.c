#include "tests/lib/unit.h"

#include "proto/node_codec.h"
#include "proto/spec_env.h"

#include <stdlib.h>
#include <string.h>

#define KEYS "k1 AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n"

static struct secrets *keys(void)
{
    struct secrets *secrets = NULL;
    struct err e;
    assert_int_equal(secrets_parse(&secrets, KEYS, strlen(KEYS), &e), 0);
    return secrets;
}

/* env: NULL for none. */
static uint8_t *packed(const char *env, size_t *len)
{
    struct sandbox_spec spec = {.image = (char *)(uintptr_t) "image"};
    uint8_t *out;
    struct err e;
    string_list_add(&spec.command, "a command");
    if (env) {
        string_list_add(&spec.env, env);
        string_list_add(&spec.env, "EMPTY=");
    }
    assert_int_equal(sandbox_spec_pack(&spec, &out, len, &e), 0);
    spec.image = NULL;
    sandbox_spec_fini(&spec);
    return out;
}

static void test_there_and_back(void **state)
{
    struct secrets *secrets = keys();
    size_t len, sealed_len, opened_len;
    uint8_t *bytes = packed("TOKEN=marker", &len), *sealed, *opened;
    struct err e;
    assert_int_equal(spec_env_seal_packed(secrets, "sbx", bytes, len, &sealed, &sealed_len, &e), 0);
    assert_null(memmem(sealed, sealed_len, "marker", 6));
    assert_null(memmem(sealed, sealed_len, "TOKEN", 5));
    assert_non_null(memmem(sealed, sealed_len, "a command", 9));
    assert_int_equal(spec_env_open_packed(secrets, "sbx", sealed, sealed_len, &opened, &opened_len, &e), 0);
    assert_int_equal(opened_len, len);
    assert_memory_equal(opened, bytes, len);
    secrets_wipe(opened, opened_len);
    free(sealed);
    free(bytes);
    secrets_free(secrets);
}

static void test_without_an_environment_nothing_changes(void **state)
{
    struct secrets *secrets = keys();
    size_t len, out_len;
    uint8_t *bytes = packed(NULL, &len), *out;
    struct err e;
    assert_int_equal(spec_env_seal_packed(secrets, "sbx", bytes, len, &out, &out_len, &e), 0);
    assert_null(out);
    assert_int_equal(spec_env_open_packed(NULL, "sbx", bytes, len, &out, &out_len, &e), 0);
    assert_null(out);
    assert_null(spec_env_drop_packed(bytes, len, &out_len));
    free(bytes);
    secrets_free(secrets);
}

/* As a row of before this was there. */
static void test_one_in_the_clear_is_read_as_it_is(void **state)
{
    size_t len, out_len;
    uint8_t *bytes = packed("TOKEN=marker", &len), *out;
    struct err e;
    assert_int_equal(spec_env_open_packed(NULL, "sbx", bytes, len, &out, &out_len, &e), 0);
    assert_null(out);
    free(bytes);
}

static void test_what_cannot_be_opened_stays_sealed(void **state)
{
    struct secrets *secrets = keys();
    size_t len, sealed_len, out_len;
    uint8_t *bytes = packed("TOKEN=marker", &len), *sealed, *out;
    struct sandbox_spec spec;
    struct err e;
    assert_int_equal(spec_env_seal_packed(secrets, "sbx", bytes, len, &sealed, &sealed_len, &e), 0);
    assert_int_equal(spec_env_open_packed(secrets, "other", sealed, sealed_len, &out, &out_len, &e),
                     ERR_PROTOCOL);
    assert_null(out);
    assert_int_equal(spec_env_open_packed(NULL, "sbx", sealed, sealed_len, &out, &out_len, &e), ERR_CONFIG);
    assert_null(out);
    assert_int_equal(sandbox_spec_unpack(sealed, sealed_len, &spec, &e), 0);
    assert_int_equal(spec_env_open(NULL, "sbx", &spec, &e), ERR_CONFIG);
    assert_string_equal(spec.command.item[0], "a command");
    assert_true(spec.sealed_env_len > 0 && !spec.env.count);
    sandbox_spec_fini(&spec);
    free(sealed);
    free(bytes);
    secrets_free(secrets);
}

static void test_it_is_dropped_sealed_or_not(void **state)
{
    struct secrets *secrets = keys();
    size_t len, sealed_len, bare_len, plain_len, none_len;
    uint8_t *bytes = packed("TOKEN=marker", &len), *none = packed(NULL, &none_len), *sealed;
    struct err e;
    assert_int_equal(spec_env_seal_packed(secrets, "sbx", bytes, len, &sealed, &sealed_len, &e), 0);
    uint8_t *bare = spec_env_drop_packed(sealed, sealed_len, &bare_len);
    uint8_t *plain = spec_env_drop_packed(bytes, len, &plain_len);
    assert_int_equal(bare_len, none_len);
    assert_memory_equal(bare, none, none_len);
    assert_int_equal(plain_len, none_len);
    assert_memory_equal(plain, none, none_len);
    assert_null(spec_env_drop_packed((const uint8_t *)"spec", 4, &bare_len));
    free(bare);
    free(plain);
    free(none);
    free(sealed);
    free(bytes);
    secrets_free(secrets);
}

/* A peer's bytes may say both. */
static void test_a_spec_with_both_is_refused(void **state)
{
    size_t len;
    uint8_t *bytes = packed("A=b", &len), both[200];
    struct sandbox_spec spec;
    struct err e;
    memcpy(both, bytes, len);
    memcpy(both + len, "\x5a\x01x", 3); /* sealed_env: "x" */
    assert_int_equal(sandbox_spec_unpack(both, len + 3, &spec, &e), ERR_PROTOCOL);
    free(bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_there_and_back),
        cmocka_unit_test(test_without_an_environment_nothing_changes),
        cmocka_unit_test(test_one_in_the_clear_is_read_as_it_is),
        cmocka_unit_test(test_what_cannot_be_opened_stays_sealed),
        cmocka_unit_test(test_it_is_dropped_sealed_or_not),
        cmocka_unit_test(test_a_spec_with_both_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
