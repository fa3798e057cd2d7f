#include "cli/sent_input.h"
#include "tests/lib/unit.h"

#include <string.h>

static uint8_t at(uint64_t position)
{
    return (uint8_t)(position * 7 + position / 251);
}

static void add(struct sent_input *sent, size_t len)
{
    uint8_t bytes[5000];
    while (len) {
        size_t some = len < sizeof bytes ? len : sizeof bytes;
        for (size_t i = 0; i < some; i++)
            bytes[i] = at(sent->end + i);
        sent_input_add(sent, bytes, some);
        len -= some;
    }
}

/* Takes it in pieces: these are the bytes from `from` on to the end. */
static void expect_from(struct sent_input *sent, uint64_t from)
{
    const uint8_t *bytes;
    size_t len;
    assert_true(sent_input_rewind(sent, from));
    while ((len = sent_input_next(sent, 16384, &bytes))) {
        for (size_t i = 0; i < len; i++)
            assert_int_equal(bytes[i], at(from + i));
        from += len;
    }
    assert_true(from == sent->end);
}

static void test_what_was_sent_is_sent_again(void **state)
{
    struct sent_input sent = {0};
    const uint8_t *bytes;
    assert_int_equal(sent_input_next(&sent, 10, &bytes), 0);
    add(&sent, 100000);
    assert_int_equal(sent_input_next(&sent, 10, &bytes), 0);
    expect_from(&sent, 0);
    expect_from(&sent, 99999);
    expect_from(&sent, 100000);
    sent_input_fini(&sent);
}

static void test_so_much_is_kept(void **state)
{
    struct sent_input sent = {0};
    add(&sent, SENT_INPUT_KEPT + 12345);
    expect_from(&sent, 12345);
    assert_false(sent_input_rewind(&sent, 12344));
    assert_false(sent_input_rewind(&sent, sent.end + 1));
    sent_input_fini(&sent);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {cmocka_unit_test(test_what_was_sent_is_sent_again),
                                              cmocka_unit_test(test_so_much_is_kept)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
