#include "tests/lib/unit.h"

#include "controller/api/ticket_table.h"

#include <stdio.h>
#include <string.h>

#define PATH "/sandbox/sbx/terminal"

static struct ticket_key key_of(unsigned n)
{
    struct ticket_key key = {.sha256 = {(uint8_t)n, 7}};
    snprintf(key.prefix, sizeof key.prefix, "crl_%012u", n);
    return key;
}

static int add_of_user(struct ticket_table *table, uint64_t now, unsigned n, const char *user, char *text)
{
    struct ticket_key key = key_of(n);
    struct err e;
    return ticket_table_add(table, now, &key, user, PATH, text, &e);
}

static int add(struct ticket_table *table, uint64_t now, unsigned n, char *text)
{
    struct ticket_key key = key_of(n);
    return add_of_user(table, now, n, key.prefix, text);
}

static void test_it_works_once(void **state)
{
    struct ticket_table table;
    struct ticket_key key, mine = key_of(1);
    char text[TICKET_LEN + 1], other[TICKET_LEN + 1];
    ticket_table_init(&table);
    assert_int_equal(add(&table, 5, 1, text), 0);
    assert_int_equal(add(&table, 5, 1, other), 0);
    assert_int_equal(strlen(text), TICKET_LEN);
    assert_string_not_equal(text, other);
    assert_true(ticket_table_take(&table, 6, text, PATH, &key));
    assert_memory_equal(&key, &mine, sizeof key);
    assert_false(ticket_table_take(&table, 6, text, PATH, &key));
    assert_true(ticket_table_take(&table, 6, other, PATH, &key));
    assert_int_equal(table.count, 0);
    ticket_table_fini(&table);
}

static void test_it_ends_by_itself(void **state)
{
    struct ticket_table table;
    struct ticket_key key;
    char text[TICKET_LEN + 1], later[TICKET_LEN + 1];
    ticket_table_init(&table);
    assert_int_equal(add(&table, 1000, 1, text), 0);
    assert_int_equal(add(&table, 1001, 1, later), 0);
    assert_false(ticket_table_take(&table, 1000 + TICKET_MS, text, PATH, &key));
    assert_int_equal(table.count, 1);
    assert_true(ticket_table_take(&table, 1000 + TICKET_MS, later, PATH, &key));
    ticket_table_fini(&table);
}

static void test_another_path_uses_it_up(void **state)
{
    struct ticket_table table;
    struct ticket_key key;
    char text[TICKET_LEN + 1];
    ticket_table_init(&table);
    assert_int_equal(add(&table, 0, 1, text), 0);
    assert_false(ticket_table_take(&table, 0, text, "/sandbox/other/terminal", &key));
    assert_false(ticket_table_take(&table, 0, text, PATH, &key));
    ticket_table_fini(&table);
}

static void test_guesses_use_nothing_up(void **state)
{
    struct ticket_table table;
    struct ticket_key key;
    char text[TICKET_LEN + 1], guess[TICKET_LEN + 2];
    ticket_table_init(&table);
    assert_int_equal(add(&table, 0, 1, text), 0);
    strcpy(guess, text);
    guess[TICKET_LEN - 1] = guess[TICKET_LEN - 1] == '0' ? '1' : '0';
    assert_false(ticket_table_take(&table, 0, guess, PATH, &key));
    strcpy(guess, text);
    guess[4] = guess[4] == '0' ? '1' : '0';
    assert_false(ticket_table_take(&table, 0, guess, PATH, &key));
    snprintf(guess, sizeof guess, "%sx", text);
    assert_false(ticket_table_take(&table, 0, guess, PATH, &key));
    assert_false(ticket_table_take(&table, 0, "", PATH, &key));
    assert_false(ticket_table_take(&table, 0, "tkt_", PATH, &key));
    assert_true(ticket_table_take(&table, 0, text, PATH, &key));
    ticket_table_fini(&table);
}

static void test_bounds(void **state)
{
    struct ticket_table table;
    char text[TICKET_LEN + 1];
    ticket_table_init(&table);
    for (unsigned i = 0; i < TICKETS_OF_KEY; i++)
        assert_int_equal(add(&table, 0, 0, text), 0);
    assert_int_equal(add(&table, 0, 0, text), ERR_RATE_LIMITED);
    for (unsigned i = TICKETS_OF_KEY; i < TICKETS_MAX; i++)
        assert_int_equal(add(&table, 1, 1 + i / TICKETS_OF_KEY, text), 0);
    assert_int_equal(add(&table, 1, 1000, text), ERR_RATE_LIMITED);
    assert_int_equal(add(&table, TICKET_MS, 0, text), 0);
    assert_int_equal(add(&table, TICKET_MS, 1000, text), 0);
    ticket_table_fini(&table);
}

/* A user with many keys fills not all of the table. */
static void test_a_user_has_a_bound(void **state)
{
    struct ticket_table table;
    struct err e;
    char text[TICKET_LEN + 1];
    ticket_table_init(&table);
    for (unsigned i = 0; i < TICKETS_OF_USER; i++)
        assert_int_equal(add_of_user(&table, 0, i, "usr_loud", text), 0);
    assert_int_equal(add_of_user(&table, 0, 1000, "usr_loud", text), ERR_RATE_LIMITED);
    assert_int_equal(ticket_table_check(&table, 0, "crl_1000", "usr_loud", &e), ERR_RATE_LIMITED);
    assert_int_equal(ticket_table_check(&table, 0, "crl_1000", "usr_quiet", &e), 0);
    assert_int_equal(add_of_user(&table, 0, 1000, "usr_quiet", text), 0);
    assert_int_equal(add_of_user(&table, TICKET_MS, 1000, "usr_loud", text), 0);
    ticket_table_fini(&table);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_it_works_once),
        cmocka_unit_test(test_it_ends_by_itself),
        cmocka_unit_test(test_another_path_uses_it_up),
        cmocka_unit_test(test_guesses_use_nothing_up),
        cmocka_unit_test(test_bounds),
        cmocka_unit_test(test_a_user_has_a_bound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
