#include "tests/lib/unit.h"

#include "agent/uplink/uplink_session.h"

static struct sandbox_id an_id(uint8_t n)
{
    uint8_t random[10] = {n};
    return sandbox_id_make(7, random);
}

static struct uplink_session a_session(void)
{
    struct uplink_session s = {.highest_epoch = 3, .outbox = outbox_new(1)};
    uplink_session_begin(&s, 4, 10000);
    return s;
}

static void end(struct uplink_session *s)
{
    outbox_free(s->outbox);
    uplink_session_fini(s);
}

static void status(struct uplink_session *s, uint64_t now, uint8_t n)
{
    struct sandbox_status o = {.id = an_id(n), .number = now, .state = SANDBOX_RUNNING};
    uplink_queue_status(&s->queue, now, &o);
}

/* How many statuses the report tells; -1: none is sent now. */
static int report(struct uplink_session *s, uint64_t now, size_t *left_out)
{
    struct node_report r = {0};
    if (!uplink_session_report(s, now, &r))
        return -1;
    if (left_out)
        *left_out = r.left_out;
    uplink_queue_taken_free(&r);
    return (int)r.status_count;
}

static void test_an_update_is_taken_up_once(void **state)
{
    struct uplink_session s = a_session();
    struct node_update update = {.number = 1};
    assert_true(uplink_session_take(&s, &update));
    assert_false(uplink_session_take(&s, &update));
    update.number = 2;
    assert_true(uplink_session_take(&s, &update));
    assert_int_equal(s.taken, 2);
    end(&s);
}

static void test_a_new_session_counts_from_the_beginning(void **state)
{
    struct uplink_session s = a_session();
    struct node_update update = {.number = 1};
    assert_true(uplink_session_take(&s, &update));
    uplink_session_end(&s);
    uplink_session_begin(&s, 4, 10000);
    assert_int_equal(s.taken, 0);
    assert_true(uplink_session_take(&s, &update));
    end(&s);
}

static void test_what_is_acknowledged_is_not_told_again(void **state)
{
    struct uplink_session s = a_session();
    status(&s, 1000, 1);
    status(&s, 1001, 2);
    assert_int_equal(report(&s, 1001, NULL), 2);
    (void)uplink_session_reported(&s);
    struct status_ack ack = {.id = an_id(1), .number = 1000};
    struct node_update update = {.number = 1, .acks = &ack, .ack_count = 1};
    assert_true(uplink_session_take(&s, &update));
    assert_int_equal(report(&s, 1001 + UPLINK_RESEND_MS, NULL), 1);
    end(&s);
}

static void test_an_older_number_acknowledges_nothing(void **state)
{
    struct uplink_session s = a_session();
    status(&s, 1000, 1);
    struct status_ack ack = {.id = an_id(1), .number = 999};
    struct node_update update = {.number = 1, .acks = &ack, .ack_count = 1};
    assert_true(uplink_session_take(&s, &update));
    assert_int_equal(report(&s, 1000, NULL), 1);
    end(&s);
}

static void test_what_a_lost_session_was_told_is_told_again(void **state)
{
    struct uplink_session s = a_session();
    size_t left_out;
    status(&s, 1000, 1);
    uplink_session_left_out(&s, 2, "two things");
    assert_int_equal(report(&s, 1000, &left_out), 1);
    assert_int_equal(left_out, 2);
    uplink_session_end(&s);
    uplink_session_begin(&s, 4, 10000);
    assert_int_equal(report(&s, 1010, &left_out), 1);
    assert_int_equal(left_out, 2);
    end(&s);
}

static void test_one_report_is_on_its_way(void **state)
{
    struct uplink_session s = a_session();
    assert_int_equal(report(&s, 1000, NULL), 0);
    status(&s, 1001, 1);
    assert_int_equal(report(&s, 1001, NULL), -1);
    assert_int_equal(uplink_session_reported(&s), 0); /* something came meanwhile */
    assert_int_equal(report(&s, 1002, NULL), 1);
    assert_int_equal(uplink_session_reported(&s), 1000); /* a tenth of the lease */
    end(&s);
}

static void test_what_is_left_out_meanwhile_is_told_next(void **state)
{
    struct uplink_session s = a_session();
    size_t left_out;
    uplink_session_left_out(&s, 2, "two things");
    assert_int_equal(report(&s, 1000, &left_out), 0);
    uplink_session_left_out(&s, 3, "three more");
    (void)uplink_session_reported(&s);
    assert_int_equal(report(&s, 1001, &left_out), 0);
    assert_int_equal(left_out, 3);
    (void)uplink_session_reported(&s);
    assert_int_equal(report(&s, 1002, &left_out), 0);
    assert_int_equal(left_out, 0);
    end(&s);
}

static void test_answers_of_others_are_not_its_own(void **state)
{
    struct uplink_session s = a_session();
    struct node_message m = {.epoch = 4};
    s.id.byte[0] = 1;
    assert_false(uplink_session_owns(&s, &m, true)); /* of another session */
    assert_true(uplink_session_owns(&s, &m, false));
    m.session = s.id;
    assert_true(uplink_session_owns(&s, &m, true));
    m.epoch = 3;
    assert_false(uplink_session_owns(&s, &m, true)); /* of a leader whose time is over */
    assert_false(uplink_session_owns(&s, &m, false));
    end(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_update_is_taken_up_once),
        cmocka_unit_test(test_a_new_session_counts_from_the_beginning),
        cmocka_unit_test(test_what_is_acknowledged_is_not_told_again),
        cmocka_unit_test(test_an_older_number_acknowledges_nothing),
        cmocka_unit_test(test_what_a_lost_session_was_told_is_told_again),
        cmocka_unit_test(test_one_report_is_on_its_way),
        cmocka_unit_test(test_what_is_left_out_meanwhile_is_told_next),
        cmocka_unit_test(test_answers_of_others_are_not_its_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
