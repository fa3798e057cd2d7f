#include "tests/lib/unit.h"

#include "cli/escape.h"

/* Types a text in pieces of so many bytes; what the shell gets is in out. Returns the last act. */
static enum escape_act type(struct escape *e, const char *text, size_t piece, char *out)
{
    enum escape_act act = ESCAPE_NONE;
    size_t len = strlen(text), n = 0;
    for (size_t at = 0, some; at < len && !act; at += some) {
        uint8_t given[64];
        size_t given_len;
        some = len - at < piece ? len - at : piece;
        act = escape_read(e, (const uint8_t *)text + at, &some, given, &given_len);
        assert_true(given_len <= some + 1);
        memcpy(out + n, given, given_len);
        n += given_len;
    }
    out[n] = 0;
    return act;
}

static void expect(int key, const char *text, enum escape_act act, const char *given)
{
    for (size_t piece = 1; piece <= 20; piece++) {
        struct escape e;
        char out[64];
        escape_init(&e, key);
        assert_int_equal(type(&e, text, piece, out), act);
        assert_string_equal(out, given);
    }
}

static void test_what_is_for_the_shell(void **state)
{
    (void)state;
    expect('~', "ls\r", ESCAPE_NONE, "ls\r");
    expect('~', "ls ~.\r", ESCAPE_NONE, "ls ~.\r");
    expect('~', "~/bin\r~x", ESCAPE_NONE, "~/bin\r~x");
    expect('~', "~~.\r", ESCAPE_NONE, "~.\r");
    expect('~', "~~~.", ESCAPE_NONE, "~~.");
    expect('~', "~\r~", ESCAPE_NONE, "~\r");
    expect(-1, "~.\r~.", ESCAPE_NONE, "~.\r~.");
    expect('%', "~.\r", ESCAPE_NONE, "~.\r");
}

static void test_acts(void **state)
{
    (void)state;
    expect('~', "~.", ESCAPE_LEAVE, "");
    expect('~', "ls\r~.rest", ESCAPE_LEAVE, "ls\r");
    expect('~', "ls\n~\x1a", ESCAPE_STOP, "ls\n");
    expect('~', "~?", ESCAPE_HELP, "");
    expect('%', "a\r%.", ESCAPE_LEAVE, "a\r");
}

static void test_after_an_act_a_line_begins(void **state)
{
    (void)state;
    struct escape e;
    char out[64];
    escape_init(&e, '~');
    assert_int_equal(type(&e, "~?", 9, out), ESCAPE_HELP);
    assert_int_equal(type(&e, "~.", 9, out), ESCAPE_LEAVE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_for_the_shell),
        cmocka_unit_test(test_acts),
        cmocka_unit_test(test_after_an_act_a_line_begins),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
