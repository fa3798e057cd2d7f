/* What a controller knows of ports: when it asks the database, and what it goes by meanwhile. */
#include "controller/ports/port_table.h"

#include "tests/lib/turn.h"

#include <stdio.h>

struct fixture {
    struct loop *loop;
    struct port_table *table;
    void *lookup[8]; /* that are not answered */
    size_t lookups, asked;
    int told, code; /* the last that a finder was told */
    char id[PORT_ID_MAX + 1];
};

static void on_lookup(void *owner, const uint8_t hash[PORT_HASH_LEN], void *lookup)
{
    struct fixture *f = owner;
    f->lookup[f->lookups++] = lookup;
    f->asked++;
}

static void on_found(void *arg, int code, const char *text, const struct port_known *port,
                     struct port_proxies *proxies)
{
    struct fixture *f = arg;
    f->told++;
    f->code = code;
    assert_true(!code == !!port && !code == !!proxies);
    snprintf(f->id, sizeof f->id, "%s", port ? port->id : "");
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    f->loop = loop_new();
    f->table = port_table_new(f->loop, on_lookup, f);
    *state = f;
    return 0;
}

static void answer(struct fixture *f, int code, uint64_t remaining_ms)
{
    struct port_known known = {.port = 80, .remaining_ms = remaining_ms};
    struct err e;
    void *lookup = f->lookup[0];
    (void)err_set(&e, code, "no");
    strcpy(known.id, "prt_1");
    strcpy(known.caller.key_prefix, "crl_mine");
    f->lookups--;
    memmove(f->lookup, f->lookup + 1, f->lookups * sizeof f->lookup[0]);
    port_table_found(lookup, code, &e, code ? NULL : &known);
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    while (f->lookups)
        answer(f, ERR_CANCELLED, 0);
    port_table_free(f->table);
    loop_free(f->loop);
    free(f);
    return 0;
}

static void find(struct fixture *f, uint8_t number)
{
    const uint8_t hash[PORT_HASH_LEN] = {number};
    f->code = 1;
    port_table_find(f->table, hash, on_found, f);
}

static bool knows(struct fixture *f, uint8_t number)
{
    const uint8_t hash[PORT_HASH_LEN] = {number};
    return port_table_knows(f->table, hash);
}

/* A deletion whose answer was lost: nobody knows whether it is gone until it is read again. */
static void test_one_that_may_have_ended(void **state)
{
    struct fixture *f = *state;
    find(f, 1);
    answer(f, 0, 100000);
    port_table_check(f->table, "prt_2");
    assert_int_equal(f->asked, 1);
    port_table_check(f->table, "prt_1");
    assert_int_equal(f->asked, 2);
    answer(f, 0, 100000);
    assert_true(knows(f, 1));
    port_table_check(f->table, "prt_1");
    answer(f, ERR_NOT_FOUND, 0);
    assert_false(knows(f, 1));
    port_table_check(f->table, "prt_1");
    assert_int_equal(f->asked, 3);
}

static void test_one_is_read_once(void **state)
{
    struct fixture *f = *state;
    find(f, 1);
    find(f, 1);
    assert_true(f->asked == 1 && f->told == 0 && !knows(f, 1));
    answer(f, 0, 100000);
    assert_true(f->told == 2 && f->code == 0 && knows(f, 1));
    find(f, 1);
    assert_true(f->told == 3 && f->code == 0 && f->asked == 1);
}

static void test_none_is_remembered(void **state)
{
    struct fixture *f = *state;
    find(f, 1);
    answer(f, ERR_NOT_FOUND, 0);
    find(f, 1);
    assert_true(f->told == 2 && f->code == ERR_NOT_FOUND && f->asked == 1 && !knows(f, 1));
}

static void test_after_a_change_it_is_read_again(void **state)
{
    struct fixture *f = *state;
    find(f, 1);
    answer(f, 0, 100000);
    port_table_changed(f->table, "*");
    find(f, 1);
    assert_true(f->asked == 2 && f->told == 1);
    answer(f, ERR_NOT_FOUND, 0);
    assert_true(f->told == 2 && f->code == ERR_NOT_FOUND);
}

/* What was read before a change may be older than the change. */
static void test_a_change_while_it_is_read(void **state)
{
    struct fixture *f = *state;
    find(f, 1);
    port_table_changed(f->table, "*");
    answer(f, 0, 100000);
    assert_true(f->told == 0 && f->asked == 2);
    answer(f, ERR_NOT_FOUND, 0);
    assert_true(f->told == 1 && f->code == ERR_NOT_FOUND);
}

static void test_its_end(void **state)
{
    struct fixture *f = *state;
    find(f, 1);
    answer(f, 0, 100000);
    port_table_end(f->table, "prt_2");
    find(f, 1);
    assert_int_equal(f->code, 0);
    port_table_end(f->table, "prt_1");
    find(f, 1);
    assert_true(f->code == ERR_NOT_FOUND && f->asked == 1);
}

/* What others do costs this port no look-up, however often they do it. */
static void test_changes_of_others_while_it_is_read(void **state)
{
    struct fixture *f = *state;
    find(f, 1);
    port_table_changed(f->table, "crl_other");
    port_table_end(f->table, "prt_2");
    answer(f, 0, 100000);
    assert_true(f->told == 1 && f->code == 0 && f->asked == 1);
    port_table_changed(f->table, "crl_other");
    find(f, 1);
    assert_true(f->told == 2 && f->code == 0 && f->asked == 1);
    port_table_changed(f->table, "crl_mine");
    find(f, 1);
    assert_true(f->told == 2 && f->asked == 2);
}

static void test_changes_all_the_time(void **state)
{
    struct fixture *f = *state;
    find(f, 1);
    for (int i = 0; i < 100 && f->lookups; i++) {
        port_table_changed(f->table, "crl_mine");
        answer(f, 0, 100000);
    }
    assert_true(f->told == 1 && f->code == ERR_RATE_LIMITED);
    assert_int_equal(f->asked, 1 + PORT_REPEATS_MAX);
    assert_false(knows(f, 1));
    find(f, 1);
    answer(f, 0, 100000);
    assert_true(f->told == 2 && f->code == 0);
}

/* More changes than are kept: nobody knows whether one was of it. */
static void test_many_changes_while_it_is_read(void **state)
{
    struct fixture *f = *state;
    find(f, 1);
    for (int i = 0; i <= PORT_CHANGES_KEPT; i++)
        port_table_changed(f->table, "crl_other");
    answer(f, 0, 100000);
    assert_true(f->told == 0 && f->asked == 2);
    answer(f, 0, 100000);
    assert_true(f->told == 1 && f->code == 0);
}

/* Guesses take no place of a port that is known, also where the table is full. */
static void test_guesses_forget_no_port(void **state)
{
    struct fixture *f = *state;
    uint8_t hash[PORT_HASH_LEN] = {0};
    for (unsigned i = 0; i < PORT_ROWS_MAX; i++) {
        memcpy(hash, &i, sizeof i);
        port_table_find(f->table, hash, on_found, f);
        answer(f, 0, 100000);
    }
    hash[31] = 1;
    for (unsigned i = 0; i < 2 * PORT_NONE_MAX; i++) {
        memcpy(hash, &i, sizeof i);
        port_table_find(f->table, hash, on_found, f);
        answer(f, ERR_NOT_FOUND, 0);
    }
    hash[31] = 0;
    for (unsigned i = 0; i < PORT_ROWS_MAX; i++) {
        memcpy(hash, &i, sizeof i);
        assert_true(port_table_knows(f->table, hash));
    }
    hash[31] = 2; /* a further port forgets the oldest one */
    port_table_find(f->table, hash, on_found, f);
    answer(f, 0, 100000);
    assert_true(port_table_knows(f->table, hash));
    assert_false(knows(f, 0));
    assert_true(knows(f, 1));
}

/* Without the database, what is known goes on, but not past a change. */
static void test_a_database_that_fails(void **state)
{
    struct fixture *f = *state;
    find(f, 1);
    answer(f, ERR_DATABASE_UNAVAILABLE, 0);
    assert_true(f->told == 1 && f->code == ERR_DATABASE_UNAVAILABLE);
    find(f, 1);
    answer(f, 0, 100000);
    port_table_changed(f->table, "*");
    find(f, 1);
    answer(f, ERR_DATABASE_UNAVAILABLE, 0);
    assert_true(f->code == ERR_DATABASE_UNAVAILABLE && !knows(f, 1));
}

static void test_few_are_read_at_once(void **state)
{
    struct fixture *f = *state;
    for (uint8_t i = 0; i < PORT_LOOKUPS_MAX + 2; i++)
        find(f, i);
    assert_int_equal(f->asked, PORT_LOOKUPS_MAX);
    answer(f, ERR_NOT_FOUND, 0);
    assert_int_equal(f->asked, PORT_LOOKUPS_MAX + 1);
    while (f->lookups)
        answer(f, ERR_NOT_FOUND, 0);
    assert_int_equal(f->told, PORT_LOOKUPS_MAX + 2);
}

static void test_it_expires(void **state)
{
    struct fixture *f = *state;
    find(f, 1);
    answer(f, 0, 20);
    find(f, 1);
    assert_int_equal(f->code, 0);
    run_for(f->loop, 60);
    find(f, 1);
    assert_true(f->code == ERR_NOT_FOUND && f->asked == 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_one_is_read_once),
        TEST(test_one_that_may_have_ended),
        TEST(test_none_is_remembered),
        TEST(test_after_a_change_it_is_read_again),
        TEST(test_a_change_while_it_is_read),
        TEST(test_changes_of_others_while_it_is_read),
        TEST(test_changes_all_the_time),
        TEST(test_many_changes_while_it_is_read),
        TEST(test_guesses_forget_no_port),
        TEST(test_its_end),
        TEST(test_a_database_that_fails),
        TEST(test_few_are_read_at_once),
        TEST(test_it_expires),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
