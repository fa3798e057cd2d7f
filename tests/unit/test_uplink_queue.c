#include "tests/lib/unit.h"

#include "agent/core/outbox.h"
#include "agent/uplink/uplink_queue.h"

static struct sandbox_id an_id(uint8_t n)
{
    uint8_t random[10] = {n};
    return sandbox_id_make(7, random);
}

static void report(struct uplink_queue *q, uint64_t now, uint8_t n, enum sandbox_state state)
{
    struct sandbox_status status = {.id = an_id(n), .number = now, .state = state, .ran = true};
    uplink_queue_status(q, now, &status);
}

/* A violation that is on disk. */
static uint64_t violate(struct outbox *o, uint64_t now, uint8_t n)
{
    struct violation_report report = {.id = an_id(n), .kind = VIOLATION_MEMORY, .opened = true};
    struct outbox_write w;
    uint64_t number = outbox_violation(o, now, &report);
    assert_true(outbox_write(o, &w));
    free(w.text);
    outbox_free(w.whole);
    outbox_written(o, true, w.len);
    return number;
}

struct taken {
    size_t statuses, violations;
    struct sandbox_id id; /* of the last status */
};

static struct taken take(struct uplink_queue *q, struct outbox *o, uint64_t now)
{
    struct node_report report = {0};
    uplink_queue_take(q, o, now, &report);
    struct taken t = {.statuses = report.status_count, .violations = report.violation_count};
    if (t.statuses)
        t.id = report.statuses[t.statuses - 1].id;
    uplink_queue_taken_free(&report);
    return t;
}

static void test_an_end_comes_after_its_violations(void **state)
{
    struct outbox *o = outbox_new(1);
    struct uplink_queue q = {0};
    uint64_t warning = violate(o, 1000, 1);
    assert_int_equal(take(&q, o, 1000).violations, 1);
    uint64_t critical = violate(o, 1010, 1); /* while the first is on its way */
    report(&q, 1020, 1, SANDBOX_STOPPED);
    struct taken t = take(&q, o, 1030);
    assert_true(t.statuses == 0 && t.violations == 0 && q.held);
    outbox_ack(o, warning, 0);
    t = take(&q, o, 1040);
    assert_true(t.statuses == 0 && t.violations == 1 && q.held);
    outbox_ack(o, critical, 0);
    t = take(&q, o, 1050);
    assert_true(t.statuses == 1 && !q.held);
    uplink_queue_fini(&q);
    outbox_free(o);
}

static void test_an_end_does_not_wait_for_ever(void **state)
{
    struct outbox *o = outbox_new(1);
    struct uplink_queue q = {0};
    violate(o, 1000, 1);
    report(&q, 1020, 1, SANDBOX_STOPPED);
    assert_int_equal(take(&q, o, 1020 + UPLINK_HOLD_MS - 1).statuses, 0);
    assert_int_equal(take(&q, o, 1020 + UPLINK_HOLD_MS).statuses, 1);
    uplink_queue_fini(&q);
    outbox_free(o);
}

static void test_only_ends_wait_and_only_for_their_own(void **state)
{
    struct outbox *o = outbox_new(1);
    struct uplink_queue q = {0};
    violate(o, 1000, 1);
    report(&q, 1000, 1, SANDBOX_PAUSED);
    assert_int_equal(take(&q, o, 1000).statuses, 1);
    report(&q, 1001, 1, SANDBOX_STOPPING);
    report(&q, 1001, 2, SANDBOX_FAILED);
    struct taken t = take(&q, o, 1002);
    assert_int_equal(t.statuses, 1);
    assert_string_equal(t.id.text, an_id(2).text);
    uplink_queue_fini(&q);
    outbox_free(o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_end_comes_after_its_violations),
        cmocka_unit_test(test_an_end_does_not_wait_for_ever),
        cmocka_unit_test(test_only_ends_wait_and_only_for_their_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
