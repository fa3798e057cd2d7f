#include "controller/core/webhook_turns.h"
#include "tests/lib/unit.h"

#include <stdio.h>

/* Takes as many places as there are for this user, of whom each webhook is another one if `many`. */
static size_t take_all(struct webhook_turns *turns, const char *user, bool many, bool troubled)
{
    char webhook[WEBHOOK_ID_MAX + 1];
    size_t taken = 0;
    do {
        snprintf(webhook, sizeof webhook, "%s-%zu", user, many ? taken : 0);
    } while (webhook_turns_take(turns, user, webhook, troubled) && ++taken);
    return taken;
}

static void test_bounds_of_webhook_and_user(void **state)
{
    struct webhook_turns turns = {0};
    assert_int_equal(take_all(&turns, "a", false, false), WEBHOOK_TURNS_OF_WEBHOOK);
    assert_int_equal(take_all(&turns, "b", true, false), WEBHOOK_TURNS_OF_USER);
    assert_int_equal(take_all(&turns, "c", false, true), 1);
    assert_int_equal(take_all(&turns, "d", true, true), WEBHOOK_TURNS_OF_USER / 2);
    assert_true(take_all(&turns, "d", true, false) > 0); /* others of the same user go on */
}

static void test_however_many_are_in_trouble_half_of_the_places_are_left(void **state)
{
    struct webhook_turns turns = {0};
    char user[16];
    for (int i = 0; i < 100; i++) {
        snprintf(user, sizeof user, "bad%d", i);
        take_all(&turns, user, true, true);
    }
    assert_int_equal(turns.taken, WEBHOOK_TURNS_TROUBLED);
    assert_int_equal(take_all(&turns, "good", false, false), WEBHOOK_TURNS_OF_WEBHOOK);
}

static void test_a_place_is_given_back(void **state)
{
    struct webhook_turns turns = {0};
    char user[16];
    struct webhook_turn *turn = webhook_turns_take(&turns, "u", "w", false);
    for (int i = 0; i < 100; i++) {
        snprintf(user, sizeof user, "u%d", i);
        take_all(&turns, user, true, false);
    }
    assert_int_equal(turns.taken, WEBHOOK_TURNS_ALL);
    assert_null(webhook_turns_take(&turns, "late", "w", false));
    webhook_turns_give_back(&turns, turn);
    assert_non_null(webhook_turns_take(&turns, "late", "w", false));
    assert_null(webhook_turns_take(&turns, "later", "w", false));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bounds_of_webhook_and_user),
        cmocka_unit_test(test_however_many_are_in_trouble_half_of_the_places_are_left),
        cmocka_unit_test(test_a_place_is_given_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
