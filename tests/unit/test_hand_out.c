/* A sandbox takes over a member of the warm pool, in each phase of the member's life (core/hand_out.h). */
#include "agent/core/reconciler.h"

#include "tests/lib/unit.h"

#define HOUR_MS 3600000
#define MEMBER  "m"
#define TENANT  "the tenant's"

static struct reconciler_effects effects;
static struct reconciler *reconciler;
static struct sandbox_id id;

static size_t count_of(enum reconciler_effect_kind kind)
{
    size_t count = 0;
    for (size_t i = 0; i < effects.count; i++)
        count += effects.item[i].kind == kind;
    return count;
}

static const struct reconciler_effect *last_of(enum reconciler_effect_kind kind)
{
    for (size_t i = effects.count; i; i--) {
        if (effects.item[i - 1].kind == kind)
            return &effects.item[i - 1];
    }
    return NULL;
}

/* Takes the saves out of the effects. Returns whether there was one. */
static bool take_saves(void)
{
    size_t kept = 0;
    for (size_t i = 0; i < effects.count; i++) {
        if (effects.item[i].kind != RECONCILER_SAVE)
            effects.item[kept++] = effects.item[i];
    }
    bool some = kept < effects.count;
    effects.count = kept;
    return some;
}

/* Drops all effects but the saves, which are answered by settle. */
static void clear(void)
{
    struct sandbox_id saved = id;
    bool some = take_saves();
    reconciler_effects_clear(&effects);
    if (some)
        effects.item[effects.count++] = (struct reconciler_effect){.kind = RECONCILER_SAVE, .id = saved};
}

/* Answers every save; the other effects stay. */
static void settle(uint64_t now)
{
    while (take_saves())
        reconciler_saved(reconciler, now, &id, true, &effects);
}

static void tell(uint64_t generation, enum desired state, bool pooled)
{
    const char *spec = pooled ? MEMBER : TENANT;
    struct desired_state desired = {.id = id,
                                    .generation = generation,
                                    .state = state,
                                    .remaining_ms = pooled ? HOUR_MS : 60000,
                                    .limits = {.memory_bytes = pooled ? 64 : 256, .storage_bytes = 9},
                                    .spec = (const uint8_t *)spec,
                                    .spec_len = strlen(spec),
                                    .pooled = pooled};
    if (state == DESIRED_GONE)
        desired.reason = REASON_DELETED;
    clear();
    reconciler_desired(reconciler, 1000, &desired, &effects);
}

static const struct sandbox_record *record(void)
{
    return reconciler_find(reconciler, &id);
}

static void started(bool ok)
{
    struct start_result result = {
        .ok = ok, .reason = REASON_START_FAILED, .detail = "its disk was still being made"};
    clear();
    reconciler_started(reconciler, 1100, &id, &result, &effects);
}

static void begin(void)
{
    uint8_t random[10] = {1};
    reconciler_effects_clear(&effects);
    reconciler = reconciler_new();
    id = sandbox_id_make(7, random);
}

static void begin_member(void)
{
    begin();
    tell(1, DESIRED_RUNNING, true);
    settle(1000);
    assert_non_null(last_of(RECONCILER_START));
    assert_true(last_of(RECONCILER_REPORT)->status.pooled);
}

static void begin_ready(void)
{
    begin_member();
    started(true);
    settle(1000);
    assert_int_equal(last_of(RECONCILER_REPORT)->status.state, SANDBOX_RUNNING);
    assert_true(last_of(RECONCILER_REPORT)->status.pooled);
    reconciler_effects_clear(&effects);
}

static void end(void)
{
    reconciler_free(reconciler);
    reconciler_effects_fini(&effects);
}

/* What was there is removed; then a sandbox with the tenant's spec is started, and nothing tells of a member.
 */
static void expect_cold_start(void)
{
    assert_int_equal(count_of(RECONCILER_REMOVE), 1);
    assert_null(last_of(RECONCILER_START));
    settle(1000);
    reconciler_effects_clear(&effects);
    reconciler_removed(reconciler, 1200, &id, true, &effects);
    settle(1000);
    assert_int_equal(count_of(RECONCILER_START), 1);
    const struct sandbox_record *r = record();
    assert_true(!r->pooled && !r->warm && !r->renewed && !r->unfit && !r->ran && r->reason == REASON_NONE);
    assert_int_equal(r->spec_len, strlen(TENANT));
    assert_int_equal(r->limits.memory_bytes, 256);
    started(true);
    settle(1300);
    const struct sandbox_status *status = &last_of(RECONCILER_REPORT)->status;
    assert_int_equal(status->state, SANDBOX_RUNNING);
    assert_true(!status->pooled && !status->warm && status->generation == 2);
}

static void test_it_is_handed_out_once_that_is_on_disk(void **state)
{
    begin_ready();
    tell(2, DESIRED_RUNNING, false);
    assert_int_equal(effects.count, 2);
    assert_non_null(last_of(RECONCILER_SAVE));
    assert_non_null(last_of(RECONCILER_PREPARE)); /* nothing begins in it yet */
    assert_true(record()->warm && !record()->pooled && record()->phase == PHASE_STARTING);
    settle(1000);
    assert_int_equal(count_of(RECONCILER_HAND_OUT), 1);
    assert_int_equal(record()->deadline_ms, 61000);
    started(true);
    assert_null(last_of(RECONCILER_RESIZE)); /* Docker is told after the answer */
    settle(1100);
    const struct sandbox_status *status = &last_of(RECONCILER_REPORT)->status;
    assert_int_equal(status->state, SANDBOX_RUNNING);
    assert_true(!status->pooled && status->warm && status->ran && status->generation == 2);
    reconciler_effects_clear(&effects);
    reconciler_tick(reconciler, 1200, &effects);
    assert_non_null(last_of(RECONCILER_RESIZE));
    reconciler_resized(reconciler, 1300, &id, true, &effects);
    assert_false(record()->unfit);
    end();
}

/* The write of the member's record that is under way says nothing of the hand-out. */
static void test_an_older_write_is_not_enough(void **state)
{
    begin_member();
    started(true);
    tell(2, DESIRED_RUNNING, false);
    assert_null(last_of(RECONCILER_HAND_OUT));
    reconciler_effects_clear(&effects);
    reconciler_saved(reconciler, 1000, &id, true, &effects);
    assert_null(last_of(RECONCILER_HAND_OUT));
    assert_null(last_of(RECONCILER_REPORT));
    settle(1000);
    assert_non_null(last_of(RECONCILER_HAND_OUT));
    end();
}

static void test_an_unfit_member_is_replaced_by_a_cold_start(void **state)
{
    begin_ready();
    tell(2, DESIRED_RUNNING, false);
    settle(1000);
    reconciler_effects_clear(&effects);
    reconciler_not_handed_out(reconciler, 1000, &id, &effects);
    assert_true(record()->renewed && !record()->warm);
    expect_cold_start();
    end();
}

static void test_a_disk_of_another_size_is_not_handed_out(void **state)
{
    begin_ready();
    struct desired_state desired = {.id = id,
                                    .generation = 2,
                                    .remaining_ms = 60000,
                                    .limits = {.memory_bytes = 256, .storage_bytes = 10},
                                    .spec = (const uint8_t *)TENANT,
                                    .spec_len = strlen(TENANT)};
    reconciler_desired(reconciler, 1000, &desired, &effects);
    settle(1000);
    assert_null(last_of(RECONCILER_HAND_OUT));
    assert_non_null(last_of(RECONCILER_REMOVE));
    end();
}

/* The member's own start is aborted: that ends nothing. */
static void test_a_member_that_is_being_started(void **state)
{
    for (int ok = 0; ok <= 1; ok++) {
        begin_member();
        tell(2, DESIRED_RUNNING, false);
        assert_int_equal(count_of(RECONCILER_ABORT), 1);
        if (!ok) {
            settle(1000);
            assert_null(last_of(RECONCILER_REMOVE)); /* once the start has answered */
            started(false);
        } else {
            started(true);
            assert_null(last_of(RECONCILER_REMOVE)); /* once that is on disk */
            reconciler_saved(reconciler, 1000, &id, true, &effects);
        }
        expect_cold_start();
        end();
    }
}

static void test_a_member_whose_record_is_being_written(void **state)
{
    begin();
    tell(1, DESIRED_RUNNING, true);
    tell(2, DESIRED_RUNNING, false);
    reconciler_saved(reconciler, 1000, &id, true, &effects);
    assert_null(last_of(RECONCILER_START));
    settle(1000);
    assert_int_equal(count_of(RECONCILER_START), 1);
    assert_int_equal(record()->spec_len, strlen(TENANT));
    end();
}

static void test_a_member_that_was_dying(void **state)
{
    begin_ready();
    tell(2, DESIRED_GONE, true);
    assert_int_equal(record()->phase, PHASE_KILLING);
    struct desired_state desired = {.id = id,
                                    .generation = 3,
                                    .remaining_ms = 60000,
                                    .limits = {.memory_bytes = 256, .storage_bytes = 9},
                                    .spec = (const uint8_t *)TENANT,
                                    .spec_len = strlen(TENANT)};
    reconciler_desired(reconciler, 1000, &desired, &effects);
    reconciler_dead(reconciler, 1000, &id, NULL, &effects); /* the answer to the kill comes late */
    settle(1000);
    assert_int_equal(count_of(RECONCILER_REMOVE), 1);
    reconciler_removed(reconciler, 1200, &id, true, &effects);
    settle(1200);
    assert_non_null(last_of(RECONCILER_START));
    end();
}

/* The answer to an admission was lost, and the controller took the member back before it learned of the
 * sandbox. */
static void test_a_removal_of_the_same_generation(void **state)
{
    begin_ready();
    tell(2, DESIRED_GONE, true);
    settle(1000);
    assert_non_null(last_of(RECONCILER_KILL));
    tell(2, DESIRED_RUNNING, false);
    settle(1000);
    expect_cold_start();
    tell(2, DESIRED_GONE, true); /* sent again */
    settle(1000);
    assert_int_equal(record()->phase, PHASE_RUNNING);
    end();
}

/* Its removal is under way: it is not asked for twice, and the start waits for the disk as well. */
static void test_a_member_that_was_being_removed(void **state)
{
    begin_ready();
    struct sandbox_exit exit = ending_exited(1);
    reconciler_dead(reconciler, 1000, &id, &exit, &effects);
    settle(1000);
    assert_non_null(last_of(RECONCILER_REMOVE));
    tell(2, DESIRED_RUNNING, false);
    reconciler_removed(reconciler, 1000, &id, true, &effects);
    assert_null(last_of(RECONCILER_START));
    assert_null(last_of(RECONCILER_REMOVE));
    settle(1000);
    assert_int_equal(count_of(RECONCILER_START), 1);
    end();
}

static void end_member(void)
{
    begin_ready();
    struct sandbox_exit exit = ending_exited(1);
    reconciler_dead(reconciler, 1000, &id, &exit, &effects);
    settle(1000);
    reconciler_removed(reconciler, 1000, &id, true, &effects);
    settle(1000);
    const struct sandbox_status *status = &last_of(RECONCILER_REPORT)->status;
    assert_true(status->pooled && status->state == SANDBOX_STOPPED);
    reconciler_effects_clear(&effects);
}

/* Its final report was not acknowledged: it is replaced by the sandbox's. */
static void test_a_member_that_has_ended(void **state)
{
    end_member();
    uint64_t number = record()->number;
    tell(2, DESIRED_RUNNING, false);
    struct status_ack ack = {.id = id, .number = number};
    reconciler_acked(reconciler, &ack, &effects);
    assert_null(last_of(RECONCILER_FORGET));
    settle(1000);
    assert_int_equal(count_of(RECONCILER_START), 1);
    assert_true(last_of(RECONCILER_REPORT)->status.number > number);
    assert_true(record()->reason == REASON_NONE && !record()->ran && !record()->detail[0]);
    end();
}

/* A member's end buries only the member. */
static void test_a_member_that_was_forgotten(void **state)
{
    end_member();
    struct status_ack ack = {.id = id, .number = record()->number};
    reconciler_acked(reconciler, &ack, &effects);
    assert_non_null(last_of(RECONCILER_FORGET));
    tell(1, DESIRED_RUNNING, true);
    assert_null(record());
    assert_true(last_of(RECONCILER_REPORT)->status.pooled);
    tell(2, DESIRED_RUNNING, false);
    assert_non_null(record());
    settle(1000);
    assert_non_null(last_of(RECONCILER_START));
    assert_false(record()->warm);
    end();
}

static void test_what_is_late_for_the_member_is_not_for_the_sandbox(void **state)
{
    begin_ready();
    tell(2, DESIRED_RUNNING, false);
    settle(1000);
    started(true);
    settle(1000);
    tell(3, DESIRED_GONE, true);
    assert_true(record()->phase == PHASE_RUNNING && record()->generation == 2);
    assert_null(last_of(RECONCILER_KILL));
    end();
}

/* Else an agent that restarts would take the sandbox's own start for the member's, and begin it again. */
static void test_a_cold_start_waits_until_the_disk_knows_of_it(void **state)
{
    begin_ready();
    tell(2, DESIRED_RUNNING, false);
    settle(1000);
    reconciler_not_handed_out(reconciler, 1000, &id, &effects);
    settle(1000);
    reconciler_effects_clear(&effects);
    reconciler_removed(reconciler, 1200, &id, true, &effects);
    assert_true(take_saves());
    reconciler_saved(reconciler, 1200, &id, false, &effects);
    assert_null(last_of(RECONCILER_START));
    settle(1200);
    const struct sandbox_status *status = &last_of(RECONCILER_REPORT)->status;
    assert_true(status->state == SANDBOX_FAILED && status->node_fault && !status->ran);
    end();
}

/* The controller may have acknowledged the member's final report more than once. */
static void test_an_acknowledgement_of_the_member_is_none_of_the_sandbox(void **state)
{
    struct sandbox_exit exit = ending_exited(1);
    end_member();
    struct status_ack ack = {.id = id, .number = record()->number};
    reconciler_acked(reconciler, &ack, &effects);
    tell(2, DESIRED_RUNNING, false);
    settle(1000);
    started(true);
    settle(1000);
    reconciler_dead(reconciler, 1200, &id, &exit, &effects);
    settle(1200);
    reconciler_removed(reconciler, 1300, &id, true, &effects);
    settle(1300);
    assert_int_equal(last_of(RECONCILER_REPORT)->status.state, SANDBOX_STOPPED);
    reconciler_acked(reconciler, &ack, &effects);
    assert_null(last_of(RECONCILER_FORGET));
    ack.number = last_of(RECONCILER_REPORT)->status.number;
    reconciler_acked(reconciler, &ack, &effects);
    assert_non_null(last_of(RECONCILER_FORGET));
    end();
}

static void test_an_end_before_the_hand_out_began(void **state)
{
    for (int expired = 0; expired <= 1; expired++) {
        begin_ready();
        tell(2, DESIRED_RUNNING, false);
        if (expired)
            reconciler_tick(reconciler, 61000, &effects);
        else
            tell(3, DESIRED_GONE, false);
        assert_non_null(last_of(RECONCILER_ABORT));
        settle(61000);
        assert_null(last_of(RECONCILER_HAND_OUT));
        started(false);
        settle(61000);
        assert_int_equal(count_of(RECONCILER_REMOVE), 1);
        reconciler_removed(reconciler, 61000, &id, true, &effects);
        settle(61000);
        const struct sandbox_status *status = &last_of(RECONCILER_REPORT)->status;
        assert_true(status->state == SANDBOX_FAILED && !status->pooled && !status->ran);
        assert_int_equal(status->reason, expired ? REASON_EXPIRED : REASON_DELETED);
        end();
    }
}

/* Before the record is on disk: nothing is removed until then. */
static void test_a_member_that_is_found_unfit_at_once(void **state)
{
    begin_ready();
    tell(2, DESIRED_RUNNING, false);
    reconciler_not_handed_out(reconciler, 1000, &id, &effects);
    reconciler_tick(reconciler, 1100, &effects);
    assert_null(last_of(RECONCILER_REMOVE));
    settle(1200);
    assert_null(last_of(RECONCILER_HAND_OUT));
    expect_cold_start();
    end();
}

static void test_an_end_during_the_hand_out(void **state)
{
    for (int refused = 0; refused <= 1; refused++) {
        begin_ready();
        tell(2, DESIRED_RUNNING, false);
        settle(1000);
        tell(3, DESIRED_GONE, false);
        assert_non_null(last_of(RECONCILER_ABORT));
        if (refused)
            reconciler_not_handed_out(reconciler, 1100, &id, &effects);
        else
            started(false);
        settle(1100);
        assert_int_equal(count_of(RECONCILER_REMOVE), 1);
        assert_int_equal(count_of(RECONCILER_KILL), !refused); /* its command may have begun */
        reconciler_removed(reconciler, 1200, &id, true, &effects);
        settle(1200);
        const struct sandbox_status *status = &last_of(RECONCILER_REPORT)->status;
        assert_true(status->state == SANDBOX_FAILED && status->reason == REASON_DELETED);
        end();
    }
}

/* Docker takes long to remove it, and a kill may have met a process that was just being made. */
static void test_kills_are_repeated_until_its_command_is_dead(void **state)
{
    begin_ready();
    tell(2, DESIRED_RUNNING, false);
    settle(1000);
    tell(3, DESIRED_GONE, false);
    started(false);
    settle(1100);
    assert_int_equal(count_of(RECONCILER_KILL), 1);
    reconciler_tick(reconciler, 1400, &effects);
    reconciler_tick(reconciler, 1700, &effects);
    assert_int_equal(count_of(RECONCILER_KILL), 3);
    reconciler_dead(reconciler, 1750, &id, NULL, &effects);
    reconciler_tick(reconciler, 2000, &effects);
    assert_int_equal(count_of(RECONCILER_KILL), 3);
    assert_int_equal(count_of(RECONCILER_REMOVE), 1);
    end();
}

static void test_a_disk_that_takes_no_record(void **state)
{
    begin_ready();
    tell(2, DESIRED_RUNNING, false);
    reconciler_effects_clear(&effects);
    reconciler_saved(reconciler, 1000, &id, false, &effects);
    assert_null(last_of(RECONCILER_HAND_OUT));
    assert_non_null(last_of(RECONCILER_ABORT));
    started(false);
    assert_int_equal(record()->phase, PHASE_REMOVING);
    assert_true(record()->failed && record()->node_fault);
    assert_true(take_saves());
    reconciler_saved(reconciler, 1200, &id, false, &effects);
    assert_non_null(last_of(RECONCILER_REMOVE));
    reconciler_removed(reconciler, 1300, &id, true, &effects);
    assert_true(take_saves());
    reconciler_saved(reconciler, 1300, &id, false, &effects);
    const struct sandbox_status *status = &last_of(RECONCILER_REPORT)->status;
    assert_true(status->state == SANDBOX_FAILED && status->node_fault); /* another node can start it */
    end();
}

static void test_a_disk_that_takes_no_record_of_one_that_was_not_ready(void **state)
{
    begin_member();
    tell(2, DESIRED_RUNNING, false);
    started(false); /* the member's start, which is aborted */
    take_saves();
    reconciler_saved(reconciler, 1000, &id, false, &effects);
    assert_int_equal(count_of(RECONCILER_REMOVE), 1);
    assert_null(last_of(RECONCILER_START));
    reconciler_removed(reconciler, 1100, &id, true, &effects);
    assert_int_equal(record()->phase, PHASE_ENDED);
    take_saves();
    reconciler_saved(reconciler, 1100, &id, false, &effects);
    const struct sandbox_status *status = &last_of(RECONCILER_REPORT)->status;
    assert_int_equal(status->state, SANDBOX_FAILED);
    assert_false(status->pooled);
    end();
}

static void test_a_member_that_is_deleted_or_taken_and_deleted(void **state)
{
    for (int pooled = 0; pooled <= 1; pooled++) {
        begin_ready();
        tell(2, DESIRED_GONE, pooled);
        settle(1000);
        assert_non_null(last_of(RECONCILER_KILL));
        reconciler_dead(reconciler, 1000, &id, NULL, &effects);
        settle(1000);
        reconciler_removed(reconciler, 1000, &id, true, &effects);
        settle(1000);
        const struct sandbox_status *status = &last_of(RECONCILER_REPORT)->status;
        assert_int_equal(status->pooled, pooled);
        assert_int_equal(status->state, pooled ? SANDBOX_STOPPED : SANDBOX_FAILED);
        end();
    }
}

static void test_a_paused_member_is_ended(void **state)
{
    begin_ready();
    reconciler_seen_paused(reconciler, 1000, &id, true, &effects);
    assert_non_null(last_of(RECONCILER_KILL));
    assert_int_equal(record()->reason, REASON_ORPHANED);
    end();
}

/* Three members in a row that a broken node could not start do not keep sandboxes away from it. */
static void test_members_say_nothing_of_the_node(void **state)
{
    struct start_result result = {.reason = REASON_START_FAILED, .detail = "no disk", .node_fault = true};
    begin();
    for (uint8_t i = 0; i < 4; i++) {
        uint8_t random[10] = {i};
        id = sandbox_id_make(7, random);
        tell(1, DESIRED_RUNNING, true);
        settle(1000);
        reconciler_started(reconciler, 1000, &id, &result, &effects);
    }
    assert_null(reconciler_unhealthy(reconciler, 1000));
    end();
}

/* --- restarts of the agent --- */

static void restart(void)
{
    struct sandbox_record kept = *record();
    struct reconciler *again = reconciler_new();
    reconciler_restore(again, &kept);
    reconciler_free(reconciler);
    reconciler = again;
    reconciler_effects_clear(&effects);
}

static void test_a_restart_during_the_hand_out(void **state)
{
    begin_ready();
    tell(2, DESIRED_RUNNING, false);
    restart();
    reconciler_adopted(reconciler, 2000, &id, 0, false, false, &effects);
    settle(2000);
    const struct sandbox_status *status = &last_of(RECONCILER_REPORT)->status;
    assert_true(status->state == SANDBOX_RUNNING && status->warm && !status->pooled);
    assert_true(record()->unfit);
    end();
}

static void test_a_restart_before_the_hand_out_began(void **state)
{
    begin_ready();
    tell(2, DESIRED_RUNNING, false);
    restart();
    reconciler_found(reconciler, 2000, &id, false, NULL, &effects);
    expect_cold_start();
    end();
}

/* What is there is the member's, whatever its init says. */
static void test_a_restart_before_a_member_that_was_not_ready_is_removed(void **state)
{
    begin_member();
    tell(2, DESIRED_RUNNING, false);
    restart();
    reconciler_adopted(reconciler, 2000, &id, 0, false, false, &effects);
    assert_int_equal(effects.count, 0);
    reconciler_tick(reconciler, 2000, &effects);
    expect_cold_start();
    end();
}

static void test_a_hand_out_to_a_member_that_was_not_found_yet(void **state)
{
    begin_ready();
    restart();
    tell(2, DESIRED_RUNNING, false);
    settle(1000);
    assert_null(last_of(RECONCILER_HAND_OUT));
    reconciler_found(reconciler, 2000, &id, true, NULL, &effects);
    expect_cold_start();
    end();
}

static void test_an_end_of_a_member_that_was_replaced_stays_an_end(void **state)
{
    begin_member();
    tell(2, DESIRED_RUNNING, false);
    tell(3, DESIRED_GONE, false);
    settle(1000);
    started(false);
    assert_non_null(last_of(RECONCILER_REMOVE));
    settle(1000);
    reconciler_removed(reconciler, 1200, &id, true, &effects);
    settle(1000);
    assert_int_equal(last_of(RECONCILER_REPORT)->status.state, SANDBOX_FAILED);
    restart();
    reconciler_tick(reconciler, 5000, &effects);
    assert_null(last_of(RECONCILER_REMOVE));
    assert_int_equal(record()->phase, PHASE_ENDED);
    end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_it_is_handed_out_once_that_is_on_disk),
        cmocka_unit_test(test_an_older_write_is_not_enough),
        cmocka_unit_test(test_an_unfit_member_is_replaced_by_a_cold_start),
        cmocka_unit_test(test_a_disk_of_another_size_is_not_handed_out),
        cmocka_unit_test(test_a_member_that_is_being_started),
        cmocka_unit_test(test_a_member_whose_record_is_being_written),
        cmocka_unit_test(test_a_member_that_was_dying),
        cmocka_unit_test(test_a_removal_of_the_same_generation),
        cmocka_unit_test(test_a_member_that_was_being_removed),
        cmocka_unit_test(test_a_member_that_has_ended),
        cmocka_unit_test(test_a_member_that_was_forgotten),
        cmocka_unit_test(test_what_is_late_for_the_member_is_not_for_the_sandbox),
        cmocka_unit_test(test_a_cold_start_waits_until_the_disk_knows_of_it),
        cmocka_unit_test(test_an_acknowledgement_of_the_member_is_none_of_the_sandbox),
        cmocka_unit_test(test_an_end_before_the_hand_out_began),
        cmocka_unit_test(test_a_member_that_is_found_unfit_at_once),
        cmocka_unit_test(test_an_end_during_the_hand_out),
        cmocka_unit_test(test_kills_are_repeated_until_its_command_is_dead),
        cmocka_unit_test(test_a_disk_that_takes_no_record),
        cmocka_unit_test(test_a_disk_that_takes_no_record_of_one_that_was_not_ready),
        cmocka_unit_test(test_a_member_that_is_deleted_or_taken_and_deleted),
        cmocka_unit_test(test_a_paused_member_is_ended),
        cmocka_unit_test(test_members_say_nothing_of_the_node),
        cmocka_unit_test(test_a_restart_during_the_hand_out),
        cmocka_unit_test(test_a_restart_before_the_hand_out_began),
        cmocka_unit_test(test_a_restart_before_a_member_that_was_not_ready_is_removed),
        cmocka_unit_test(test_a_hand_out_to_a_member_that_was_not_found_yet),
        cmocka_unit_test(test_an_end_of_a_member_that_was_replaced_stays_an_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
