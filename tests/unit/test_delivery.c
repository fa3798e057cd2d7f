#include "tests/lib/unit.h"

#include "common/base/mem.h"
#include "controller/nodes/delivery.h"

static struct sandbox_id an_id(uint8_t n)
{
    uint8_t random[10] = {n};
    return sandbox_id_make(7, random);
}

static void desire(struct delivery *d, uint64_t now, uint8_t n, uint64_t generation)
{
    struct desired_state desired = {.id = an_id(n),
                                    .generation = generation,
                                    .remaining_ms = 60000,
                                    .spec = (const uint8_t *)"spec",
                                    .spec_len = 5};
    assert_true(delivery_desired(d, now, &desired));
}

static void ack(struct delivery *d, uint8_t n, uint64_t number)
{
    struct status_ack a = {.id = an_id(n), .number = number};
    delivery_ack(d, &a);
}

struct told {
    size_t desired, acks;
    uint64_t number, generation, remaining_ms; /* of the first desired state */
    uint64_t violations, samples, cleanups, cleanup;
    bool certificate;
};

static struct told tell(struct delivery *d, uint64_t now)
{
    struct node_update u;
    delivery_tell(d, now, &u);
    struct told t = {.desired = u.desired_count,
                     .acks = u.ack_count,
                     .number = u.number,
                     .violations = u.violations_acked,
                     .samples = u.samples_acked,
                     .cleanups = u.cleanups_acked,
                     .cleanup = u.cleanup.number,
                     .certificate = u.certificate};
    if (t.desired) {
        t.generation = u.desired_states[0].generation;
        t.remaining_ms = u.desired_states[0].remaining_ms;
        if (u.desired_states[0].spec)
            assert_memory_equal(u.desired_states[0].spec, "spec", 5);
    }
    delivery_told(&u);
    return t;
}

static void test_what_was_taken_is_told_once(void **state)
{
    struct delivery d = {0};
    desire(&d, 1000, 1, 1);
    ack(&d, 1, 7);
    struct told t = tell(&d, 1000);
    assert_true(t.desired == 1 && t.acks == 1);
    delivery_polled(&d, 1010, t.number);
    assert_false(delivery_owes(&d));
    t = tell(&d, 1020);
    assert_true(t.desired == 0 && t.acks == 0);
    delivery_fini(&d);
}

static void test_what_was_not_taken_is_told_again(void **state)
{
    struct delivery d = {0};
    struct cleanup_order order = {.number = 3};
    desire(&d, 1000, 1, 1);
    ack(&d, 1, 7);
    delivery_ack_violations(&d, 11);
    delivery_ack_samples(&d, 12);
    delivery_ack_cleanups(&d, 13);
    delivery_cleanup(&d, &order);
    delivery_certificate(&d, mem_dup("der", 3), 3);
    struct told first = tell(&d, 1000);
    delivery_polled(&d, 1010, first.number - 1);
    assert_true(delivery_owes(&d));
    struct told t = tell(&d, 1020);
    assert_int_equal(t.number, first.number + 1);
    assert_true(t.desired == 1 && t.acks == 1 && t.certificate);
    assert_true(t.violations == 11 && t.samples == 12 && t.cleanups == 13 && t.cleanup == 3);
    delivery_polled(&d, 1030, t.number);
    assert_false(delivery_owes(&d));
    assert_false(tell(&d, 1040).certificate);
    delivery_fini(&d);
}

/* An update that the node never saw names nothing that it took. */
static void test_only_the_last_update_counts_as_taken(void **state)
{
    struct delivery d = {0};
    desire(&d, 1000, 1, 1);
    struct told lost = tell(&d, 1000);
    delivery_polled(&d, 1010, 0);
    desire(&d, 1010, 2, 1);
    assert_int_equal(tell(&d, 1010).desired, 2);
    delivery_polled(&d, 1020, lost.number);
    assert_int_equal(tell(&d, 1020).desired, 2);
    delivery_fini(&d);
}

static void test_the_newest_desired_state_wins(void **state)
{
    struct delivery d = {0};
    desire(&d, 1000, 1, 1);
    desire(&d, 1000, 1, 2);
    struct told t = tell(&d, 1000);
    assert_true(t.desired == 1 && t.generation == 2);
    desire(&d, 1005, 1, 3); /* while the older is on its way */
    delivery_polled(&d, 1010, t.number);
    t = tell(&d, 1010);
    assert_true(t.desired == 1 && t.generation == 3);
    delivery_fini(&d);
}

static void test_a_lifetime_goes_on_while_it_waits(void **state)
{
    struct delivery d = {0};
    desire(&d, 1000, 1, 1);
    assert_int_equal(tell(&d, 3000).remaining_ms, 58000);
    delivery_polled(&d, 3010, 0);
    assert_int_equal(tell(&d, 71000).remaining_ms, 0);
    delivery_fini(&d);
}

static void test_a_lifetime_that_came_late_is_told_again(void **state)
{
    struct delivery d = {0};
    desire(&d, 1000, 1, 1);
    struct told t = tell(&d, 1000);
    delivery_polled(&d, 4000, t.number);
    assert_true(delivery_owes(&d));
    t = tell(&d, 4000);
    assert_true(t.desired == 1 && t.remaining_ms == 57000);
    delivery_polled(&d, 4000 + DELIVERY_LATE_MS, t.number);
    assert_false(delivery_owes(&d));
    delivery_fini(&d);
}

static void test_a_slow_network_is_not_told_for_ever(void **state)
{
    struct delivery d = {0};
    uint64_t now = 1000;
    unsigned told = 0;
    desire(&d, now, 1, 1);
    for (; delivery_owes(&d) && told < 100; told++) {
        struct told t = tell(&d, now);
        now += 2 * DELIVERY_LATE_MS;
        delivery_polled(&d, now, t.number);
    }
    assert_int_equal(told, 1 + DELIVERY_REPEATS);
    delivery_fini(&d);
}

static void test_numbers_only_rise(void **state)
{
    struct delivery d = {0};
    delivery_ack_violations(&d, 9);
    delivery_ack_violations(&d, 4);
    struct told t = tell(&d, 1000);
    assert_int_equal(t.violations, 9);
    delivery_ack_violations(&d, 9);
    delivery_polled(&d, 1010, t.number);
    assert_false(delivery_owes(&d));
    delivery_fini(&d);
}

static void test_what_waits_has_bounds(void **state)
{
    struct delivery d = {0};
    struct desired_state desired = {.generation = 1, .state = DESIRED_GONE};
    uint8_t random[10] = {0};
    for (uint64_t i = 0; i < DELIVERY_DESIRED_MAX; i++) {
        desired.id = sandbox_id_make(i + 1, random);
        assert_true(delivery_desired(&d, 0, &desired));
    }
    assert_true(delivery_desired(&d, 0, &desired)); /* one that waits is replaced all the same */
    desired.id = sandbox_id_make(DELIVERY_DESIRED_MAX + 1, random);
    assert_false(delivery_desired(&d, 0, &desired));
    for (uint64_t i = 0; i < DELIVERY_ACKS_MAX + 5; i++)
        ack(&d, 1, i);
    size_t desired_states = 0, acks = 0;
    for (int i = 0; delivery_owes(&d) && i < 100; i++) {
        struct told t = tell(&d, 0);
        assert_true(t.desired <= NODE_UPDATE_MAX && t.acks <= NODE_UPDATE_MAX);
        desired_states += t.desired;
        acks += t.acks;
        delivery_polled(&d, 0, t.number);
    }
    assert_true(desired_states == DELIVERY_DESIRED_MAX && acks == DELIVERY_ACKS_MAX);
    delivery_fini(&d);
}

static void order_images(struct delivery *d, uint64_t number, size_t count)
{
    struct image_order *order = mem_zalloc((count + 1) * sizeof *order);
    struct registry_login login = {.registry = "r", .password = "p"};
    struct image_orders whole = {
        .number = number, .order = order, .count = count, .login = &login, .logins = 1};
    for (size_t i = 0; i < count; i++)
        order[i].generation = i + 1;
    delivery_images(d, &whole);
    free(order);
}

/* Tells the next update, which carries a piece from this order on. */
static uint64_t told_piece(struct delivery *d, uint64_t number, size_t from, size_t count, bool last)
{
    struct node_update u;
    delivery_tell(d, 0, &u);
    assert_int_equal(u.images.number, number);
    assert_int_equal(u.images.count, count);
    assert_int_equal(u.images.first, from == 0);
    assert_int_equal(u.images.last, last);
    assert_int_equal(u.images.logins, from == 0);
    if (count)
        assert_int_equal(u.images.order[0].generation, from + 1);
    uint64_t told = u.number;
    delivery_told(&u);
    return told;
}

static void test_orders_about_images_come_in_pieces(void **state)
{
    struct delivery d = {0};
    size_t most = NODE_IMAGE_PIECE_MAX;
    order_images(&d, 1, 2 * most + 3);
    assert_true(delivery_owes(&d));
    uint64_t told = told_piece(&d, 1, 0, most, false);
    assert_false(delivery_owes(&d)); /* the next piece waits for this one */
    delivery_polled(&d, 0, told);
    assert_true(delivery_owes(&d));
    told = told_piece(&d, 1, most, most, false);
    delivery_polled(&d, 0, told - 1); /* it was lost */
    delivery_polled(&d, 0, told_piece(&d, 1, most, most, false));
    delivery_polled(&d, 0, told_piece(&d, 1, 2 * most, 3, true));
    assert_false(delivery_owes(&d));
    delivery_fini(&d);
}

static void test_newer_orders_about_images_begin_again(void **state)
{
    struct delivery d = {0};
    order_images(&d, 1, NODE_IMAGE_PIECE_MAX + 1);
    uint64_t told = told_piece(&d, 1, 0, NODE_IMAGE_PIECE_MAX, false);
    order_images(&d, 2, 2); /* while a piece is on its way */
    assert_true(delivery_owes(&d));
    delivery_polled(&d, 0, told);
    delivery_polled(&d, 0, told_piece(&d, 2, 0, 2, true));
    order_images(&d, 3, 0); /* nothing is to be done any more: that is told too */
    assert_true(delivery_owes(&d));
    delivery_polled(&d, 0, told_piece(&d, 3, 0, 0, true));
    assert_false(delivery_owes(&d));
    order_images(&d, 4, 1);
    delivery_fini(&d);
}

/* What the next update says of samples that are to be dense: how many sandboxes; -1: nothing. */
static int told_dense(struct delivery *d, uint64_t now, bool taken)
{
    struct node_update u;
    delivery_tell(d, now, &u);
    int told = u.dense.number ? (int)u.dense.count : -1;
    assert_int_equal(u.dense.for_ms, told > 0 ? DELIVERY_DENSE_MS : 0);
    delivery_told(&u);
    delivery_polled(d, now, taken ? u.number : 0);
    return told;
}

static void test_what_is_watched_is_told_and_told_again(void **state)
{
    struct delivery d = {0};
    struct sandbox_id id[NODE_DENSE_MAX];
    for (unsigned i = 0; i < NODE_DENSE_MAX; i++)
        id[i] = an_id((uint8_t)i);
    delivery_dense(&d, 1, NULL, 0);
    assert_false(delivery_owes(&d)); /* it was never told of any */
    delivery_dense(&d, 1, id, 2);
    assert_true(delivery_owes(&d));
    assert_int_equal(told_dense(&d, 1, false), 2);
    assert_true(delivery_owes(&d)); /* it was lost */
    assert_int_equal(told_dense(&d, 1, true), 2);
    delivery_dense(&d, DELIVERY_RENEW_MS, id, 2);
    assert_false(delivery_owes(&d)); /* the same, and not old yet */
    assert_int_equal(told_dense(&d, 2, true), -1);
    delivery_dense(&d, 1 + DELIVERY_RENEW_MS, id, 2);
    assert_int_equal(told_dense(&d, 1 + DELIVERY_RENEW_MS, true), 2);
    delivery_dense(&d, 2 + DELIVERY_RENEW_MS, id + 1, 2);
    assert_int_equal(told_dense(&d, 2 + DELIVERY_RENEW_MS, true), 2);
    delivery_dense(&d, 3 + DELIVERY_RENEW_MS, id, NODE_DENSE_MAX);
    assert_int_equal(told_dense(&d, 3 + DELIVERY_RENEW_MS, true), NODE_DENSE_MAX);
    delivery_dense(&d, 4 + DELIVERY_RENEW_MS, NULL, 0);
    assert_int_equal(told_dense(&d, 4 + DELIVERY_RENEW_MS, true), 0);
    delivery_dense(&d, 9 * DELIVERY_RENEW_MS, NULL, 0);
    assert_false(delivery_owes(&d)); /* nothing is nothing to renew */
    delivery_fini(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_was_taken_is_told_once),
        cmocka_unit_test(test_what_was_not_taken_is_told_again),
        cmocka_unit_test(test_only_the_last_update_counts_as_taken),
        cmocka_unit_test(test_the_newest_desired_state_wins),
        cmocka_unit_test(test_a_lifetime_goes_on_while_it_waits),
        cmocka_unit_test(test_a_lifetime_that_came_late_is_told_again),
        cmocka_unit_test(test_a_slow_network_is_not_told_for_ever),
        cmocka_unit_test(test_numbers_only_rise),
        cmocka_unit_test(test_what_waits_has_bounds),
        cmocka_unit_test(test_orders_about_images_come_in_pieces),
        cmocka_unit_test(test_newer_orders_about_images_begin_again),
        cmocka_unit_test(test_what_is_watched_is_told_and_told_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
