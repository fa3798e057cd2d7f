/* The feed of events: read once for all watchers, each at its own pace; and frames of Server-Sent Events. */
#include "controller/events/event_feed.h"

#include "common/base/err.h"
#include "common/http/sse.h"
#include "tests/lib/turn.h"

#include <stdio.h>
#include <stdlib.h>

static struct loop *loop;
static struct event_feed *feed;
static uint64_t database; /* the latest number there is */
static uint64_t asked_after;
static unsigned reads;
static bool fails, holds, gone;
static char big[EVENT_FEED_BYTES / 16];
static const char *json = "{}";

struct watcher {
    struct event_watch watch;
    uint64_t after, taken;
    unsigned told;
    bool leaves;
    enum event_next last;
};

/* Answers a read as the database would, at most 256 rows. */
static void answer(uint64_t after, unsigned most)
{
    struct event_row rows[256];
    struct event_page page = {.rows = rows, .reached = database, .gone = gone};
    while (page.count < most && after + page.count < database && !gone) {
        rows[page.count] =
            (struct event_row){after + page.count + 1, "sandbox.started", "usr_1", "sbx_1", json};
        page.count++;
    }
    if (page.count == most)
        page.reached = after + most;
    event_feed_told(feed, fails ? ERR_DATABASE_UNAVAILABLE : 0, fails ? NULL : &page);
}

static struct later later;
static unsigned asked_most;

static void on_later(void *arg)
{
    answer(asked_after, asked_most);
}

static void read_events(void *owner, uint64_t after, unsigned most)
{
    reads++;
    asked_after = after;
    asked_most = most;
    if (!holds)
        later_call(&later, loop, on_later, NULL);
}

static int set_up(void **state)
{
    static const struct event_feed_ops ops = {.read = read_events};
    loop = loop_new();
    feed = event_feed_new(loop, &ops, NULL);
    database = 100;
    reads = 0;
    fails = holds = gone = false;
    json = "{}";
    return 0;
}

static int tear_down(void **state)
{
    event_feed_free(feed);
    later_cancel(&later);
    loop_free(loop);
    return 0;
}

static void run(uint64_t ms)
{
    run_for(loop, ms);
}

static void take(struct watcher *w)
{
    const struct event_row *row;
    while ((w->last = event_feed_next(feed, w->after, &row)) == EVENT_NEXT_ROW) {
        assert_true(row->seq > w->after);
        w->after = row->seq;
        w->taken++;
    }
}

static void on_events(void *arg)
{
    struct watcher *w = arg;
    w->told++;
    take(w);
    if (w->leaves)
        event_watch_end(&w->watch);
}

static void begin(struct watcher *w, uint64_t after)
{
    w->after = after;
    event_watch_begin(feed, &w->watch, database, on_events, w);
    take(w);
}

static void a_read_serves_all_watchers(void **state)
{
    struct watcher w[50] = {0};
    for (size_t i = 0; i < 50; i++)
        begin(&w[i], database);
    run(20);
    unsigned before = reads;
    database += 3;
    event_feed_committed(feed);
    event_feed_committed(feed);
    run(30);
    assert_int_equal(reads, before + 1);
    for (size_t i = 0; i < 50; i++) {
        assert_int_equal(w[i].taken, 3);
        assert_int_equal(w[i].after, database);
        event_watch_end(&w[i].watch);
    }
    before = reads;
    event_feed_committed(feed); /* nobody watches */
    run(20);
    assert_int_equal(reads, before);
}

static void without_a_notice_too(void **state)
{
    struct watcher w = {0};
    begin(&w, database);
    run(20);
    database += EVENT_FEED_BATCH + 10; /* a second read follows at once */
    run(EVENT_FEED_POLL_MS + 50);
    assert_int_equal(w.taken, EVENT_FEED_BATCH + 10);
    event_watch_end(&w.watch);
}

static void goes_on_after_the_database_was_away(void **state)
{
    struct watcher w = {0};
    begin(&w, database);
    fails = true;
    database += 2;
    event_feed_committed(feed);
    run(50);
    assert_int_equal(w.taken, 0);
    fails = false;
    database += 2;
    run(EVENT_FEED_POLL_MS + 50);
    assert_int_equal(w.taken, 4);
    event_watch_end(&w.watch);
}

static void a_slow_one_falls_behind_and_memory_is_bounded(void **state)
{
    struct watcher quick = {0}, slow = {0};
    begin(&quick, database);
    begin(&slow, database);
    event_watch_end(&slow.watch); /* it takes nothing */
    uint64_t begun = database;
    database += EVENT_FEED_ROWS + 1;
    event_feed_committed(feed);
    run(200);
    assert_int_equal(quick.after, database);
    take(&slow);
    assert_int_equal(slow.last, EVENT_NEXT_BEHIND);
    slow.after = begun + 1; /* the oldest that is kept comes next */
    take(&slow);
    assert_int_equal(slow.taken, EVENT_FEED_ROWS);
    memset(big, 'x', sizeof big - 1);
    json = big;
    begun = database;
    database += 40;
    event_feed_committed(feed);
    run(200);
    assert_int_equal(quick.after, begun); /* one batch is more than is kept */
    assert_int_equal(quick.last, EVENT_NEXT_BEHIND);
    slow.after = database - 15;
    slow.taken = 0;
    take(&slow);
    assert_int_equal(slow.taken, 15);
    event_watch_end(&quick.watch);
}

static void one_may_leave_while_it_is_told(void **state)
{
    struct watcher w[3] = {{.leaves = true}, {.leaves = true}, {.leaves = true}};
    for (size_t i = 0; i < 3; i++)
        begin(&w[i], database);
    database++;
    event_feed_committed(feed);
    run(30);
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(w[i].taken, 1);
    database++;
    run(20);
    assert_int_equal(w[0].taken + w[1].taken + w[2].taken, 3);
}

static void an_answer_from_before_is_of_no_use(void **state)
{
    struct watcher first = {0}, second = {0};
    begin(&first, database);
    holds = true;
    database += 5;
    event_feed_committed(feed);
    run(20);
    event_watch_end(&first.watch); /* the feed is idle while its read is under way */
    database += 5;
    begin(&second, database);
    holds = false;
    answer(100, 5);
    database++;
    run(30);
    assert_int_equal(second.taken, 1);
    assert_int_equal(second.after, database);
    event_watch_end(&second.watch);
}

static void what_was_removed_is_told(void **state)
{
    struct watcher w = {0};
    begin(&w, database);
    run(10);
    gone = true;
    database += 50;
    event_feed_committed(feed);
    run(30);
    assert_int_equal(w.last, EVENT_NEXT_BEHIND);
    event_watch_end(&w.watch);
}

static void which_events_fit(void **state)
{
    const struct event_row row = {7, "violation.opened", "usr_1", "sbx_1", "{}"},
                           nobodys = {8, "node.joined", "", "", "{}"};
    const struct event_filter all = {0}, own = {.user = "usr_1"}, none = {.user = ""},
                              sandbox = {.sandbox = "sbx_1"}, type = {.user = "usr_1", .type = "violation."},
                              other = {.type = "sandbox."};
    assert_true(event_fits(&all, &row) && event_fits(&all, &nobodys));
    assert_true(event_fits(&own, &row) && !event_fits(&own, &nobodys));
    assert_false(event_fits(&none, &row) || event_fits(&none, &nobodys));
    assert_true(event_fits(&sandbox, &row) && !event_fits(&sandbox, &nobodys));
    assert_true(event_fits(&type, &row) && !event_fits(&other, &row));
    char id[EVENT_ID_LEN + 1];
    event_id_text(42, id);
    assert_string_equal(id, "evt_0000000000000000042");
    event_id_text(UINT64_MAX, id);
    assert_string_equal(id, "evt_9223372036854775807");
}

static void frames(void **state)
{
    struct text out = {0};
    sse_event(&out, "7", "changed", "{}");
    sse_event(&out, NULL, NULL, "one\ntwo\r\n\rfour");
    sse_comment(&out, "quiet\ndata: not this", NULL);
    sse_comment(&out, "at", "8");
    assert_string_equal(out.data, "id: 7\nevent: changed\ndata: {}\n\n"
                                  "data: one\ndata: two\ndata: \ndata: four\n\n"
                                  ": quiet\n\n"
                                  ": at\nid: 8\n\n");
    text_fini(&out);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_read_serves_all_watchers),
        TEST(without_a_notice_too),
        TEST(goes_on_after_the_database_was_away),
        TEST(a_slow_one_falls_behind_and_memory_is_bounded),
        TEST(one_may_leave_while_it_is_told),
        TEST(an_answer_from_before_is_of_no_use),
        TEST(what_was_removed_is_told),
        cmocka_unit_test(which_events_fit),
        cmocka_unit_test(frames),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
