/* Bodies in chunks: what is passed over in answers, and refused in requests. */
#include "common/http/http_body.h"

#include "tests/lib/unit.h"

#include <stdio.h>
#include <string.h>

/* Takes the text at once, then byte by byte. Returns what came of it; kept gets the body. */
static int take(const char *text, bool lenient, char kept[static 64], size_t *used)
{
    int codes[2];
    struct err e;
    for (int way = 0; way < 2; way++) {
        struct http_body body;
        size_t len = strlen(text), step = way ? 1 : len, n = 0;
        http_body_begin_chunks(&body, 63);
        body.lenient = lenient;
        codes[way] = *used = 0;
        for (size_t at = 0; !codes[way] && !body.done && at < len; at += step, *used += n)
            codes[way] = http_body_take(&body, text + at, step, &n, &e);
        if (!codes[way] && !body.done)
            codes[way] = 1;
        memcpy(kept, body.bytes ? body.bytes : "", body.len + 1);
        http_body_fini(&body);
    }
    assert_int_equal(codes[0], codes[1]);
    return codes[0];
}

static void test_extensions_and_trailers(void **state)
{
    static const char *const texts[] = {"3;a=\"b\";c\r\nabc\r\n1  \r\nd\r\n0;e\r\n\r\n",
                                        "4\r\nabcd\r\n0\r\nX-Sum: 1\r\nY:\r\n\r\n"};
    char kept[64], behind[128];
    size_t used;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        assert_int_equal(take(texts[i], false, kept, &used), ERR_BAD_REQUEST);
        assert_int_equal(take(texts[i], true, kept, &used), 0);
        assert_string_equal(kept, "abcd");
        snprintf(behind, sizeof behind, "%smore", texts[i]);
        assert_int_equal(take(behind, true, kept, &used), 0);
        assert_int_equal(used, strlen(texts[i]));
    }
}

static void test_what_is_refused(void **state)
{
    static const char *const texts[] = {
        ";a\r\n",       " 3\r\nabc\r\n",        "3;a\nabc",    "3;\x01\r\nabc", "3\r\nabc\r\n0\r\nA: b\n\r\n",
        "0\r\nA: b\rC", "0\r\nA: \x7f\r\n\r\n", "0;\r\r\n\r\n"};
    char kept[64];
    size_t used;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        assert_int_equal(take(texts[i], true, kept, &used), ERR_BAD_REQUEST);
}

static void test_they_have_a_bound(void **state)
{
    static char text[20000];
    char kept[64];
    size_t used;
    memset(text, 'a', sizeof text - 1);
    memcpy(text, "3;", 2);
    assert_int_equal(take(text, true, kept, &used), ERR_BAD_REQUEST);
    memcpy(text, "0\r\n", 3);
    assert_int_equal(take(text, true, kept, &used), ERR_BAD_REQUEST);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_extensions_and_trailers),
        cmocka_unit_test(test_what_is_refused),
        cmocka_unit_test(test_they_have_a_bound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
