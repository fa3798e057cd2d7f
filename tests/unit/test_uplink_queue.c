#include "tests/lib/unit.h"

#include "agent/core/outbox.h"
#include "agent/uplink/uplink_queue.h"
#include "common/base/mem.h"

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

static struct node_images some_images(size_t count, size_t layers)
{
    struct node_images images = {.count = count};
    images.image = mem_zalloc((count + 1) * sizeof *images.image);
    for (size_t i = 0; i < count; i++) {
        images.image[i].generation = i + 1;
        images.image[i].pull_count = layers;
        images.image[i].pull = mem_zalloc((layers + 1) * sizeof *images.image[i].pull);
    }
    return images;
}

static void queue_all(struct uplink_queue *q, size_t count, size_t layers)
{
    struct node_images images = some_images(count, layers);
    uplink_queue_images(q, &images);
    assert_null(images.image);
}

/* The next report has a piece of this set, from this image on. */
static void assert_piece(struct uplink_queue *q, uint64_t number, size_t from, size_t count, bool last)
{
    struct outbox *o = outbox_new(1);
    struct node_report report = {0};
    uplink_queue_take(q, o, 1000, &report);
    assert_int_equal(report.images.number, number);
    assert_int_equal(report.images.count, count);
    assert_int_equal(report.images.last, last);
    if (count) {
        assert_int_equal(report.images.first, from == 0);
        assert_int_equal(report.images.image[0].generation, from + 1);
    }
    uplink_queue_taken_free(&report);
    outbox_free(o);
}

static void test_images_come_in_pieces(void **state)
{
    struct uplink_queue q = {.takes_images = true};
    size_t most = NODE_IMAGE_PIECE_MAX;
    queue_all(&q, most + 2, 0);
    assert_piece(&q, 1, 0, most, false);
    assert_true(uplink_queue_urgent(&q));
    uplink_queue_resend_all(&q); /* the session broke: from the beginning */
    assert_piece(&q, 1, 0, most, false);
    assert_piece(&q, 1, most, 2, true);
    assert_false(uplink_queue_urgent(&q));
    assert_piece(&q, 0, 0, 0, false);
    queue_all(&q, 0, 0); /* the last image is gone: that is told too */
    struct node_images some = some_images(1, 1);
    uplink_queue_some_images(&q, &some);
    assert_piece(&q, 2, 0, 0, true);
    assert_piece(&q, 0, 0, 1, true);
    uplink_queue_fini(&q);
}

static void test_layers_of_images_bound_a_piece(void **state)
{
    struct uplink_queue q = {.takes_images = true};
    queue_all(&q, 3, NODE_IMAGE_LAYERS_MAX / 2);
    assert_piece(&q, 1, 0, 2, false);
    assert_piece(&q, 1, 2, 1, true);
    uplink_queue_fini(&q);
}

static void test_a_controller_that_takes_no_images(void **state)
{
    struct uplink_queue q = {.takes_images = false};
    queue_all(&q, 3, 0);
    assert_piece(&q, 0, 0, 0, false);
    assert_false(uplink_queue_urgent(&q));
    uplink_queue_fini(&q);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_end_comes_after_its_violations),
        cmocka_unit_test(test_an_end_does_not_wait_for_ever),
        cmocka_unit_test(test_only_ends_wait_and_only_for_their_own),
        cmocka_unit_test(test_images_come_in_pieces),
        cmocka_unit_test(test_layers_of_images_bound_a_piece),
        cmocka_unit_test(test_a_controller_that_takes_no_images),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
