#include "controller/leader/engine.h"

#include "tests/lib/unit.h"

#define LEASE_MS 10000

struct owner {
    struct loop *loop;
    struct cluster_state *cluster;
    struct leader_engine *engine;
    struct later first, second, next_turn;
    bool answers, ends; /* answers: the node is removed at the first effect; ends: the leadership ends at the
                           first effect */
    char seen[64];      /* a letter for each act, "." at the end of a turn */
};

static void note(struct owner *o, char c)
{
    size_t len = strlen(o->seen);
    assert_true(len + 1 < sizeof o->seen);
    o->seen[len] = c;
}

static void act(void *owner, const struct cluster_state_effect *effect)
{
    struct owner *o = owner;
    assert_int_equal(effect->kind, CLUSTER_NODE);
    note(o, effect->node[0]);
    if (o->answers)
        cluster_state_node_gone(o->cluster, 2, "c", leader_effects(o->engine));
    o->answers = false;
    if (o->ends)
        leader_engine_clear(o->engine);
}

static void settled(void *owner)
{
    note(owner, '.');
}

static const struct leader_engine_ops ops = {act, settled};

static void begin(struct owner *o)
{
    *o = (struct owner){.loop = loop_new(), .cluster = cluster_state_new(LEASE_MS)};
    o->engine = leader_engine_new(o->loop, &ops, o);
}

static void end(struct owner *o)
{
    leader_engine_free(o->engine);
    cluster_state_free(o->cluster);
    loop_free(o->loop);
}

static void comes(struct owner *o, const char *node)
{
    struct node_facts facts = {0};
    facts.name[0] = node[0];
    cluster_state_session(o->cluster, 1, &facts, NULL, 0, leader_effects(o->engine));
    assert_string_equal(o->seen, "");
}

static void two_come(void *arg)
{
    comes(arg, "a");
    comes(arg, "b");
}

static void one_comes(void *arg)
{
    comes(arg, "c");
}

static void stop(void *arg)
{
    struct owner *o = arg;
    loop_stop(o->loop);
}

static void stop_next(void *arg)
{
    struct owner *o = arg;
    later_call(&o->next_turn, o->loop, stop, o);
}

/* Runs the turn that is due, to its end. */
static void one_turn(struct owner *o)
{
    later_call(&o->next_turn, o->loop, stop_next, o);
    loop_run(o->loop);
}

static void two_events(struct owner *o)
{
    later_call(&o->first, o->loop, two_come, o);
    later_call(&o->second, o->loop, one_comes, o);
    one_turn(o);
}

static void test_effects_follow_the_events_of_a_turn_at_once(void **state)
{
    struct owner o;
    begin(&o);
    two_events(&o);
    assert_string_equal(o.seen, "abc.");
    end(&o);
}

static void test_what_an_effect_brings_about_follows_in_the_same_turn(void **state)
{
    struct owner o;
    begin(&o);
    o.answers = true;
    two_events(&o);
    assert_string_equal(o.seen, "abc.c.");
    end(&o);
}

static void loses_the_lead(void *arg)
{
    struct owner *o = arg;
    leader_engine_clear(o->engine);
}

static void test_nothing_is_carried_out_after_the_lead(void **state)
{
    struct owner o;
    begin(&o);
    later_call(&o.first, o.loop, two_come, &o);
    later_call(&o.second, o.loop, loses_the_lead, &o);
    one_turn(&o);
    assert_string_equal(o.seen, "");
    two_events(&o); /* the next leadership */
    assert_string_equal(o.seen, "abc.");
    end(&o);
}

static void test_a_lead_that_ends_meanwhile_ends_the_run(void **state)
{
    struct owner o;
    begin(&o);
    o.ends = true;
    two_events(&o);
    assert_string_equal(o.seen, "a.");
    end(&o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_effects_follow_the_events_of_a_turn_at_once),
        cmocka_unit_test(test_what_an_effect_brings_about_follows_in_the_same_turn),
        cmocka_unit_test(test_nothing_is_carried_out_after_the_lead),
        cmocka_unit_test(test_a_lead_that_ends_meanwhile_ends_the_run),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
