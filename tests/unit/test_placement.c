#include "tests/lib/unit.h"

#include "common/base/mem.h"
#include "controller/core/placement.h"

#include <string.h>

#define GIB (1ull << 30)

static struct node *add_node(struct node_table *table, const char *name, uint32_t enforces,
                             const char *runtime)
{
    struct node *node = node_table_get(table, name);
    node->session = true;
    node->facts.enforces = enforces;
    node->facts.capacity = (struct node_resources){GIB, 1000, GIB, 10};
    strcpy(node->facts.boot_id, "b");
    string_list_add(&node->facts.runtimes, "runc");
    if (runtime)
        string_list_add(&node->facts.runtimes, runtime);
    return node;
}

static const struct place_request small = {.limits = {GIB / 8, 100, 512, GIB / 8, 16, 64},
                                           .enforce = ENFORCE_ALL};

static void test_spreads(void **state)
{
    struct node_table table = {0};
    struct err e;
    struct node *a = add_node(&table, "a", ENFORCE_ALL, NULL), *b = add_node(&table, "b", ENFORCE_ALL, NULL);
    node_reserve(a, &small.limits);
    assert_ptr_equal(place(&table, &small, &e), b);
    node_reserve(b, &small.limits);
    node_reserve(b, &small.limits);
    assert_ptr_equal(place(&table, &small, &e), a);
    node_table_fini(&table);
}

/* A node that cannot enforce one of the limits gets nothing, however empty it is. */
static void test_a_node_that_cannot_enforce(void **state)
{
    for (uint32_t bit = 1; bit <= ENFORCE_NETWORK; bit <<= 1) {
        struct node_table table = {0};
        struct err e;
        add_node(&table, "a", ENFORCE_ALL & ~bit, NULL);
        assert_null(place(&table, &small, &e));
        assert_int_equal(e.code, ERR_NO_CAPACITY);
        assert_non_null(strstr(e.text, "doctor"));
        struct node *node = add_node(&table, "b", ENFORCE_ALL, NULL);
        node_reserve(node, &small.limits);
        assert_ptr_equal(place(&table, &small, &e), node);
        node_table_fini(&table);
    }
}

/* If no node can ever run it, the request is at fault; a node that is away, full or not connected yet is no
 * reason to say so. */
static void test_runtimes(void **state)
{
    struct node_table table = {0};
    struct place_request request = small;
    struct err e;
    request.runtime = "runsc";
    assert_null(place(&table, &request, &e));
    assert_int_equal(e.code, ERR_NO_CAPACITY);
    add_node(&table, "a", ENFORCE_ALL, NULL);
    assert_null(place(&table, &request, &e));
    assert_int_equal(e.code, ERR_INVALID);
    assert_non_null(strstr(e.text, "runsc"));
    node_table_get(&table, "new"); /* a row of the database; its node has not connected yet */
    assert_null(place(&table, &request, &e));
    assert_int_equal(e.code, ERR_NO_CAPACITY);
    struct node *node = add_node(&table, "b", ENFORCE_ALL, "runsc");
    assert_ptr_equal(place(&table, &request, &e), node);
    node->session = false;
    node->gone = true;
    assert_null(place(&table, &request, &e));
    assert_int_equal(e.code, ERR_NO_CAPACITY);
    node_table_fini(&table);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_spreads),
                                       cmocka_unit_test(test_a_node_that_cannot_enforce),
                                       cmocka_unit_test(test_runtimes)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
