#include "tests/lib/unit.h"

#include "common/io/secrets.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define ONE   "k1 AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n"
#define TWO   "k2 ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8=\n"
#define OTHER "k1 ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8=\n"
#define PLAIN "TOKEN=a secret"

static struct secrets *parsed(const char *text)
{
    struct secrets *secrets = NULL;
    struct err e;
    if (secrets_parse(&secrets, text, strlen(text), &e))
        fail_msg("%s", e.text);
    return secrets;
}

static uint8_t *sealed(const char *keys, const char *subject, size_t *len)
{
    struct secrets *secrets = parsed(keys);
    uint8_t *out;
    struct err e;
    assert_int_equal(secrets_seal(secrets, subject, PLAIN, sizeof PLAIN, &out, len, &e), 0);
    secrets_free(secrets);
    return out;
}

static int opened(const char *keys, const char *subject, const uint8_t *bytes, size_t len, struct err *e)
{
    struct secrets *secrets = keys ? parsed(keys) : NULL;
    uint8_t *out;
    size_t out_len;
    int rc = secrets_open(secrets, subject, bytes, len, &out, &out_len, e);
    if (!rc) {
        assert_int_equal(out_len, sizeof PLAIN);
        assert_string_equal((char *)out, PLAIN);
        secrets_wipe(out, out_len);
    }
    secrets_free(secrets);
    return rc;
}

static void test_what_is_sealed_opens(void **state)
{
    struct err e;
    size_t len, again_len;
    uint8_t *bytes = sealed(ONE, "a", &len), *again = sealed(ONE, "a", &again_len);
    assert_null(memmem(bytes, len, "secret", 6));
    assert_true(len <= sizeof PLAIN + SECRETS_OVERHEAD_MAX);
    assert_int_equal(len, again_len);
    assert_memory_not_equal(bytes, again, len);
    assert_int_equal(opened(ONE, "a", bytes, len, &e), 0);
    assert_int_equal(opened(ONE, "a", again, len, &e), 0);
    free(bytes);
    free(again);
}

static void test_it_is_bound_to_its_subject_and_key(void **state)
{
    struct err e;
    size_t len;
    uint8_t *bytes = sealed(ONE, "a", &len);
    assert_int_equal(opened(ONE, "b", bytes, len, &e), ERR_PROTOCOL);
    assert_int_equal(opened(OTHER, "a", bytes, len, &e), ERR_PROTOCOL);
    assert_int_equal(opened(TWO, "a", bytes, len, &e), ERR_CONFIG);
    assert_string_equal(e.text, "the key k1, which sealed it, is missing");
    assert_int_equal(opened(NULL, "a", bytes, len, &e), ERR_CONFIG);
    free(bytes);
}

static void test_a_new_key_seals_and_the_old_one_opens(void **state)
{
    struct err e;
    size_t len, fresh_len;
    uint8_t *bytes = sealed(ONE, "a", &len), *fresh = sealed(TWO ONE, "a", &fresh_len);
    assert_int_equal(opened(TWO ONE, "a", bytes, len, &e), 0);
    assert_int_equal(opened(TWO, "a", fresh, fresh_len, &e), 0);
    assert_int_equal(opened(ONE, "a", fresh, fresh_len, &e), ERR_CONFIG);
    free(bytes);
    free(fresh);
}

static void test_every_changed_bit_and_every_cut_is_noticed(void **state)
{
    struct err e;
    size_t len;
    uint8_t *bytes = sealed(ONE, "a", &len);
    for (size_t i = 0; i < 8 * len; i++) {
        bytes[i / 8] ^= (uint8_t)(1 << i % 8);
        assert_int_not_equal(opened(ONE, "a", bytes, len, &e), 0);
        bytes[i / 8] ^= (uint8_t)(1 << i % 8);
    }
    for (size_t n = 0; n < len; n++)
        assert_int_not_equal(opened(ONE, "a", bytes, n, &e), 0);
    assert_int_equal(opened(ONE, "a", bytes, len, &e), 0);
    free(bytes);
}

static void test_forms_of_a_key(void **state)
{
    static const char *const same[] = {
        ONE, "k1 000102030405060708090A0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
        "# a comment\n\n \tk1\tAAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8\r\n" TWO};
    struct err e;
    size_t len;
    uint8_t *bytes = sealed(ONE, "a", &len);
    for (size_t i = 0; i < ARRAY_LEN(same); i++)
        assert_int_equal(opened(same[i], "a", bytes, len, &e), 0);
    free(bytes);
}

static void test_a_key_without_an_id_has_the_same_name_in_each_form(void **state)
{
    uint8_t raw[32];
    for (int i = 0; i < 32; i++)
        raw[i] = (uint8_t)i;
    struct secrets *base64 = parsed("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n"), *plain = NULL;
    struct err e;
    assert_int_equal(secrets_parse(&plain, (char *)raw, sizeof raw, &e), 0);
    assert_string_equal(secrets_sealing_id(base64), "sha256-630dcd29");
    assert_string_equal(secrets_sealing_id(plain), secrets_sealing_id(base64));
    secrets_free(base64);
    secrets_free(plain);
}

static void test_what_is_wrong_with_a_key_file(void **state)
{
    static const char *const wrong[][2] = {
        {"", "it holds no key"},
        {"# nothing\n\n", "it holds no key"},
        {ONE "k2 short\n", "line 2: the key is not 32 bytes"},
        {ONE "\n" ONE, "line 3: the id stands on two lines"},
        {"k1 AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8= x\n", "line 1: more than an id and a key"},
        {"k/1 AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n", "line 1: the id is not"},
        {"k23456789012345678901234567890123 AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n", "the id is not"},
        {"k1 AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8==\n", "the key is not 32 bytes"},
    };
    struct secrets *secrets;
    struct err e;
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        assert_int_equal(secrets_parse(&secrets, wrong[i][0], strlen(wrong[i][0]), &e), ERR_CONFIG);
        if (!strstr(e.text, wrong[i][1]))
            fail_msg("%s: %s", wrong[i][0], e.text);
    }
}

static void test_too_many_keys(void **state)
{
    char text[SECRETS_KEYS_MAX * 60 + 60], *at = text;
    struct secrets *secrets;
    struct err e;
    for (int i = 0; i <= SECRETS_KEYS_MAX; i++)
        at += sprintf(at, "k%d AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n", i);
    assert_int_equal(secrets_parse(&secrets, text, (size_t)(at - text), &e), ERR_CONFIG);
    assert_string_equal(e.text, "line 65: too many keys; at most 64");
}

static void test_a_file_that_others_may_write_is_refused(void **state)
{
    char path[] = "/tmp/corral-secrets-XXXXXX";
    struct secrets *secrets;
    struct err e;
    int fd = mkstemp(path);
    assert_true(fd >= 0 && write(fd, ONE, strlen(ONE)) > 0);
    close(fd);
    assert_int_equal(secrets_load(&secrets, path, &e), 0);
    secrets_free(secrets);
    assert_int_equal(chmod(path, 0644), 0);
    assert_int_equal(secrets_load(&secrets, path, &e), 0);
    secrets_free(secrets);
    assert_int_equal(chmod(path, 0620), 0);
    assert_int_equal(secrets_load(&secrets, path, &e), ERR_CONFIG);
    assert_non_null(strstr(e.text, "(mode 620); chmod 600 /tmp/corral-secrets-"));
    unlink(path);
    assert_int_equal(secrets_load(&secrets, path, &e), ERR_CONFIG);
    assert_int_equal(secrets_load(&secrets, "/tmp", &e), ERR_CONFIG);
}

static void test_a_missing_file_is_made_once(void **state)
{
    char dir[] = "/tmp/corral-secrets-XXXXXX", path[60];
    struct secrets *made, *loaded;
    struct stat st;
    struct err e;
    size_t len;
    uint8_t *bytes, *out;
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/key", dir);
    assert_int_equal(secrets_load_or_make(&made, path, "node", &e), 0);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(secrets_load_or_make(&loaded, path, "other", &e), 0);
    assert_string_equal(secrets_sealing_id(loaded), "node");
    assert_int_equal(secrets_seal(made, "a", PLAIN, sizeof PLAIN, &bytes, &len, &e), 0);
    assert_int_equal(secrets_open(loaded, "a", bytes, len, &out, &len, &e), 0);
    secrets_wipe(out, len);
    free(bytes);
    secrets_free(made);
    secrets_free(loaded);
    unlink(path);
    snprintf(path, sizeof path, "%s/none/key", dir);
    assert_int_equal(secrets_load_or_make(&made, path, "node", &e), ERR_IO);
    rmdir(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_sealed_opens),
        cmocka_unit_test(test_it_is_bound_to_its_subject_and_key),
        cmocka_unit_test(test_a_new_key_seals_and_the_old_one_opens),
        cmocka_unit_test(test_every_changed_bit_and_every_cut_is_noticed),
        cmocka_unit_test(test_forms_of_a_key),
        cmocka_unit_test(test_a_key_without_an_id_has_the_same_name_in_each_form),
        cmocka_unit_test(test_what_is_wrong_with_a_key_file),
        cmocka_unit_test(test_too_many_keys),
        cmocka_unit_test(test_a_file_that_others_may_write_is_refused),
        cmocka_unit_test(test_a_missing_file_is_made_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
