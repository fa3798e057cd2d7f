#include "controller/core/read_gate.h"

#include "tests/lib/unit.h"

#include <stdio.h>

static void a_user_runs_two_and_the_rest_wait(void **state)
{
    struct read_gate *gate = read_gate_new(4);
    struct read_ticket t[READ_GATE_PER_USER + READ_GATE_WAITING_PER_USER + 1] = {0};
    size_t n = 0;
    while (n < READ_GATE_PER_USER)
        assert_int_equal(read_gate_enter(gate, "a", &t[n++]), READ_BEGINS);
    while (n < READ_GATE_PER_USER + READ_GATE_WAITING_PER_USER)
        assert_int_equal(read_gate_enter(gate, "a", &t[n++]), READ_WAITS);
    assert_int_equal(read_gate_enter(gate, "a", &t[n]), READ_USER_FULL);
    assert_int_equal(read_gate_waiting(gate), READ_GATE_WAITING_PER_USER);

    struct read_ticket b[2] = {0};
    assert_int_equal(read_gate_enter(gate, "b", &b[0]), READ_BEGINS);
    assert_int_equal(read_gate_enter(gate, "b", &b[1]), READ_BEGINS);
    assert_null(read_gate_leave(gate, &b[0])); /* the others of a wait for a's own reads */
    assert_null(read_gate_leave(gate, &b[1]));
    for (size_t i = 0; i < n; i++) /* each in its order */
        assert_ptr_equal(read_gate_leave(gate, &t[i]), i + 2 < n ? &t[i + 2] : NULL);
    assert_int_equal(read_gate_waiting(gate), 0);
    read_gate_free(gate);
}

static void users_take_turns(void **state)
{
    struct read_gate *gate = read_gate_new(1);
    struct read_ticket running = {0}, a[2] = {0}, b[2] = {0};
    assert_int_equal(read_gate_enter(gate, "x", &running), READ_BEGINS);
    assert_int_equal(read_gate_enter(gate, "a", &a[0]), READ_WAITS);
    assert_int_equal(read_gate_enter(gate, "a", &a[1]), READ_WAITS);
    assert_int_equal(read_gate_enter(gate, "b", &b[0]), READ_WAITS);
    assert_int_equal(read_gate_enter(gate, "b", &b[1]), READ_WAITS);
    assert_ptr_equal(read_gate_leave(gate, &running), &a[0]);
    assert_ptr_equal(read_gate_leave(gate, &a[0]), &b[0]);
    assert_ptr_equal(read_gate_leave(gate, &b[0]), &a[1]);
    assert_ptr_equal(read_gate_leave(gate, &a[1]), &b[1]);
    assert_null(read_gate_leave(gate, &b[1]));
    read_gate_free(gate);
}

static void all_have_a_bound_and_an_end(void **state)
{
    struct read_gate *gate = read_gate_new(1);
    struct read_ticket running = {0}, refused = {0}, *waiting = calloc(READ_GATE_WAITING, sizeof *waiting);
    char user[16];
    assert_int_equal(read_gate_enter(gate, "x", &running), READ_BEGINS);
    for (int i = 0; i < READ_GATE_WAITING; i++) {
        snprintf(user, sizeof user, "u%d", i / READ_GATE_WAITING_PER_USER);
        assert_int_equal(read_gate_enter(gate, user, &waiting[i]), READ_WAITS);
    }
    assert_int_equal(read_gate_enter(gate, "another", &refused), READ_ALL_FULL);
    for (int i = 0; i < READ_GATE_WAITING; i++)
        assert_non_null(read_gate_take_waiting(gate));
    assert_null(read_gate_take_waiting(gate));
    assert_null(read_gate_leave(gate, &running));
    read_gate_free(gate);
    free(waiting);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_user_runs_two_and_the_rest_wait),
        cmocka_unit_test(users_take_turns),
        cmocka_unit_test(all_have_a_bound_and_an_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
