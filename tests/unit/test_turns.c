#include "agent/core/turns.h"

#include "tests/lib/unit.h"

static struct turns turns;
static struct turn one[8], two[8];

static void begin_bounded(unsigned places, unsigned long_most, unsigned of_user)
{
    memset(one, 0, sizeof one);
    memset(two, 0, sizeof two);
    turns_init(&turns, &(struct turns_bounds){places, long_most, of_user});
}

static void begin(unsigned places)
{
    begin_bounded(places, 64, 0);
}

static void end(void)
{
    for (int i = 0; i < 8; i++) {
        turn_end(&turns, &one[i]);
        turn_end(&turns, &two[i]);
    }
    assert_null(turns.users);
    assert_null(turns.under_way);
}

static void test_places_are_bounded_and_come_back(void **state)
{
    begin(2);
    for (int i = 0; i < 4; i++)
        turn_ask(&turns, &one[i], "a");
    assert_ptr_equal(turns_next(&turns, 10), &one[0]);
    assert_ptr_equal(turns_next(&turns, 10), &one[1]);
    assert_null(turns_next(&turns, 10));
    turn_end(&turns, &one[1]);
    assert_ptr_equal(turns_next(&turns, 10), &one[2]);
    end();
}

static void count_turn(void *arg, const struct turn *turn)
{
    assert_false(turn->begun);
    ++*(unsigned *)arg;
}

static void test_each_that_waits(void **state)
{
    unsigned waiting = 0;
    begin(1);
    turns_each_waiting(&turns, count_turn, &waiting);
    assert_int_equal(waiting, 0);
    for (int i = 0; i < 3; i++) {
        turn_ask(&turns, &one[i], "a");
        turn_ask(&turns, &two[i], "b");
    }
    assert_ptr_equal(turns_next(&turns, 10), &one[0]);
    turns_each_waiting(&turns, count_turn, &waiting);
    assert_int_equal(waiting, 5);
    end();
}

/* Many starts of one user do not delay another user. */
static void test_users_take_turns(void **state)
{
    begin(2);
    for (int i = 0; i < 8; i++)
        turn_ask(&turns, &one[i], "a");
    turns_next(&turns, 10);
    turns_next(&turns, 10);
    turn_ask(&turns, &two[0], "b");
    turn_ask(&turns, &two[1], "b");
    turn_end(&turns, &one[0]);
    assert_ptr_equal(turns_next(&turns, 20), &two[0]);
    turn_end(&turns, &one[1]);
    assert_ptr_equal(turns_next(&turns, 30), &one[2]);
    turn_end(&turns, &two[0]);
    assert_ptr_equal(turns_next(&turns, 40), &two[1]);
    end();
}

/* A user whose turn ends and who asks again at once does not pass a user who waits. */
static void test_a_user_who_asks_again_passes_nobody(void **state)
{
    begin(1);
    turn_ask(&turns, &one[0], "a");
    assert_ptr_equal(turns_next(&turns, 10), &one[0]);
    turn_ask(&turns, &two[0], "b");
    turn_end(&turns, &one[0]);
    turn_ask(&turns, &one[1], "a");
    assert_ptr_equal(turns_next(&turns, 20), &two[0]);
    end();
}

static void test_a_start_that_hangs_holds_nobody_up(void **state)
{
    begin(1);
    turn_ask(&turns, &one[0], "a");
    turn_ask(&turns, &two[0], "b");
    assert_ptr_equal(turns_next(&turns, 10), &one[0]);
    assert_null(turns_next(&turns, 10 + TURN_LONG_MS - 1));
    assert_ptr_equal(turns_next(&turns, 10 + TURN_LONG_MS), &two[0]);
    assert_null(turns_next(&turns, 10 + TURN_LONG_MS));
    end();
}

/* However many places are free: a user has a bound of its own, and places for other users stay free. */
static void test_one_user_has_a_bound(void **state)
{
    begin_bounded(4, 64, 2);
    for (int i = 0; i < 4; i++)
        turn_ask(&turns, &one[i], "a");
    assert_ptr_equal(turns_next(&turns, 10), &one[0]);
    assert_ptr_equal(turns_next(&turns, 10), &one[1]);
    assert_null(turns_next(&turns, 10));
    assert_null(turns_next(&turns, 10 + TURN_LONG_MOST_MS));
    turn_ask(&turns, &two[0], "b");
    assert_ptr_equal(turns_next(&turns, 10), &two[0]);
    turn_end(&turns, &one[0]);
    assert_ptr_equal(turns_next(&turns, 10), &one[2]);
    end();
}

static void test_those_that_take_long_have_a_bound(void **state)
{
    begin_bounded(1, 2, 0);
    for (int i = 0; i < 4; i++)
        turn_ask(&turns, &one[i], "a");
    uint64_t now = 10;
    for (int i = 0; i < 3; i++, now += TURN_LONG_MOST_MS)
        assert_ptr_equal(turns_next(&turns, now), &one[i]);
    assert_null(turns_next(&turns, now));
    turn_end(&turns, &one[1]); /* one place is free again, not only once two of them have ended */
    assert_ptr_equal(turns_next(&turns, now), &one[3]);
    end();
}

static void succeed(struct turn *turn, uint64_t now)
{
    turn_succeeds(&turns, turn, now);
    turn_end(&turns, turn);
}

/* On a node where every start takes long none of them hangs, and more at once would make all of them
 * slower. */
static void test_what_takes_as_long_as_the_others_counts(void **state)
{
    uint64_t now = 10;
    begin(1);
    for (int i = 0; i < 8; i++, now += 6000) {
        turn_ask(&turns, &one[i], "a");
        assert_ptr_equal(turns_next(&turns, now), &one[i]);
        succeed(&one[i], now + 6000);
    }
    turn_ask(&turns, &one[0], "a");
    turn_ask(&turns, &two[0], "b");
    assert_ptr_equal(turns_next(&turns, now), &one[0]);
    assert_null(turns_next(&turns, now + 6000));
    assert_ptr_equal(turns_next(&turns, now + 12000), &two[0]);
    end();
}

/* Even where all starts are slow, one that hangs stops counting after a bound. */
static void test_what_is_long_has_a_bound(void **state)
{
    uint64_t now = 10;
    begin(1);
    turn_ask(&turns, &one[0], "a");
    turns_next(&turns, now);
    succeed(&one[0], now += UINT64_C(1) << 40);
    turn_ask(&turns, &one[1], "a");
    turn_ask(&turns, &two[0], "b");
    turns_next(&turns, now);
    assert_ptr_equal(turns_next(&turns, now + TURN_LONG_MOST_MS), &two[0]);
    end();
}

static void test_a_waiting_request_may_leave(void **state)
{
    begin(1);
    for (int i = 0; i < 3; i++)
        turn_ask(&turns, &one[i], "a");
    turn_end(&turns, &one[2]); /* after the user's last request ends, the next one queues behind the first */
    turn_ask(&turns, &one[3], "a");
    turn_end(&turns, &one[0]);
    assert_ptr_equal(turns_next(&turns, 10), &one[1]);
    turn_end(&turns, &one[1]);
    assert_ptr_equal(turns_next(&turns, 10), &one[3]);
    end();
}

/* As many users as places: a user without a place gets one of theirs after a minute, not only when a turn
 * ends by its bound. */
static void test_a_user_without_a_turn_gets_one_of_a_user_with_many(void **state)
{
    begin_bounded(1, 2, 4);
    for (int i = 0; i < 4; i++)
        turn_ask(&turns, &one[i], "a");
    for (int i = 0; i < 3; i++)
        assert_ptr_equal(turns_next(&turns, (uint64_t)i * TURN_LONG_MOST_MS), &one[i]);
    uint64_t now = 3 * TURN_LONG_MOST_MS - 1;
    assert_null(turns_next(&turns, now + 1));
    assert_null(turns_overdue(&turns, now)); /* nobody else waits */
    turn_ask(&turns, &two[0], "b");
    assert_null(turns_next(&turns, now + 1)); /* three of them take long */
    assert_ptr_equal(turns_overdue(&turns, now + 1), &one[0]);
    turn_end(&turns, &one[0]);
    assert_null(turns_overdue(&turns, now + 1)); /* a place is free again */
    assert_ptr_equal(turns_next(&turns, now + 1), &two[0]);
    end();
}

/* A user's only turn is never taken away, and neither is one that is younger than a minute. */
static void test_a_turn_that_is_never_taken_away(void **state)
{
    begin_bounded(1, 1, 4);
    turn_ask(&turns, &one[0], "a");
    turn_ask(&turns, &one[1], "b");
    assert_ptr_equal(turns_next(&turns, 0), &one[0]);
    assert_ptr_equal(turns_next(&turns, TURN_LONG_MOST_MS), &one[1]);
    turn_ask(&turns, &two[0], "c");
    assert_null(turns_overdue(&turns, 10 * TURN_LONG_MOST_MS));
    end();
    begin_bounded(1, 1, 4);
    turn_ask(&turns, &one[0], "a");
    turn_ask(&turns, &one[1], "a");
    assert_ptr_equal(turns_next(&turns, 0), &one[0]);
    assert_ptr_equal(turns_next(&turns, TURN_LONG_MS), &one[1]);
    turn_ask(&turns, &two[0], "c");
    assert_null(turns_overdue(&turns, TURN_LONG_MOST_MS - 1));
    assert_ptr_equal(turns_overdue(&turns, TURN_LONG_MOST_MS), &one[0]);
    end();
}

/* Members of the warm pool: one at a time, only while nobody waits, and nobody waits for them. */
static void test_starts_for_nobody_come_last(void **state)
{
    begin_bounded(1, 1, 1);
    turn_ask_last(&turns, &two[0]);
    turn_ask_last(&turns, &two[1]);
    turn_ask(&turns, &one[0], "a");
    turn_ask(&turns, &one[1], "a");
    assert_ptr_equal(turns_next(&turns, 10), &one[0]);
    assert_null(turns_next(&turns, 10));
    turn_end(&turns, &one[0]);
    assert_ptr_equal(turns_next(&turns, 10), &one[1]);
    turn_end(&turns, &one[1]);
    assert_ptr_equal(turns_next(&turns, 10), &two[0]);
    assert_null(turns_next(&turns, 10));
    turn_ask(&turns, &one[2], "a");
    assert_ptr_equal(turns_next(&turns, 10), &one[2]); /* the only place is not the member's */
    turn_end(&turns, &two[0]);
    assert_null(turns_next(&turns, 10));
    turn_end(&turns, &one[2]);
    assert_ptr_equal(turns_next(&turns, 10), &two[1]);
    turn_end(&turns, &two[1]);
    assert_null(turns.nobody);
    end();
}

/* A user's request that may not begin yet waits all the same. */
static void test_starts_for_nobody_wait_for_a_user_at_its_bound(void **state)
{
    begin_bounded(3, 1, 1);
    turn_ask(&turns, &one[0], "a");
    turn_ask(&turns, &one[1], "a");
    turn_ask_last(&turns, &two[0]);
    assert_ptr_equal(turns_next(&turns, 10), &one[0]);
    assert_null(turns_next(&turns, 10));
    turn_end(&turns, &one[1]);
    assert_ptr_equal(turns_next(&turns, 10), &two[0]);
    end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_places_are_bounded_and_come_back),
        cmocka_unit_test(test_each_that_waits),
        cmocka_unit_test(test_users_take_turns),
        cmocka_unit_test(test_a_user_who_asks_again_passes_nobody),
        cmocka_unit_test(test_a_start_that_hangs_holds_nobody_up),
        cmocka_unit_test(test_one_user_has_a_bound),
        cmocka_unit_test(test_those_that_take_long_have_a_bound),
        cmocka_unit_test(test_what_takes_as_long_as_the_others_counts),
        cmocka_unit_test(test_what_is_long_has_a_bound),
        cmocka_unit_test(test_a_waiting_request_may_leave),
        cmocka_unit_test(test_a_user_without_a_turn_gets_one_of_a_user_with_many),
        cmocka_unit_test(test_a_turn_that_is_never_taken_away),
        cmocka_unit_test(test_starts_for_nobody_come_last),
        cmocka_unit_test(test_starts_for_nobody_wait_for_a_user_at_its_bound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
