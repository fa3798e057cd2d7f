#include "agent/engine/engine.h"

#include "tests/lib/unit.h"

#include <stdio.h>

#define SANDBOXES 3

struct owner {
    struct loop *loop;
    struct reconciler *reconciler;
    struct engine *engine;
    struct later first, second, next_turn;
    char seen[64]; /* a letter for each act, "." at the end of a turn */
};

static struct sandbox_id id_of(int n)
{
    struct sandbox_id id = {""};
    snprintf(id.text, sizeof id.text, "sbx_%026d", n);
    return id;
}

static void note(struct owner *o, char c)
{
    size_t len = strlen(o->seen);
    assert_true(len + 1 < sizeof o->seen);
    o->seen[len] = c;
}

/* The record is "written" at once: the core's answer to that follows in the same turn. */
static void act(void *owner, const struct reconciler_effect *effect)
{
    struct owner *o = owner;
    static const char letters[] = {
        [RECONCILER_SAVE] = 's',   [RECONCILER_START] = 'm',    [RECONCILER_ABORT] = 'a',
        [RECONCILER_KILL] = 'k',   [RECONCILER_PAUSE] = 'p',    [RECONCILER_RESUME] = 'u',
        [RECONCILER_RESIZE] = 'z', [RECONCILER_REMOVE] = 'x',   [RECONCILER_REPORT] = 'r',
        [RECONCILER_FORGET] = 'f', [RECONCILER_HAND_OUT] = 'h', [RECONCILER_PREPARE] = 'p',
        [RECONCILER_CHECK] = 'c'};
    note(o, letters[effect->kind]);
    if (effect->kind == RECONCILER_SAVE)
        reconciler_saved(o->reconciler, 0, &effect->id, true, engine_effects(o->engine));
}

static void settled(void *owner)
{
    note(owner, '.');
}

static const struct engine_ops ops = {act, settled};

static void begin(struct owner *o)
{
    *o = (struct owner){.loop = loop_new(), .reconciler = reconciler_new()};
    o->engine = engine_new(o->loop, &ops, o);
}

static void end(struct owner *o)
{
    engine_free(o->engine);
    reconciler_free(o->reconciler);
    loop_free(o->loop);
}

/* A sandbox that was restored and found running; its deadline is at 1000. */
static void restore(struct owner *o, int n)
{
    struct sandbox_record record = {
        .id = id_of(n), .generation = 1, .phase = PHASE_RUNNING, .desired = DESIRED_RUNNING};
    record.deadline_ms = 1000;
    record.ran = true;
    reconciler_restore(o->reconciler, &record);
    reconciler_found(o->reconciler, 10, &record.id, true, NULL, engine_effects(o->engine));
}

static void restore_all(void *arg)
{
    for (int n = 0; n < SANDBOXES; n++)
        restore(arg, n);
    assert_string_equal(((struct owner *)arg)->seen, "");
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

/* Effects run after all events of the turn, in order; effects of those follow in the same turn. */
static void test_acts_follow_the_events_of_a_turn(void **state)
{
    struct owner o;
    begin(&o);
    later_call(&o.first, o.loop, restore_all, &o);
    later_call(&o.second, o.loop, stop, &o);
    loop_run(o.loop);
    assert_string_equal(o.seen, ""); /* the loop was stopped before the end of its turn */
    one_turn(&o);
    assert_string_equal(o.seen, "srsrsr..");
    end(&o);
}

static void one_ends(void *arg)
{
    struct owner *o = arg;
    struct sandbox_id id = id_of(1);
    struct sandbox_exit exit = {.reason = REASON_EXITED};
    reconciler_dead(o->reconciler, 500, &id, &exit, engine_effects(o->engine));
}

static void time_passes(void *arg)
{
    struct owner *o = arg;
    reconciler_tick(o->reconciler, 2000, engine_effects(o->engine));
}

/* A kill runs before the other effects, also before those of an earlier event. */
static void test_kills_come_first(void **state)
{
    struct owner o;
    begin(&o);
    restore_all(&o);
    one_turn(&o);
    memset(o.seen, 0, sizeof o.seen);
    later_call(&o.first, o.loop, one_ends, &o);
    later_call(&o.second, o.loop, time_passes, &o);
    one_turn(&o);
    assert_memory_equal(o.seen, "kk", 2);
    assert_null(strchr(o.seen + 2, 'k'));
    assert_non_null(strchr(o.seen, 's')); /* from the engine that ended before */
    end(&o);
}

/* As after a crash between the event and its effects. */
static void test_nothing_is_carried_out_after_the_end(void **state)
{
    struct owner o;
    begin(&o);
    restore_all(&o);
    engine_free(o.engine);
    o.engine = NULL;
    one_turn(&o);
    assert_string_equal(o.seen, "");
    end(&o);
}

static void test_due_without_effects_settles_once(void **state)
{
    struct owner o;
    begin(&o);
    engine_due(o.engine);
    engine_due(o.engine);
    one_turn(&o);
    assert_string_equal(o.seen, ".");
    end(&o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_acts_follow_the_events_of_a_turn),
        cmocka_unit_test(test_kills_come_first),
        cmocka_unit_test(test_nothing_is_carried_out_after_the_end),
        cmocka_unit_test(test_due_without_effects_settles_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
