#include "tests/lib/unit.h"

#include "agent/init/init_watch_tree.h"

#include <stdio.h>
#include <stdlib.h>

static struct init_watch_tree tree;
static char dropped[256];

static void on_gone(void *arg, const struct init_watch_node *node)
{
    size_t len = strlen(dropped);
    snprintf(dropped + len, sizeof dropped - len, "%d ", node->number);
}

static int setup(void **state)
{
    memset(&tree, 0, sizeof tree);
    dropped[0] = 0;
    return init_watch_tree_add(&tree, NULL, "", 1) ? 0 : -1;
}

static int teardown(void **state)
{
    init_watch_tree_drop(&tree, tree.root, NULL, NULL);
    return tree.count || tree.root;
}

static const char *path_of(int number, const char *name)
{
    static char path[64];
    return init_watch_tree_path(init_watch_tree_find(&tree, number), name, path, sizeof path) == SIZE_MAX
               ? NULL
               : path;
}

/* root/a/b/c */
static void make_three(void)
{
    struct init_watch_node *a = init_watch_tree_add(&tree, tree.root, "a", 2);
    struct init_watch_node *b = init_watch_tree_add(&tree, a, "b", 3);
    assert_non_null(init_watch_tree_add(&tree, b, "c", 4));
}

static void paths_are_those_below_the_root(void **state)
{
    make_three();
    assert_string_equal(path_of(4, "file"), "a/b/c/file");
    assert_string_equal(path_of(4, ""), "a/b/c");
    assert_string_equal(path_of(1, "file"), "file");
    assert_string_equal(path_of(1, ""), "");
    char small[6], exact[7];
    assert_int_equal(init_watch_tree_path(init_watch_tree_find(&tree, 4), "x", exact, sizeof exact),
                     SIZE_MAX);
    assert_int_equal(init_watch_tree_path(init_watch_tree_find(&tree, 3), "xy", exact, sizeof exact), 6);
    assert_string_equal(exact, "a/b/xy");
    assert_int_equal(init_watch_tree_path(init_watch_tree_find(&tree, 3), "xy", small, sizeof small),
                     SIZE_MAX);
    assert_int_equal(init_watch_tree_path(tree.root, "123456", small, sizeof small), SIZE_MAX);
}

static void a_folder_takes_along_what_is_in_it(void **state)
{
    make_three();
    struct init_watch_node *b = init_watch_tree_find(&tree, 3);
    assert_true(init_watch_tree_move(&tree, &b, tree.root, "new"));
    assert_string_equal(path_of(4, ""), "new/c");
    assert_ptr_equal(init_watch_tree_find(&tree, 3), b);
    assert_ptr_equal(init_watch_tree_child(&tree, tree.root, "new"), b);
    assert_null(init_watch_tree_child(&tree, init_watch_tree_find(&tree, 2), "b"));
    struct init_watch_node *inner = init_watch_tree_child(&tree, b, "c");
    assert_true(
        init_watch_tree_move(&tree, &inner, init_watch_tree_find(&tree, 2), "c")); /* under its name */
    assert_string_equal(path_of(4, ""), "a/c");
    assert_int_equal(tree.count, 4);
}

static void none_goes_into_itself(void **state)
{
    make_three();
    struct init_watch_node *a = init_watch_tree_find(&tree, 2), *root = tree.root;
    assert_false(init_watch_tree_move(&tree, &a, init_watch_tree_find(&tree, 4), "a"));
    assert_false(init_watch_tree_move(&tree, &a, a, "a"));
    assert_false(init_watch_tree_move(&tree, &root, a, "a"));
    assert_string_equal(path_of(4, ""), "a/b/c");
}

static void the_deepest_goes_first(void **state)
{
    make_three();
    init_watch_tree_add(&tree, init_watch_tree_find(&tree, 2), "beside", 5);
    init_watch_tree_drop(&tree, init_watch_tree_find(&tree, 2), on_gone, NULL);
    assert_true(!strcmp(dropped, "5 4 3 2 ") || !strcmp(dropped, "4 3 5 2 "));
    assert_int_equal(tree.count, 1);
    assert_null(init_watch_tree_find(&tree, 4));
    assert_null(init_watch_tree_child(&tree, tree.root, "a"));
}

/* Moves and removals at random leave what a plain list of parents says. */
static void at_random(void **state)
{
    enum { COUNT = 200 };
    int parent[COUNT + 2] = {0};
    srand(7);
    for (int i = 2; i < COUNT + 2; i++) {
        char name[16];
        snprintf(name, sizeof name, "n%d", i);
        parent[i] = 1 + rand() % (i - 1);
        assert_non_null(init_watch_tree_add(&tree, init_watch_tree_find(&tree, parent[i]), name, i));
    }
    for (int turn = 0; turn < 5000; turn++) {
        int i = 2 + rand() % COUNT, to = 1 + rand() % (COUNT + 1), above = to;
        char name[16];
        snprintf(name, sizeof name, "m%d.%d", i, turn % 2 ? i : turn);
        while (above && above != i)
            above = parent[above];
        struct init_watch_node *node = init_watch_tree_find(&tree, i);
        assert_int_equal(init_watch_tree_move(&tree, &node, init_watch_tree_find(&tree, to), name),
                         above != i);
        if (above == i)
            continue;
        parent[i] = to;
        assert_ptr_equal(init_watch_tree_child(&tree, init_watch_tree_find(&tree, to), name), node);
    }
    for (int i = 2; i < COUNT + 2; i++)
        assert_int_equal(init_watch_tree_find(&tree, i)->parent->number, parent[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(paths_are_those_below_the_root, setup, teardown),
        cmocka_unit_test_setup_teardown(a_folder_takes_along_what_is_in_it, setup, teardown),
        cmocka_unit_test_setup_teardown(none_goes_into_itself, setup, teardown),
        cmocka_unit_test_setup_teardown(the_deepest_goes_first, setup, teardown),
        cmocka_unit_test_setup_teardown(at_random, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
