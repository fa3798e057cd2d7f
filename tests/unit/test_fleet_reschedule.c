/* A host that cannot start a sandbox, for reasons of its own: another gets it, once, and nothing is counted
 * twice. */
#include "controller/core/fleet.h"

#include "tests/lib/unit.h"

#include <stdio.h>

#define LEASE_MS 10000
#define HOUR_MS  3600000

static struct fleet *fleet;
static struct fleet_effects effects;
static struct fleet_row row;

static void host(const char *name, const char *region, const char *sick)
{
    struct node_facts facts = {.capacity = {1000, 1000, 1000, 10}};
    snprintf(facts.name, sizeof facts.name, "%s", name);
    snprintf(facts.region, sizeof facts.region, "%s", region);
    snprintf(facts.sick, sizeof facts.sick, "%s", sick);
    fleet_session(fleet, 0, &facts, NULL, 0, &effects);
}

/* It is admitted on h1, which is the emptiest, and its host has begun with it. */
static void begin(const char *region)
{
    uint8_t random[10] = {1};
    struct place_request wish = {.limits = {.memory_bytes = 600, .cpu_millis = 1, .storage_bytes = 1},
                                 .region = region};
    row = (struct fleet_row){.id = sandbox_id_make(1, random),
                             .user = "usr_1",
                             .generation = 1,
                             .want = WANT_RUNNING,
                             .state = SANDBOX_PENDING,
                             .remaining_ms = HOUR_MS,
                             .limits = wish.limits,
                             .spec = (const uint8_t *)"s",
                             .spec_len = 1};
    row.node = fleet_place(fleet, &row.id, &wish, NULL);
    assert_string_equal(row.node, "h1");
    fleet_admitted(fleet, 1, &row, &effects);
    fleet_effects_clear(&effects);
}

static int set_up(void **state)
{
    fleet = fleet_new(LEASE_MS);
    host("h1", "eu", "");
    fleet_effects_clear(&effects);
    return 0;
}

static int tear_down(void **state)
{
    fleet_free(fleet);
    fleet_effects_fini(&effects);
    return 0;
}

static const struct fleet_effect *effect_of(enum fleet_effect_kind kind)
{
    for (size_t i = 0; i < effects.count; i++) {
        if (effects.item[i].kind == kind)
            return &effects.item[i];
    }
    return NULL;
}

static struct observation failure(bool host_fault)
{
    return (struct observation){.id = row.id,
                                .generation = 1,
                                .number = 3,
                                .state = SANDBOX_FAILED,
                                .reason = REASON_START_FAILED,
                                .detail = "its disk is full",
                                .host_fault = host_fault};
}

static void fails(const char *node)
{
    struct observation o = failure(true);
    fleet_effects_clear(&effects);
    fleet_observed(fleet, 5, node, &o, &effects);
}

static uint64_t reserved(const char *node)
{
    const struct node *n = node_table_find(fleet_nodes(fleet), node);
    return n->reserved.memory_bytes + n->reserved.sandboxes;
}

static struct fleet_row moved(void)
{
    struct fleet_row r = row;
    r.node = "h2";
    r.generation = 2;
    return r;
}

static void assert_moved(void)
{
    struct fleet_view view;
    assert_true(fleet_find(fleet, &row.id, &view));
    assert_string_equal(view.node, "h2");
    assert_int_equal(reserved("h1"), 0);
    assert_int_equal(reserved("h2"), 601);
}

static void test_another_host_gets_it(void **state)
{
    struct fleet_row r;
    begin(NULL);
    host("h2", "us", "");
    fails("h1");
    assert_null(effect_of(FLEET_PERSIST)); /* nobody hears of it */
    assert_non_null(effect_of(FLEET_RESCHEDULE));
    assert_string_equal(effect_of(FLEET_RESCHEDULE)->node, "h1");
    assert_string_equal(effect_of(FLEET_RESCHEDULE)->reschedule.to, "h2");
    assert_int_equal(effect_of(FLEET_RESCHEDULE)->reschedule.generation, 1);
    assert_int_equal(reserved("h2"), 601);
    fleet_effects_clear(&effects);
    r = moved();
    fleet_rescheduled(fleet, 6, &row.id, FLEET_DONE, &r, &effects);
    assert_moved();
    assert_string_equal(effect_of(FLEET_ACCEPT)->node, "h1");
    assert_string_equal(effect_of(FLEET_WANT)->node, "h2");
    assert_int_equal(effect_of(FLEET_WANT)->want.generation, 2);
    assert_int_equal(effect_of(FLEET_WANT)->want.spec_len, 1);
    fails("h1"); /* what it says now is of no account */
    assert_null(effect_of(FLEET_PERSIST));
    struct observation again = failure(true);
    again.generation = 2;
    fleet_observed(fleet, 7, "h2", &again, &effects); /* once */
    host("h3", "us", "");
    assert_non_null(effect_of(FLEET_PERSIST));
    assert_int_equal(effect_of(FLEET_PERSIST)->move.to, SANDBOX_FAILED);
}

static void assert_fails(const char *node)
{
    fails(node);
    assert_null(effect_of(FLEET_RESCHEDULE));
    assert_int_equal(effect_of(FLEET_PERSIST)->move.to, SANDBOX_FAILED);
}

static void test_nobody_else_has_room(void **state)
{
    begin("eu");
    host("h2", "us", "");
    host("h3", "eu", "its last 3 starts failed");
    assert_fails("h1");
    assert_int_equal(reserved("h2") + reserved("h3"), 0);
}

static void test_what_its_host_is_not_to_blame_for(void **state)
{
    struct observation o;
    begin(NULL);
    host("h2", "us", "");
    o = failure(false);
    fleet_observed(fleet, 5, "h1", &o, &effects);
    assert_null(effect_of(FLEET_RESCHEDULE));
    assert_non_null(effect_of(FLEET_PERSIST));
}

/* A host that lies, or is confused: what ran is never begun elsewhere. */
static void test_what_has_run_stays(void **state)
{
    struct observation o;
    begin(NULL);
    host("h2", "us", "");
    o = failure(true);
    o.ran = true;
    fleet_observed(fleet, 5, "h1", &o, &effects);
    assert_null(effect_of(FLEET_RESCHEDULE));
}

static void test_one_that_is_deleted_meanwhile(void **state)
{
    begin(NULL);
    host("h2", "us", "");
    fails("h1");
    assert_non_null(effect_of(FLEET_RESCHEDULE));
    struct fleet_row gone = row;
    gone.generation = 2;
    gone.want = WANT_GONE;
    gone.want_reason = REASON_DELETED;
    gone.state = SANDBOX_STOPPING;
    fleet_wanted(fleet, 6, &gone, &effects);
    fleet_effects_clear(&effects);
    fleet_rescheduled(fleet, 7, &row.id, FLEET_REFUSED, NULL, &effects);
    assert_int_equal(reserved("h2"), 0);
    assert_non_null(effect_of(FLEET_PERSIST));
    assert_true(sandbox_state_terminal(effect_of(FLEET_PERSIST)->move.to));
}

static void test_the_deletion_came_after(void **state)
{
    begin(NULL);
    host("h2", "us", "");
    fails("h1");
    struct fleet_row gone = moved(), answer = moved();
    gone.generation = 3;
    gone.want = WANT_GONE;
    gone.state = SANDBOX_STOPPING;
    fleet_effects_clear(&effects);
    fleet_wanted(fleet, 6, &gone, &effects);
    assert_moved();
    assert_string_equal(effect_of(FLEET_WANT)->node, "h2");
    fleet_effects_clear(&effects);
    fleet_rescheduled(fleet, 7, &row.id, FLEET_DONE, &answer, &effects);
    assert_moved();
    assert_null(effect_of(FLEET_WANT));
}

/* It may be committed: until that is known the word of the first host counts no more, nor does its silence.
 */
static void test_a_lost_answer(void **state)
{
    struct fleet_row r;
    begin(NULL);
    host("h2", "us", "");
    fails("h1");
    fleet_rescheduled(fleet, 6, &row.id, FLEET_UNKNOWN, NULL, &effects);
    assert_int_equal(reserved("h2"), 601);
    host("h1", "eu", ""); /* it was restarted, and knows nothing of it any more */
    fleet_effects_clear(&effects);
    fleet_tick(fleet, 1000, &effects);
    assert_null(effect_of(FLEET_PERSIST));
    assert_string_equal(effect_of(FLEET_RESCHEDULE)->reschedule.to, "h2"); /* the same */
    assert_int_equal(effect_of(FLEET_RESCHEDULE)->reschedule.generation, 1);
    r = moved();
    fleet_read(fleet, 1001, fleet_stamp(fleet), &r, &effects); /* a reading is faster */
    assert_moved();
    fleet_rescheduled(fleet, 1002, &row.id, FLEET_DONE, &r, &effects);
    assert_moved();
}

/* Its new host was not told before the controller went: a session without it is no end. */
static void test_a_new_leader_sends_it_again(void **state)
{
    uint8_t random[10] = {1};
    struct fleet_row r = {.id = sandbox_id_make(1, random),
                          .node = "h2",
                          .generation = 2,
                          .state = SANDBOX_STARTING,
                          .rescheduled = true,
                          .remaining_ms = HOUR_MS};
    fleet_load(fleet, 1, &r);
    host("h2", "us", "");
    assert_null(effect_of(FLEET_PERSIST));
    assert_string_equal(effect_of(FLEET_WANT)->node, "h2");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_another_host_gets_it, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_nobody_else_has_room, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_what_its_host_is_not_to_blame_for, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_what_has_run_stays, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_one_that_is_deleted_meanwhile, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_the_deletion_came_after, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_lost_answer, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_new_leader_sends_it_again, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
