#include "controller/core/watched.h"

#include "tests/lib/unit.h"

#include <stdio.h>

static struct sandbox_id id_of(unsigned n)
{
    struct sandbox_id id = {{0}};
    snprintf(id.text, sizeof id.text, "sbx_%026u", n);
    return id;
}

/* Sandbox n is on node n / 1000, and belongs to user n / 100 of it. */
static bool find(void *arg, const struct sandbox_id *id, struct watched_place *place)
{
    static const char *const nodes[] = {"a", "b"}, *const users[] = {"u0", "u1", "u2", "u3", "u4",
                                                                     "u5", "u6", "u7", "u8", "u9"};
    unsigned n = (unsigned)atoi(id->text + 4);
    *place = (struct watched_place){nodes[n / 1000 % 2], users[n / 100 % 10]};
    return n < 2000;
}

struct chosen {
    unsigned calls, count, of_user[10];
    bool has[2000];
};

static void note(void *arg, const char *node, const struct sandbox_id *id, size_t count)
{
    struct chosen *chosen = arg;
    assert_true(count > 0 && count <= NODE_DENSE_MAX);
    chosen->calls++;
    for (size_t i = 0; i < count; i++) {
        unsigned n = (unsigned)atoi(id[i].text + 4);
        assert_int_equal(*node, 'a' + (int)n / 1000);
        assert_false(chosen->has[n]);
        chosen->has[n] = true;
        chosen->of_user[n / 100 % 10]++;
        chosen->count++;
    }
}

static struct chosen choose(struct watched *w, uint64_t now)
{
    struct chosen chosen = {0};
    watched_choose(w, now, find, note, &chosen);
    return chosen;
}

static void begin(struct watched *w, unsigned n)
{
    struct sandbox_id id = id_of(n);
    watched_begin(w, &id);
}

static void end(struct watched *w, unsigned n)
{
    struct sandbox_id id = id_of(n);
    watched_end(w, &id);
}

static void ask(struct watched *w, uint64_t now, unsigned n)
{
    struct sandbox_id id = id_of(n);
    watched_asked(w, now, &id);
}

static void test_streams_count_until_the_last_ends(void **state)
{
    struct watched *w = watched_new();
    begin(w, 1);
    begin(w, 1);
    begin(w, 1001);
    begin(w, 2001); /* nobody knows where it is */
    struct chosen chosen = choose(w, 10);
    assert_true(chosen.calls == 2 && chosen.has[1] && chosen.has[1001]);
    assert_true(watched_counts(w).watched == 2 && watched_counts(w).dense == 2);
    end(w, 1);
    end(w, 1001);
    chosen = choose(w, 20);
    assert_true(chosen.calls == 1 && chosen.has[1]);
    end(w, 1);
    end(w, 2001);
    assert_int_equal(choose(w, 30).calls, 0);
    assert_int_equal(watched_counts(w).watched, 0);
    watched_free(w);
}

static void test_questions_count_if_they_come_again_and_again(void **state)
{
    struct watched *w = watched_new();
    ask(w, 1000, 1);
    ask(w, 1000, 2);
    assert_int_equal(choose(w, 1000).calls, 0);
    ask(w, 1000 + WATCHED_ASK_MS, 1); /* soon enough */
    ask(w, 1001 + WATCHED_ASK_MS, 2); /* too late */
    struct chosen chosen = choose(w, 1001 + WATCHED_ASK_MS);
    assert_true(chosen.count == 1 && chosen.has[1]);
    assert_int_equal(choose(w, 1000 + 2 * WATCHED_ASK_MS).count, 0);
    begin(w, 3); /* a stream outlives the questions, and the reverse */
    for (uint64_t now = 20000; now < 30000; now += 1000)
        ask(w, now, 3);
    end(w, 3);
    assert_int_equal(choose(w, 29000).count, 1);
    assert_int_equal(choose(w, 29000 + WATCHED_ASK_MS).count, 0);
    watched_free(w);
}

static void test_users_share_the_places_of_a_node(void **state)
{
    struct watched *w = watched_new();
    for (unsigned n = 0; n < 100; n++)
        begin(w, n); /* one user was first, with many */
    struct chosen chosen = choose(w, 1);
    assert_true(chosen.count == NODE_DENSE_MAX && chosen.of_user[0] == NODE_DENSE_MAX);
    assert_true(watched_counts(w).watched == 100 && watched_counts(w).dense == NODE_DENSE_MAX);
    for (unsigned n = 0; n < NODE_DENSE_MAX; n++)
        assert_true(chosen.has[n]); /* the first ones */
    for (unsigned n = 100; n < 200; n++)
        begin(w, n);
    begin(w, 200);
    begin(w, 1300); /* of another node: that has places of its own */
    chosen = choose(w, 2);
    assert_int_equal(chosen.count, NODE_DENSE_MAX + 1);
    assert_true(chosen.of_user[2] == 1 && chosen.of_user[3] == 1);
    assert_true(chosen.of_user[0] == NODE_DENSE_MAX / 2 && chosen.of_user[1] == NODE_DENSE_MAX / 2 - 1);
    struct chosen again = choose(w, 3);
    assert_memory_equal(&again, &chosen, sizeof chosen); /* nothing changes by itself */
    watched_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_streams_count_until_the_last_ends),
        cmocka_unit_test(test_questions_count_if_they_come_again_and_again),
        cmocka_unit_test(test_users_share_the_places_of_a_node),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
