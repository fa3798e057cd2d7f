/* Keys in whose name something goes on: it ends with its key, or with what it needed of the key. */
#include "controller/streams/key_watch.h"

#include "common/base/err.h"
#include "tests/lib/turn.h"

#include <stdio.h>

#define USES 1000

static struct loop *loop;
static struct key_watch *watch;
static char asked[KEY_WATCH_BATCH][KEY_ID_MAX + 1];
static size_t asked_count, readings;
static bool current;

struct seen {
    struct key_use use;
    unsigned ended;
    int code;
    char text[80];
};

static void read_keys(void *owner, const char *const *ids, size_t count)
{
    readings++;
    asked_count = count;
    for (size_t i = 0; i < count; i++)
        strcpy(asked[i], ids[i]);
}

static bool is_current(void *owner, const struct caller *caller)
{
    return current;
}

static int set_up(void **state)
{
    static const struct key_watch_ops ops = {.read = read_keys, .is_current = is_current};
    loop = loop_new();
    watch = key_watch_new(loop, &ops, NULL);
    current = true;
    readings = asked_count = 0;
    return 0;
}

static int tear_down(void **state)
{
    key_watch_free(watch);
    loop_free(loop);
    return 0;
}

static void run(uint64_t ms)
{
    run_for(loop, ms);
}

static void on_ended(void *arg, int code, const char *text)
{
    struct seen *seen = arg;
    seen->ended++;
    seen->code = code;
    snprintf(seen->text, sizeof seen->text, "%s", text);
}

static struct caller caller_of(unsigned n, uint32_t needs)
{
    struct caller caller = {.needs = needs, .scopes = SCOPE_READ | SCOPE_EXEC};
    snprintf(caller.key_id, sizeof caller.key_id, "key_%u", n);
    snprintf(caller.key_prefix, sizeof caller.key_prefix, "crl_%u", n);
    return caller;
}

static void begin(struct seen *seen, unsigned n, uint32_t needs)
{
    struct caller caller = caller_of(n, needs);
    key_use_begin(watch, &seen->use, &caller, on_ended, seen);
}

static struct key_status status_of(unsigned n, uint32_t scopes)
{
    struct key_status status = {.scopes = scopes};
    snprintf(status.id, sizeof status.id, "key_%u", n);
    return status;
}

static void test_only_keys_that_changed_are_read(void **state)
{
    struct seen a = {0}, b = {0};
    begin(&a, 1, SCOPE_READ);
    begin(&b, 2, SCOPE_READ);
    key_watch_changed(watch, "crl_9");
    run(1);
    assert_int_equal(readings, 0);
    key_watch_changed(watch, "crl_2");
    key_watch_changed(watch, "crl_2");
    run(1);
    assert_int_equal(readings, 1);
    assert_int_equal(asked_count, 1);
    assert_string_equal(asked[0], "key_2");
    key_watch_told(watch, 0, NULL, 0);
    assert_int_equal(a.ended, 0);
    assert_int_equal(b.ended, 1);
    assert_int_equal(b.code, ERR_UNAUTHENTICATED);
    assert_string_equal(b.text, "the API key was revoked");
    key_use_end(&b.use);
    key_use_end(&a.use);
}

/* A change that comes while a reading is under way is read after it. */
static void test_a_change_during_a_reading(void **state)
{
    struct seen a = {0};
    struct key_status good = status_of(1, SCOPE_READ);
    begin(&a, 1, SCOPE_READ);
    key_watch_changed(watch, "*");
    run(1);
    key_watch_changed(watch, "crl_1");
    run(1);
    assert_int_equal(readings, 1);
    key_watch_told(watch, 0, &good, 1);
    run(1);
    assert_int_equal(readings, 2);
    key_watch_told(watch, 0, NULL, 0);
    assert_int_equal(a.ended, 1);
}

/* Each use needs what its own request needed. */
static void test_a_scope_that_is_lost(void **state)
{
    struct seen reads = {0}, works = {0}, enters = {0};
    struct key_status status = status_of(1, SCOPE_READ);
    struct caller admin = caller_of(1, SCOPE_READ);
    begin(&reads, 1, SCOPE_READ);
    begin(&works, 1, SCOPE_EXEC | SCOPE_WRITE);
    admin.needs_admin = true;
    key_use_begin(watch, &enters.use, &admin, on_ended, &enters);
    status.scopes = SCOPE_READ | SCOPE_WRITE | SCOPE_ADMIN;
    status.admin = true;
    key_watch_changed(watch, "*");
    run(1);
    key_watch_told(watch, 0, &status, 1);
    assert_int_equal(reads.ended + works.ended + enters.ended, 0);
    status.admin = false;
    key_watch_changed(watch, "*");
    run(1);
    key_watch_told(watch, 0, &status, 1);
    assert_int_equal(enters.ended, 1);
    assert_int_equal(works.ended, 0);
    status.scopes = SCOPE_READ;
    key_watch_changed(watch, "*");
    run(1);
    key_watch_told(watch, 0, &status, 1);
    assert_int_equal(works.ended, 1);
    assert_int_equal(works.code, ERR_FORBIDDEN);
    assert_int_equal(reads.ended, 0);
    key_use_end(&reads.use);
}

/* What was let in by what was known before a change is checked as it begins. */
static void test_a_caller_of_before_the_change(void **state)
{
    struct seen a = {0};
    current = false;
    begin(&a, 1, SCOPE_READ);
    assert_int_equal(a.ended, 0);
    run(1);
    assert_int_equal(readings, 1);
    key_watch_told(watch, 0, NULL, 0);
    assert_int_equal(a.ended, 1);
}

static void begin_until(struct seen *seen, uint64_t ms)
{
    struct caller caller = caller_of(1, SCOPE_READ);
    caller.expires = true;
    caller.expires_ms = loop_now_ms() + ms;
    key_use_begin(watch, &seen->use, &caller, on_ended, seen);
}

static void test_a_key_that_expires(void **state)
{
    struct seen a = {0}, b = {0};
    begin_until(&a, 30);
    begin_until(&b, 30);
    run(10);
    assert_int_equal(a.ended, 0);
    while (!a.ended || !b.ended)
        run(5);
    assert_string_equal(a.text, "the API key has expired");
    assert_int_equal(readings, 0);
}

/* Its end is put off, or brought forward, while it is used. */
static void test_an_expiry_that_is_moved(void **state)
{
    struct seen a = {0};
    struct key_status status = status_of(1, SCOPE_READ);
    begin_until(&a, 20);
    key_watch_changed(watch, "crl_1");
    run(60); /* its time is over meanwhile: the reading decides */
    assert_int_equal(a.ended, 0);
    key_watch_told(watch, 0, &status, 1);
    run(30);
    assert_int_equal(a.ended, 0);
    status.expires = true;
    status.remaining_ms = 10;
    key_watch_changed(watch, "crl_1");
    run(1);
    key_watch_told(watch, 0, &status, 1);
    while (!a.ended)
        run(5);
    assert_int_equal(a.code, ERR_UNAUTHENTICATED);
}

/* Without the database uses go on, but past their key's end. */
static void test_a_database_that_does_not_answer(void **state)
{
    struct seen a = {0}, b = {0};
    begin(&a, 2, SCOPE_READ);
    begin_until(&b, 20);
    key_watch_changed(watch, "*");
    run(40);
    key_watch_told(watch, ERR_DATABASE_UNAVAILABLE, NULL, 0);
    assert_int_equal(a.ended, 0);
    assert_int_equal(b.ended, 1);
    assert_string_equal(b.text, "the API key has expired");
    while (readings == 1)
        run(50);
    assert_int_equal(asked_count, 1);
    key_watch_told(watch, 0, NULL, 0);
    assert_int_equal(a.ended, 1);
}

/* But not for longer than a key counts as known. */
static void test_a_database_that_does_not_answer_for_long(void **state)
{
    struct seen a = {0}, b = {0};
    struct caller caller = caller_of(1, SCOPE_READ);
    caller.read_ms = loop_now_ms() - CALLER_KNOWN_MS;
    key_use_begin(watch, &a.use, &caller, on_ended, &a);
    begin(&b, 2, SCOPE_READ);
    key_watch_changed(watch, "*");
    run(1);
    key_watch_told(watch, ERR_DATABASE_UNAVAILABLE, NULL, 0);
    assert_int_equal(a.ended, 1);
    assert_int_equal(a.code, ERR_DATABASE_UNAVAILABLE);
    assert_int_equal(b.ended, 0);
    key_use_end(&b.use);
}

/* A notice of the key itself may be of its end. */
static void test_a_change_that_cannot_be_read(void **state)
{
    struct seen a = {0}, b = {0};
    uint64_t began = loop_now_ms();
    size_t answered = 0;
    begin(&a, 1, SCOPE_READ);
    begin(&b, 2, SCOPE_READ);
    key_watch_changed(watch, "*");
    key_watch_changed(watch, "crl_1");
    while (!a.ended) {
        run(20);
        if (readings > answered)
            key_watch_told(watch, ERR_DATABASE_UNAVAILABLE, NULL, 0);
        answered = readings;
    }
    assert_in_range(loop_now_ms() - began, KEY_WATCH_TOLD_MS, KEY_WATCH_TOLD_MS + 20000);
    assert_int_equal(a.code, ERR_DATABASE_UNAVAILABLE);
    assert_int_equal(b.ended, 0);
    key_use_end(&b.use);
}

static void test_many_keys_are_read_in_batches(void **state)
{
    static struct seen seen[USES];
    memset(seen, 0, sizeof seen);
    for (unsigned i = 0; i < USES; i++)
        begin(&seen[i], i, SCOPE_READ);
    key_watch_changed(watch, "*");
    unsigned ended = 0;
    for (unsigned batch = 1; batch <= 4; batch++) {
        run(1);
        assert_int_equal(readings, batch);
        assert_int_equal(asked_count, batch < 4 ? KEY_WATCH_BATCH : USES - 3 * KEY_WATCH_BATCH);
        key_watch_told(watch, 0, NULL, 0);
    }
    run(1);
    assert_int_equal(readings, 4);
    for (unsigned i = 0; i < USES; i++)
        ended += seen[i].ended;
    assert_int_equal(ended, USES);
}

/* A use that ends while its key is being read, and a key that has no use any more. */
static void test_a_use_that_ends_by_itself(void **state)
{
    struct seen a = {0};
    begin(&a, 1, SCOPE_READ);
    key_watch_changed(watch, "*");
    run(1);
    key_use_end(&a.use);
    key_use_end(&a.use);
    key_watch_told(watch, 0, NULL, 0);
    run(1);
    assert_int_equal(a.ended, 0);
    assert_int_equal(readings, 1);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_only_keys_that_changed_are_read),
        TEST(test_a_change_during_a_reading),
        TEST(test_a_scope_that_is_lost),
        TEST(test_a_caller_of_before_the_change),
        TEST(test_a_key_that_expires),
        TEST(test_an_expiry_that_is_moved),
        TEST(test_a_database_that_does_not_answer),
        TEST(test_a_database_that_does_not_answer_for_long),
        TEST(test_a_change_that_cannot_be_read),
        TEST(test_many_keys_are_read_in_batches),
        TEST(test_a_use_that_ends_by_itself),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
