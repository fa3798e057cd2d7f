#include "controller/webhooks/webhook_sign.h"
#include "tests/lib/unit.h"

#include <openssl/evp.h>

/* The example that the libraries of Standard Webhooks test themselves with. */
static void test_the_known_signature(void **state)
{
    uint8_t secret[64];
    char signature[WEBHOOK_SIGNATURE_MAX], shown[WEBHOOK_SECRET_TEXT_MAX];
    const char *text = "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    assert_int_equal(EVP_DecodeBlock(secret, (const uint8_t *)text, (int)strlen(text)), 24);
    webhook_sign(secret, 24, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, "{\"test\": 2432232314}", signature);
    assert_string_equal(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    webhook_sign_show(secret, 24, shown);
    assert_string_equal(shown, "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
}

static void test_secrets_differ_and_fit(void **state)
{
    uint8_t a[WEBHOOK_SECRET_LEN], b[WEBHOOK_SECRET_LEN], longest[64] = {0};
    char shown[WEBHOOK_SECRET_TEXT_MAX];
    webhook_sign_make(a);
    webhook_sign_make(b);
    assert_memory_not_equal(a, b, sizeof a);
    webhook_sign_show(longest, sizeof longest, shown);
    assert_true(strlen(shown) < sizeof shown);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_the_known_signature),
                                       cmocka_unit_test(test_secrets_differ_and_fit)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
