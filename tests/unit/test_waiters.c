/* A request that waits for a sandbox hears of it as any subscriber to changes does. */
#include "controller/leader/waiters.h"

#include "tests/lib/unit.h"

static struct loop *loop;
static struct waiters *waiters;
static struct changes changes;

struct seen {
    unsigned reached, given_up;
    enum sandbox_state state;
    const char *json;
};

static struct sandbox_id id_of(uint8_t n)
{
    uint8_t random[10] = {n};
    return sandbox_id_make(1, random);
}

static int set_up(void **state)
{
    loop = loop_new();
    waiters = waiters_new(loop);
    STAILQ_INIT(&changes);
    changes_subscribe(&changes, waiters_subscriber(waiters));
    return 0;
}

static int tear_down(void **state)
{
    changes_leave(&changes, waiters_subscriber(waiters));
    waiters_free(waiters);
    loop_free(loop);
    return 0;
}

static void on_told(void *arg, bool reached, enum sandbox_state state, const char *json)
{
    struct seen *seen = arg;
    seen->reached += reached;
    seen->given_up += !reached;
    seen->state = state;
    seen->json = json;
}

static void wait_for(uint8_t n, enum waiter_goal goal, enum sandbox_state named, struct seen *seen)
{
    struct sandbox_id id = id_of(n);
    assert_true(waiters_add(waiters, &id, goal, named, 3600000, on_told, seen));
}

static void row(uint8_t n, enum sandbox_state state)
{
    struct row_change change = {.id = id_of(n), .state = state, .json = "{}"};
    changes_tell_row(&changes, &change);
}

static void test_a_row_answers_those_that_wait_for_its_state(void **state)
{
    static struct seen begun, ended, other; /* WAIT_ENDED waits until the end */
    wait_for(1, WAIT_BEGUN, SANDBOX_RUNNING, &begun);
    wait_for(1, WAIT_ENDED, SANDBOX_STOPPED, &ended);
    wait_for(2, WAIT_BEGUN, SANDBOX_RUNNING, &other);
    row(1, SANDBOX_STARTING);
    assert_int_equal(begun.reached, 0);
    row(1, SANDBOX_RUNNING);
    assert_int_equal(begun.reached, 1);
    assert_string_equal(begun.json, "{}");
    assert_int_equal(ended.reached, 0);
    row(1, SANDBOX_FAILED);
    assert_int_equal(ended.reached, 1);
    assert_int_equal(ended.state, SANDBOX_FAILED);
    assert_int_equal(begun.reached + other.reached + other.given_up, 1);
}

/* A state without its row answers no waiter: the answer shows the whole sandbox. */
static void test_a_state_without_its_row_tells_nobody(void **state)
{
    struct state_change change = {.id = id_of(1), .state = SANDBOX_RUNNING};
    static struct seen seen;
    wait_for(1, WAIT_BEGUN, SANDBOX_RUNNING, &seen);
    changes_tell_state(&changes, &change);
    assert_int_equal(seen.reached + seen.given_up, 0);
}

static void test_another_desired_ends_the_wait_for_the_one_before(void **state)
{
    struct row_change change = {.id = id_of(1), .state = SANDBOX_RUNNING, .json = "{}"};
    static struct seen pause, resume, end;
    wait_for(1, WAIT_DESIRED, SANDBOX_PAUSED, &pause);
    wait_for(1, WAIT_ENDED, SANDBOX_STOPPED, &end);
    changes_tell_row(&changes, &change); /* a row alone has no desired state */
    assert_int_equal(pause.given_up, 0);
    change.has_desired = true;
    change.desired = DESIRED_RUNNING;
    change.state =
        SANDBOX_PAUSED; /* the state that the first one waits for; then the desired state is running */
    wait_for(1, WAIT_DESIRED, SANDBOX_RUNNING, &resume);
    changes_tell_row(&changes, &change);
    assert_int_equal(pause.reached, 1);
    assert_int_equal(resume.reached + resume.given_up, 0);
    change.desired = DESIRED_GONE;
    change.state = SANDBOX_STOPPING;
    changes_tell_row(&changes, &change);
    assert_int_equal(resume.given_up, 1);
    assert_int_equal(end.reached + end.given_up, 0);
}

static void test_a_waiter_that_left_hears_nothing(void **state)
{
    static struct seen seen;
    wait_for(1, WAIT_BEGUN, SANDBOX_RUNNING, &seen);
    changes_leave(&changes, waiters_subscriber(waiters));
    row(1, SANDBOX_RUNNING);
    assert_int_equal(seen.reached, 0);
    changes_subscribe(&changes, waiters_subscriber(waiters));
    row(1, SANDBOX_RUNNING);
    assert_int_equal(seen.reached, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_row_answers_those_that_wait_for_its_state, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_state_without_its_row_tells_nobody, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_another_desired_ends_the_wait_for_the_one_before, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_a_waiter_that_left_hears_nothing, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
