#include "controller/jobs/jobs.h"

#include "tests/lib/unit.h"

struct owner {
    struct loop *loop;
    struct jobs *jobs;
    uint64_t period_ms; /* of the second job */
    bool reloads;       /* reload each time that the first job runs */
    unsigned first, second;
};

static void first(void *owner)
{
    struct owner *o = owner;
    o->first++;
    if (o->reloads)
        jobs_reload(o->jobs);
    if (o->first == 3)
        loop_stop(o->loop);
}

static void second(void *owner)
{
    struct owner *o = owner;
    o->second++;
    loop_stop(o->loop);
}

static uint64_t period(const void *owner)
{
    const struct owner *o = owner;
    return o->period_ms;
}

static const struct job table[] = {{"first", 5, NULL, first}, {"second", 0, period, second}};

static void begin(struct owner *o)
{
    *o = (struct owner){.loop = loop_new(), .period_ms = 3600000};
    o->jobs = jobs_new(o->loop, table, 2, o);
}

static void end(struct owner *o)
{
    jobs_free(o->jobs);
    loop_free(o->loop);
}

static void test_each_in_its_period_again_and_again(void **state)
{
    struct owner o;
    begin(&o);
    uint64_t began = loop_now_ms();
    loop_run(o.loop);
    assert_int_equal(o.first, 3);
    assert_int_equal(o.second, 0);
    assert_true(loop_now_ms() - began >= 14);
    end(&o);
}

static void test_a_new_period_counts_from_the_reload(void **state)
{
    struct owner o;
    begin(&o);
    o.period_ms = 1;
    jobs_reload(o.jobs);
    while (!o.second)
        loop_run(o.loop);
    o.period_ms = 3600000;
    jobs_reload(o.jobs);
    o.first = o.second = 0;
    loop_run(o.loop);
    assert_int_equal(o.first, 3);
    assert_int_equal(o.second, 0);
    end(&o);
}

/* A reload does not restart a period that stays the same: frequent reloads do not keep a job from running. */
static void test_a_reload_holds_up_no_job(void **state)
{
    struct owner o;
    begin(&o);
    o.reloads = true;
    o.period_ms = 40;
    jobs_reload(o.jobs);
    while (!o.second) {
        o.first = 0;
        loop_run(o.loop);
    }
    assert_int_equal(o.second, 1);
    end(&o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_in_its_period_again_and_again),
        cmocka_unit_test(test_a_new_period_counts_from_the_reload),
        cmocka_unit_test(test_a_reload_holds_up_no_job),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
