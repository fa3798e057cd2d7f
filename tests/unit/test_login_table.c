#include "agent/core/login_table.h"
#include "tests/lib/unit.h"

#include <stdio.h>
#include <string.h>

static void take(struct login_table *t, uint64_t now, const char *registry, const char *password)
{
    struct registry_login login = {.username = "u"};
    snprintf(login.registry, sizeof login.registry, "%s", registry);
    snprintf(login.password, sizeof login.password, "%s", password);
    login_table_take(t, now, &login, 1);
}

static const char *password_of(struct login_table *t, uint64_t now, const char *registry)
{
    const struct registry_login *login = login_table_find(t, now, registry);
    return login ? login->password : "none";
}

static void test_the_latest_holds_for_its_registry(void **state)
{
    struct login_table t = {0};
    assert_string_equal(password_of(&t, 0, "r"), "none");
    take(&t, 0, "r", "old");
    take(&t, 1, "other:5000", "x");
    take(&t, 2, "r", "new");
    assert_string_equal(password_of(&t, 3, "r"), "new");
    assert_string_equal(password_of(&t, 3, "other:5000"), "x");
    assert_string_equal(password_of(&t, 3, "other"), "none");
    login_table_fini(&t);
    assert_string_equal(password_of(&t, 3, "r"), "none");
}

static void test_it_is_forgotten(void **state)
{
    struct login_table t = {0};
    take(&t, 5, "r", "secret");
    take(&t, 10, "s", "other");
    assert_string_equal(password_of(&t, LOGIN_KEEP_MS + 4, "r"), "secret");
    login_table_tick(&t, LOGIN_KEEP_MS + 5);
    assert_int_equal(t.count, 1);
    assert_null(memmem(t.item, LOGIN_TABLE_MAX * sizeof(struct registry_login), "secret", 6)); /* wiped */
    assert_string_equal(password_of(&t, LOGIN_KEEP_MS + 5, "s"), "other");
    login_table_fini(&t);
}

static void test_one_that_was_removed(void **state)
{
    struct login_table t = {0};
    take(&t, 0, "r", "x");
    login_table_confirm(&t, "r");
    take(&t, 1, "s", "y"); /* an update about sandboxes of another registry */
    login_table_confirm(&t, "s");
    assert_string_equal(password_of(&t, 2, "r"), "x");
    login_table_take(&t, 3, NULL, 0);
    login_table_confirm(&t, "r");
    login_table_confirm(&t, "nobody");
    assert_string_equal(password_of(&t, 4, "r"), "none");
    assert_string_equal(password_of(&t, 4, "s"), "y");
    login_table_fini(&t);
}

static void test_it_has_a_bound(void **state)
{
    struct login_table t = {0};
    char name[16];
    for (unsigned i = 0; i <= LOGIN_TABLE_MAX; i++) {
        snprintf(name, sizeof name, "r%u", i);
        take(&t, i, name, "x");
    }
    assert_int_equal(t.count, LOGIN_TABLE_MAX);
    assert_string_equal(password_of(&t, LOGIN_TABLE_MAX, "r0"), "none");
    assert_string_equal(password_of(&t, LOGIN_TABLE_MAX, "r1"), "x");
    assert_string_equal(password_of(&t, LOGIN_TABLE_MAX, name), "x");
    login_table_fini(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_latest_holds_for_its_registry),
        cmocka_unit_test(test_it_is_forgotten),
        cmocka_unit_test(test_one_that_was_removed),
        cmocka_unit_test(test_it_has_a_bound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
