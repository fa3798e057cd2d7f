#include "tests/lib/unit.h"

#include "common/io/loop.h"
#include "controller/db/db_activity.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct fixture {
    struct loop *loop;
    struct db_pool *pool;
    struct db_activity *activity;
};

/* The database never answers: the pool is not started. */
static struct fixture begin(void)
{
    struct db_pool_options options = {.url = "postgresql://127.0.0.1:1/none", .connections = 1};
    struct fixture f = {.loop = loop_new()};
    f.pool = db_pool_new(f.loop, &options);
    f.activity = db_activity_new(f.loop, f.pool);
    return f;
}

static void end(struct fixture *f)
{
    db_activity_free(f->activity);
    db_pool_free(f->pool);
    loop_free(f->loop);
}

static void add(struct fixture *f, const char *user, const char *path)
{
    db_activity_add(f->activity, &(struct db_act){.unix_ms = 1,
                                                  .sandbox_id = "sbx",
                                                  .user_id = user,
                                                  .key_id = "key",
                                                  .act = "fileRead",
                                                  .request_id = "r",
                                                  .path = path});
}

static void test_one_user_fills_not_all_of_it(void **state)
{
    struct fixture f = begin();
    for (int i = 0; i < DB_ACTIVITY_OF_USER + 10; i++)
        add(&f, "loud", "/x");
    assert_int_equal(db_activity_stats(f.activity).waiting, DB_ACTIVITY_OF_USER);
    assert_int_equal(db_activity_stats(f.activity).dropped, 10);
    add(&f, "quiet", "/x");
    assert_int_equal(db_activity_stats(f.activity).waiting, DB_ACTIVITY_OF_USER + 1);
    end(&f);
}

static void test_all_users_have_a_bound(void **state)
{
    struct fixture f = begin();
    char user[16];
    for (int i = 0; i < DB_ACTIVITY_MAX + 5; i++) {
        snprintf(user, sizeof user, "u%d", i % 100);
        add(&f, user, "/x");
    }
    assert_int_equal(db_activity_stats(f.activity).waiting, DB_ACTIVITY_MAX);
    assert_int_equal(db_activity_stats(f.activity).dropped, 5);
    end(&f);
}

static void long_path(char path[4096])
{
    memset(path, 0xff, 4095);
    path[0] = '/';
    path[4095] = 0;
}

static void test_bytes_of_one_user_fill_not_all_of_it(void **state)
{
    struct fixture f = begin();
    char path[4096];
    long_path(path);
    for (int i = 0; i < DB_ACTIVITY_OF_USER; i++)
        add(&f, "loud", path);
    struct db_activity_stats loud = db_activity_stats(f.activity);
    assert_true(loud.waiting > 40 && loud.waiting < 100 && loud.dropped);
    add(&f, "quiet", path);
    assert_int_equal(db_activity_stats(f.activity).dropped, loud.dropped);
    end(&f);
}

static void test_bytes_have_a_bound(void **state)
{
    struct fixture f = begin();
    char path[4096], user[16];
    long_path(path);
    for (int i = 0; i < 1000; i++) {
        snprintf(user, sizeof user, "u%d", i);
        add(&f, user, path);
    }
    struct db_activity_stats stats = db_activity_stats(f.activity);
    assert_true(stats.waiting > 100 && stats.waiting < 1000);
    assert_int_equal(stats.waiting + stats.dropped, 1000);
    end(&f);
}

/* A batch that is under way when all ends is freed with the pool. */
static void test_a_batch_under_way(void **state)
{
    struct fixture f = begin();
    for (int i = 0; i < DB_ACTIVITY_BATCH + 5; i++)
        add(&f, "u", NULL);
    assert_true(db_activity_flush(f.activity));
    assert_int_equal(db_activity_stats(f.activity).waiting, 5);
    assert_true(db_activity_flush(f.activity));
    assert_int_equal(db_activity_stats(f.activity).waiting, 5);
    end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_user_fills_not_all_of_it),
        cmocka_unit_test(test_all_users_have_a_bound),
        cmocka_unit_test(test_bytes_of_one_user_fill_not_all_of_it),
        cmocka_unit_test(test_bytes_have_a_bound),
        cmocka_unit_test(test_a_batch_under_way),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
