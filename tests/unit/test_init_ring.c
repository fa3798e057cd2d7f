#include "tests/lib/unit.h"

#include "agent/init/init_ring.h"

#include <stdio.h>

/* The byte and the channel of each position follow from the position, so that each can be checked alone. */
static uint8_t byte_at(uint64_t position)
{
    return (uint8_t)(position * 7 + (position >> 8));
}

static bool channel_at(uint64_t position)
{
    return (position / 13 + position / 257) % 3 == 0;
}

static void put(struct init_ring *ring, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        uint8_t byte = byte_at(ring->end);
        init_ring_put(ring, channel_at(ring->end), &byte, 1);
    }
}

/* Reads everything that is kept, in pieces of one channel each. */
static void check(const struct init_ring *ring, uint64_t oldest, uint64_t end)
{
    uint8_t out[700];
    bool is_stderr;
    size_t n;
    assert_int_equal(ring->oldest, oldest);
    assert_int_equal(ring->end, end);
    for (uint64_t at = oldest; at < end; at += n) {
        n = init_ring_get(ring, at, out, sizeof out, &is_stderr);
        assert_true(n > 0);
        for (size_t i = 0; i < n; i++) {
            assert_int_equal(out[i], byte_at(at + i));
            assert_int_equal(is_stderr, channel_at(at + i));
        }
    }
    assert_int_equal(init_ring_get(ring, end, out, sizeof out, &is_stderr), 0);
    if (oldest)
        assert_int_equal(init_ring_get(ring, oldest - 1, out, sizeof out, &is_stderr), 0);
}

static void test_the_latest_is_kept_with_its_channels(void **state)
{
    struct init_ring ring = {0};
    assert_true(init_ring_resize(&ring, 4096));
    put(&ring, 3000);
    check(&ring, 0, 3000);
    put(&ring, 5000);
    check(&ring, 8000 - 4096, 8000);
    init_ring_drop(&ring);
    check(&ring, 8000, 8000);
}

static void test_it_grows_and_shrinks_with_what_it_keeps(void **state)
{
    struct init_ring ring = {0};
    assert_true(init_ring_resize(&ring, 4096));
    put(&ring, 6001);
    assert_true(init_ring_resize(&ring, 16384));
    check(&ring, 6001 - 4096, 6001);
    put(&ring, 10000);
    check(&ring, 6001 - 4096, 16001);
    assert_true(init_ring_resize(&ring, 4096));
    check(&ring, 16001 - 4096, 16001);
    init_ring_drop(&ring);
}

/* Of more than the ring holds, the end is kept. */
static void test_pieces_of_any_size_go_in(void **state)
{
    static uint8_t bytes[20000];
    struct init_ring ring = {0};
    uint8_t out[16];
    bool is_stderr;
    assert_true(init_ring_resize(&ring, 4096));
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = byte_at(i);
    init_ring_put(&ring, true, bytes, sizeof bytes);
    assert_int_equal(ring.oldest, sizeof bytes - 4096);
    assert_int_equal(init_ring_get(&ring, sizeof bytes - 3, out, sizeof out, &is_stderr), 3);
    assert_memory_equal(out, bytes + sizeof bytes - 3, 3);
    assert_true(is_stderr);
    init_ring_put(&ring, false, bytes, 0);
    assert_int_equal(ring.end, sizeof bytes);
    init_ring_drop(&ring);
    init_ring_put(&ring, false, bytes, 10); /* the ring has no memory: only positions advance */
    assert_int_equal(ring.oldest, sizeof bytes + 10);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_latest_is_kept_with_its_channels),
        cmocka_unit_test(test_it_grows_and_shrinks_with_what_it_keeps),
        cmocka_unit_test(test_pieces_of_any_size_go_in),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
