/* Streams of sandboxes and keys are counted, and end with their key. */
#include "controller/streams/stream_hub.h"

#include "common/io/tls_mutual.h"
#include "tests/lib/turn.h"

#include <stdio.h>
#include <sys/socket.h>

#define SANDBOXES (STREAMS_PER_KEY / STREAMS_PER_SANDBOX)

struct seen {
    struct hub_stream *stream;
    unsigned closed;
    int code;
};

static struct loop *loop;
static struct key_watch *keys;
static struct stream_hub *hub;
static struct mux *node;      /* the node's end */
static struct key_status now; /* what the key that is read may do */
static bool is_valid;
static struct seen seen[STREAMS_PER_KEY];

static void on_data(void *arg, unsigned channel, const uint8_t *bytes, size_t len)
{
}

static void on_node_closed(void *arg, int code, const char *text)
{
}

static void on_open(void *owner, struct mux_stream *stream, const uint8_t *bytes, size_t len)
{
    static const struct mux_stream_ops ops = {.on_data = on_data, .on_closed = on_node_closed};
    mux_serve(stream, &ops, NULL);
}

static void on_over(void *owner, const char *why)
{
}

static void told(void *arg)
{
    key_watch_told(keys, 0, &now, is_valid);
}

static void read_keys(void *owner, const char *const *ids, size_t count)
{
    static struct timer later;
    assert_int_equal(count, 1);
    assert_string_equal(ids[0], now.id);
    timer_start(&later, loop, 0, told, NULL);
}

static bool is_current(void *owner, const struct caller *caller)
{
    return true;
}

static int set_up(void **state)
{
    static const struct key_watch_ops ops = {.read = read_keys, .is_current = is_current};
    static const struct mux_ops node_ops = {.on_open = on_open, .on_over = on_over};
    int ends[2];
    loop = loop_new();
    keys = key_watch_new(loop, &ops, NULL);
    hub = stream_hub_new(loop, keys);
    assert_false(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends));
    stream_hub_take(hub, "node-1", stream_new(NULL, ends[0]));
    node = mux_new(loop, stream_new(NULL, ends[1]), &node_ops, NULL);
    memset(seen, 0, sizeof seen);
    return 0;
}

static int tear_down(void **state)
{
    stream_hub_free(hub);
    mux_free(node);
    key_watch_free(keys);
    loop_free(loop);
    return 0;
}

static void run(uint64_t ms)
{
    run_for(loop, ms);
}

/* What a slow machine needs longer for; a condition that never holds fails in the assertion after it. */
#define RUN_UNTIL(condition)                                                                                 \
    for (unsigned turns = 0; turns < 500 && !(condition); turns++)                                           \
    run(10)

static void on_closed(void *arg, int code, const char *text)
{
    struct seen *one = arg;
    one->closed++;
    one->code = code;
}

static int open_one(const char *key, uint32_t needs, uint8_t sandbox, struct seen *one)
{
    static const struct hub_stream_ops ops = {.on_closed = on_closed};
    struct caller caller = {.needs = needs};
    uint8_t random[10] = {sandbox};
    struct stream_open open = {.sandbox = sandbox_id_make(1, random), .op = STREAM_LIST};
    struct err e;
    snprintf(caller.key_id, sizeof caller.key_id, "%s", key);
    snprintf(caller.key_prefix, sizeof caller.key_prefix, "%s", key);
    return hub_stream_open(hub, "node-1", &caller, &open, &ops, one, &one->stream, &e);
}

static void test_so_many_of_a_sandbox(void **state)
{
    struct seen extra = {0};
    for (unsigned i = 0; i < STREAMS_PER_SANDBOX; i++)
        assert_int_equal(open_one(i % 2 ? "key_a" : "key_b", SCOPE_EXEC, 1, &seen[i]), 0);
    assert_int_equal(open_one("key_a", SCOPE_EXEC, 1, &extra), ERR_TOO_MANY_STREAMS);
    hub_stream_end(seen[0].stream);
    assert_int_equal(open_one("key_a", SCOPE_EXEC, 1, &extra), 0);
    run(5);
}

static void test_so_many_of_a_key(void **state)
{
    struct seen extra = {0}, other = {0};
    for (unsigned i = 0; i < STREAMS_PER_KEY; i++)
        assert_int_equal(open_one("key_a", SCOPE_EXEC, (uint8_t)(i % SANDBOXES), &seen[i]), 0);
    assert_int_equal(stream_hub_count(hub), STREAMS_PER_KEY);
    assert_int_equal(open_one("key_a", SCOPE_EXEC, 200, &extra), ERR_TOO_MANY_STREAMS);
    assert_int_equal(open_one("key_b", SCOPE_EXEC, 200, &other), 0);
    hub_stream_end(seen[7].stream);
    assert_int_equal(open_one("key_a", SCOPE_EXEC, 200, &extra), 0);
    run(5);
}

static unsigned ended_without_key(void)
{
    unsigned ended = 0;
    for (unsigned i = 0; i < STREAMS_PER_KEY; i++)
        ended += seen[i].closed == 1 && seen[i].code == ERR_UNAUTHENTICATED;
    return ended;
}

/* All of them, in its own turn each, and those of no other key; the key may then have as many again. */
static void test_they_end_with_their_key(void **state)
{
    struct seen other = {0};
    assert_int_equal(open_one("key_b", SCOPE_EXEC, 200, &other), 0);
    for (unsigned i = 0; i < STREAMS_PER_KEY; i++)
        assert_int_equal(open_one("key_a", SCOPE_EXEC, (uint8_t)(i % SANDBOXES), &seen[i]), 0);
    strcpy(now.id, "key_a");
    is_valid = false;
    key_watch_changed(keys, "key_a");
    RUN_UNTIL(ended_without_key() == STREAMS_PER_KEY);
    assert_int_equal(ended_without_key(), STREAMS_PER_KEY);
    assert_int_equal(other.closed, 0);
    assert_int_equal(stream_hub_count(hub), 1);
    for (unsigned i = 0; i < STREAMS_PER_KEY; i++)
        assert_int_equal(open_one("key_a", SCOPE_EXEC, (uint8_t)(i % SANDBOXES), &seen[i]), 0);
}

static void test_they_end_with_the_scope_that_they_need(void **state)
{
    struct seen reads = {0}, works = {0};
    assert_int_equal(open_one("key_a", SCOPE_READ, 1, &reads), 0);
    assert_int_equal(open_one("key_a", SCOPE_EXEC | SCOPE_WRITE, 1, &works), 0);
    strcpy(now.id, "key_a");
    now.scopes = SCOPE_READ;
    is_valid = true;
    key_watch_changed(keys, "*");
    RUN_UNTIL(works.closed);
    assert_int_equal(works.closed, 1);
    assert_int_equal(works.code, ERR_FORBIDDEN);
    assert_int_equal(reads.closed, 0);
}

/* A stream that is over for another reason is told once. */
static void test_a_key_that_ends_with_its_node(void **state)
{
    assert_int_equal(open_one("key_a", SCOPE_EXEC, 1, &seen[0]), 0);
    strcpy(now.id, "key_a");
    is_valid = false;
    stream_hub_drop(hub, "node-1");
    key_watch_changed(keys, "key_a");
    RUN_UNTIL(seen[0].closed);
    assert_int_equal(seen[0].closed, 1);
    assert_int_equal(seen[0].code, ERR_NODE_TIMEOUT);
}

/* The lead was lost: a stream goes on, and ends only where its node does not come again. */
static void test_a_connection_that_is_kept(void **state)
{
    struct seen more = {0};
    assert_int_equal(open_one("key_a", SCOPE_EXEC, 1, &seen[0]), 0);
    stream_hub_keep(hub);
    assert_int_equal(open_one("key_a", SCOPE_EXEC, 1, &more), 0);
    stream_hub_confirm(hub, "node-1");
    stream_hub_drop_kept(hub);
    run(20);
    assert_int_equal(seen[0].closed + more.closed, 0);
    stream_hub_keep(hub);
    stream_hub_confirm(hub, "node-2");
    stream_hub_drop_kept(hub);
    RUN_UNTIL(seen[0].closed && more.closed);
    assert_int_equal(seen[0].closed, 1);
    assert_int_equal(more.closed, 1);
    assert_int_equal(more.code, ERR_NODE_TIMEOUT);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_so_many_of_a_sandbox),          TEST(test_so_many_of_a_key),
        TEST(test_they_end_with_their_key),       TEST(test_they_end_with_the_scope_that_they_need),
        TEST(test_a_key_that_ends_with_its_node), TEST(test_a_connection_that_is_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
