#include "tests/lib/unit.h"

#include "agent/core/pull_size.h"

#include <stdio.h>

static struct pull_size size;

static struct pull_step step(const char *id, enum node_layer_state state, uint64_t bytes, uint64_t done)
{
    struct pull_step step = {.state = state, .bytes = bytes, .done_bytes = done};
    snprintf(step.id, sizeof step.id, "%s", id);
    return step;
}

static uint64_t note(const char *id, uint64_t bytes)
{
    uint64_t total = 0;
    struct pull_step one = step(id, NODE_LAYER_DOWNLOADING, bytes, 0);
    assert_true(pull_size_note(&size, &one, &total));
    return total;
}

static void test_each_layer_counts_once(void **state)
{
    memset(&size, 0, sizeof size);
    assert_int_equal(note("0123456789ab", 100), 100);
    assert_int_equal(note("0123456789ab", 100), 100);
    assert_int_equal(note("ba9876543210", 50), 150);
    assert_int_equal(note("0123456789ab", 40), 150); /* a size never shrinks */
    assert_int_equal(note("0123456789ab", 300), 350);
    assert_int_equal(note("", 1), 351);
}

static void test_a_registry_that_lies(void **state)
{
    char id[20];
    memset(&size, 0, sizeof size);
    assert_true(note("a", UINT64_MAX) == UINT64_MAX);
    assert_true(note("b", UINT64_MAX) == UINT64_MAX);
    memset(&size, 0, sizeof size);
    for (int i = 0; i < PULL_LAYERS_MAX; i++) {
        snprintf(id, sizeof id, "%012d", i);
        assert_int_equal(note(id, 1), i + 1);
    }
    struct pull_step more = step("one more", NODE_LAYER_WAITING, 0, 0);
    assert_false(pull_size_note(&size, &more, &(uint64_t){0}));
    assert_int_equal(note("000000000000", 2), PULL_LAYERS_MAX + 1);
    memset(&size, 0, sizeof size);
    assert_int_equal(note("a name that is longer than any", 1), 1);
    assert_int_equal(note("a name that is longer than any", 1), 1);
}

static void go(const char *id, enum node_layer_state state, uint64_t bytes, uint64_t done)
{
    struct pull_step one = step(id, state, bytes, done);
    assert_true(pull_size_note(&size, &one, &(uint64_t){0}));
}

static void test_progress(void **state)
{
    struct node_image_layer layers[2];
    struct node_image image = {.pull = layers};
    memset(&size, 0, sizeof size);
    go("a", NODE_LAYER_WAITING, 0, 0);
    go("b", NODE_LAYER_DONE, 0, 0); /* it was here */
    go("c", NODE_LAYER_DOWNLOADING, 100, 40);
    pull_size_tell(&size, 2, &image);
    assert_int_equal(image.layers_total, 3);
    assert_int_equal(image.layers_done, 1);
    assert_int_equal(image.total_bytes, 100);
    assert_int_equal(image.done_bytes, 40);
    assert_int_equal(image.pull_count, 2); /* no more than there is room for */
    assert_string_equal(layers[1].id, "b");
    go("c", NODE_LAYER_DOWNLOADING, 100, 10); /* its download began again */
    pull_size_tell(&size, 2, &image);
    assert_int_equal(image.done_bytes, 10);
    go("c", NODE_LAYER_EXTRACTING, 100, 3);
    go("a", NODE_LAYER_DOWNLOADING, 7, UINT64_MAX); /* a registry that lies */
    pull_size_tell(&size, 2, &image);
    assert_int_equal(image.done_bytes, 107);
    go("a", NODE_LAYER_DOWNLOADING, UINT64_MAX, UINT64_MAX);
    pull_size_tell(&size, 0, &image);
    assert_true(image.done_bytes == UINT64_MAX && image.total_bytes == UINT64_MAX);
    assert_int_equal(image.pull_count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_each_layer_counts_once),
                                       cmocka_unit_test(test_a_registry_that_lies),
                                       cmocka_unit_test(test_progress)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
