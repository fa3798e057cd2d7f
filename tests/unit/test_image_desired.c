#include "agent/core/image_desired.h"

#include "tests/lib/unit.h"

#include <stdio.h>

#define DIGEST "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static struct image_order pull(const char *ref, const char *digest, uint64_t generation)
{
    struct image_order order = {.generation = generation, .pull = true};
    snprintf(order.ref, sizeof order.ref, "%s", ref);
    snprintf(order.digest, sizeof order.digest, "%s", digest);
    return order;
}

static void take(struct image_desired *d, uint64_t now, struct image_order *orders, size_t count)
{
    static uint64_t number;
    struct registry_login login = {.registry = "private:5000", .username = "u", .password = "p"};
    struct image_orders set = {.number = ++number,
                               .first = true,
                               .last = true,
                               .order = orders,
                               .count = count,
                               .login = &login,
                               .logins = 1};
    assert_true(image_desired_take(d, now, &set));
}

static struct image_step next(struct image_desired *d, uint64_t now)
{
    struct image_step step;
    image_desired_next(d, now, &step);
    return step;
}

static enum node_image_state state_of(const struct image_desired *d, size_t i)
{
    struct node_image image;
    char name[IMAGE_REF_FULL_MAX];
    image_desired_tell(d, i, &image, name);
    return image.state;
}

static void test_a_pull_by_digest_with_a_login(void **state)
{
    struct image_desired *d = image_desired_new();
    struct image_order orders[] = {pull("private:5000/a:1", DIGEST, 3)};
    struct node_image found = {.id = "sha256:x", .digest = DIGEST, .size_bytes = 7}, told;
    char name[IMAGE_REF_FULL_MAX];
    take(d, 1000, orders, 1);
    assert_int_equal(state_of(d, 0), NODE_IMAGE_WAITING);
    struct image_step step = next(d, 1000);
    assert_int_equal(step.act, IMAGE_ACT_PULL);
    assert_string_equal(step.name, "private:5000/a@" DIGEST);
    assert_true(step.exact);
    assert_string_equal(step.login->password, "p");
    assert_int_equal(state_of(d, 0), NODE_IMAGE_PULLING);
    assert_int_equal(next(d, 1000).act, IMAGE_ACT_NONE);
    image_desired_here(d, &step, &found);
    image_desired_tell(d, 0, &told, name);
    assert_int_equal(told.state, NODE_IMAGE_PRESENT);
    assert_string_equal(told.ref, "private:5000/a:1");
    assert_string_equal(told.id, "sha256:x");
    assert_int_equal(told.generation, 3);
    assert_int_equal(told.size_bytes, 7);
    assert_int_equal(next(d, 1u << 30).act, IMAGE_ACT_NONE);
    image_desired_free(d);
}

static void test_the_same_orders_again_change_nothing(void **state)
{
    struct image_desired *d = image_desired_new();
    struct image_order orders[] = {pull("a:1", "", 1), pull("b:1", "", 1)};
    take(d, 0, orders, 2);
    struct image_step a = next(d, 0), b = next(d, 0);
    image_desired_here(d, &a, &(struct node_image){.id = "x"});
    take(d, 5, orders, 2); /* a new session */
    assert_int_equal(next(d, 5).act, IMAGE_ACT_NONE);
    assert_true(image_desired_holds(d, "b:1", 1));
    orders[1].generation = 2; /* asked for again, while the earlier one is under way */
    take(d, 6, orders, 2);
    assert_false(image_desired_holds(d, "b:1", 1));
    image_desired_here(d, &b, &(struct node_image){.id = "old"});
    assert_int_equal(state_of(d, 1), NODE_IMAGE_WAITING); /* what came of that is of no interest */
    assert_int_equal(next(d, 6).generation, 2);
    image_desired_free(d);
}

static void test_failures_are_tried_again_later_and_later(void **state)
{
    struct image_desired *d = image_desired_new();
    struct image_order orders[] = {pull("a:1", "", 1)};
    uint64_t now = 0, last = 0, waits = 0;
    take(d, now, orders, 1);
    for (int i = 0; i < 12; i++) {
        struct image_step step = next(d, now);
        assert_int_equal(step.act, IMAGE_ACT_PULL);
        assert_null(step.login);
        image_desired_failed(d, now, UINT32_MAX, &step, "no");
        assert_int_equal(state_of(d, 0), NODE_IMAGE_FAILED);
        uint64_t from = now;
        while (next(d, now + 1000).act == IMAGE_ACT_NONE)
            now += 1000;
        image_desired_again(d, now + 1000, &step); /* gives the step back */
        now += 1000 + IMAGE_RETRY_MS;
        waits = now - from;
        assert_true(waits + 1000 >= last && waits <= IMAGE_RETRY_MOST_MS + 2 * IMAGE_RETRY_MS);
        last = waits;
    }
    assert_true(waits > IMAGE_RETRY_MOST_MS / 2);
    image_desired_free(d);
}

static void test_a_registry_that_hangs_lets_others_through(void **state)
{
    struct image_desired *d = image_desired_new();
    struct image_order orders[] = {pull("slow:1/a:1", "", 1), pull("slow:1/b:1", "", 1),
                                   pull("slow:1/c:1", "", 1), pull("x:1/a:1", "", 1),
                                   pull("y:1/a:1", "", 1),    pull("z:1/a:1", "", 1)};
    take(d, 0, orders, 6);
    assert_string_equal(next(d, 0).ref, "slow:1/a:1");
    assert_string_equal(next(d, 0).ref, "slow:1/b:1");
    struct image_step x = next(d, 0);
    assert_string_equal(x.ref, "x:1/a:1");
    assert_string_equal(next(d, 0).ref, "y:1/a:1");
    assert_int_equal(next(d, 0).act, IMAGE_ACT_NONE); /* all places are taken */
    image_desired_here(d, &x, &(struct node_image){.id = "x"});
    assert_string_equal(next(d, 0).ref, "z:1/a:1");
    image_desired_free(d);
}

static void test_removal(void **state)
{
    struct image_desired *d = image_desired_new();
    struct image_order orders[] = {{.ref = "a:1", .generation = 1, .remove = true}};
    take(d, 0, orders, 1);
    struct image_step step = next(d, 0);
    assert_int_equal(step.act, IMAGE_ACT_REMOVE);
    image_desired_failed(d, 0, UINT32_MAX, &step, "a container has it");
    assert_int_equal(state_of(d, 0), NODE_IMAGE_PRESENT);
    step = next(d, IMAGE_RETRY_MS);
    assert_int_equal(step.act, IMAGE_ACT_REMOVE);
    image_desired_removed(d, &step);
    assert_int_equal(next(d, 1u << 30).act, IMAGE_ACT_NONE);
    image_desired_free(d);
}

static void test_what_is_kept(void **state)
{
    struct image_desired *d = image_desired_new();
    struct image_order orders[] = {{.ref = "docker.io/library/a:1", .digest = DIGEST, .keep = true},
                                   {.ref = "docker.io/library/b:1"},
                                   {.ref = "docker.io/library/c:1", .keep = true, .remove = true},
                                   {.ref = "no name!", .keep = true}};
    take(d, 0, orders, 4);
    assert_int_equal(image_desired_count(d), 3); /* what is no name is left out */
    assert_true(image_desired_keeps(d, "docker.io/library/a:1"));
    assert_true(image_desired_keeps(d, "docker.io/library/a@" DIGEST));
    assert_false(image_desired_keeps(d, "docker.io/library/b:1"));
    assert_false(image_desired_keeps(d, "docker.io/library/c:1"));
    take(d, 0, NULL, 0);
    assert_false(image_desired_keeps(d, "docker.io/library/a:1"));
    image_desired_free(d);
}

static void test_pieces(void **state)
{
    struct image_desired *d = image_desired_new();
    struct image_order orders[300];
    for (size_t i = 0; i < 300; i++) {
        char ref[32];
        snprintf(ref, sizeof ref, "a:%zu", i);
        orders[i] = pull(ref, "", 1);
    }
    struct image_orders piece = {.number = 7, .order = orders, .count = 300, .last = true};
    assert_false(image_desired_take(d, 0, &piece)); /* its beginning never came */
    piece.first = true;
    piece.last = false;
    for (int i = 0; i < 3; i++) /* sent again: begins again */
        assert_false(image_desired_take(d, 0, &piece));
    assert_int_equal(image_desired_count(d), 0);
    piece.first = false;
    for (int i = 0; i < 4; i++)
        assert_false(image_desired_take(d, 0, &piece));
    piece.number = 8;
    piece.last = true;
    assert_false(image_desired_take(d, 0, &piece)); /* of another set */
    piece.number = 7;
    assert_true(image_desired_take(d, 0, &piece));
    assert_int_equal(image_desired_count(d), IMAGE_DESIRED_MAX);
    image_desired_free(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_pull_by_digest_with_a_login),
        cmocka_unit_test(test_the_same_orders_again_change_nothing),
        cmocka_unit_test(test_failures_are_tried_again_later_and_later),
        cmocka_unit_test(test_a_registry_that_hangs_lets_others_through),
        cmocka_unit_test(test_removal),
        cmocka_unit_test(test_what_is_kept),
        cmocka_unit_test(test_pieces),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
