#include "agent/core/reconciler.h"

#include "tests/lib/unit.h"

#define HOUR_MS 3600000

static struct reconciler_effects effects;
static struct sandbox_id id;

static const struct reconciler_effect *last_of(enum reconciler_effect_kind kind)
{
    for (size_t i = effects.count; i; i--) {
        if (effects.item[i - 1].kind == kind)
            return &effects.item[i - 1];
    }
    return NULL;
}

/* Answers every save at once, and drops the other effects. */
static void settle(struct reconciler *reconciler, uint64_t now)
{
    while (last_of(RECONCILER_SAVE)) {
        reconciler_effects_clear(&effects);
        reconciler_saved(reconciler, now, &id, true, &effects);
    }
}

static struct reconciler *running(uint64_t now, uint64_t lifetime_ms)
{
    uint8_t random[10] = {1};
    struct reconciler *reconciler = reconciler_new();
    id = sandbox_id_make(7, random);
    struct desired_state desired = {
        .id = id, .generation = 1, .remaining_ms = lifetime_ms, .spec = (uint8_t *)"x", .spec_len = 1};
    struct start_result result = {.ok = true};
    reconciler_effects_clear(&effects);
    reconciler_desired(reconciler, now, &desired, &effects);
    settle(reconciler, now);
    reconciler_started(reconciler, now, &id, &result, &effects);
    settle(reconciler, now);
    assert_int_equal(reconciler_find(reconciler, &id)->phase, PHASE_RUNNING);
    reconciler_effects_clear(&effects);
    return reconciler;
}

static void end(struct reconciler *reconciler)
{
    reconciler_free(reconciler);
    reconciler_effects_fini(&effects);
}

/* The core's clock counts suspension: an agent that wakes late sees that, and ends at once what is
 * overdue. */
static void test_a_night_of_suspension(void **state)
{
    struct reconciler *reconciler = running(1000, 60000);
    reconciler_tick(reconciler, 60999, &effects);
    assert_null(last_of(RECONCILER_KILL));
    reconciler_tick(reconciler, 1000 + 8 * HOUR_MS, &effects);
    assert_non_null(last_of(RECONCILER_KILL));
    assert_int_equal(reconciler_find(reconciler, &id)->reason, REASON_EXPIRED);
    end(reconciler);
}

static void test_it_ended_when_it_died_and_not_when_docker_had_cleaned_up(void **state)
{
    struct reconciler *reconciler = running(1000, HOUR_MS);
    struct sample sample = {.id = id, .memory_peak_bytes = 77};
    struct sandbox_exit exit = ending_exited(3);
    reconciler_sampled(reconciler, 1900, &sample);
    reconciler_dead(reconciler, 2000, &id, &exit, &effects);
    settle(reconciler, 2000);
    reconciler_removed(reconciler, 7000, &id, true, &effects);
    settle(reconciler, 7000);
    const struct sandbox_status *last = &last_of(RECONCILER_REPORT)->status;
    assert_int_equal(last->state, SANDBOX_STOPPED);
    assert_int_equal(last->ended_ago_ms, 5000);
    assert_true(last->has_last && last->last.memory_peak_bytes == 77);
    assert_int_equal(last->last.ago_ms, 5100);
    assert_string_equal(last->detail, "its command exited with code 3");
    end(reconciler);
}

static void test_the_times_of_its_start_are_told_by_the_run_that_measured_them(void **state)
{
    struct reconciler *reconciler = reconciler_new();
    struct desired_state desired = {
        .id = id, .generation = 1, .remaining_ms = HOUR_MS, .spec = (uint8_t *)"x", .spec_len = 1};
    struct start_result result = {.ok = true};
    struct sandbox_status status;
    reconciler_effects_clear(&effects);
    reconciler_desired(reconciler, 1000, &desired, &effects);
    settle(reconciler, 1000);
    assert_int_equal(last_of(RECONCILER_REPORT)->status.start.measured, 0);
    start_times_add(&result.times, START_TIME_CREATE, 90);
    reconciler_started(reconciler, 2000, &id, &result, &effects);
    settle(reconciler, 2000);
    const struct sandbox_status *last = &last_of(RECONCILER_REPORT)->status;
    assert_int_equal(last->state, SANDBOX_RUNNING);
    assert_memory_equal(&last->start, &result.times, sizeof result.times);
    struct reconciler *next = reconciler_new();
    reconciler_restore(next, reconciler_find(reconciler, &id));
    assert_int_equal(reconciler_inventory(next, 3000, &status, 1), 1);
    assert_int_equal(status.start.measured, 0);
    reconciler_free(next);
    end(reconciler);
}

/* Whatever the start waited for: it is aborted, and the detail of the end says what it waited for. */
static void test_an_end_in_the_middle_of_its_start(void **state)
{
    static const struct {
        enum sandbox_reason reason;
        const char *detail;
    } ends[] = {
        {REASON_EXPIRED, "its image was still being pulled when its lifetime ended"},
        {REASON_DELETED, "its image was still being pulled when its user deleted it"},
        {REASON_ADMIN, "its image was still being pulled when an administrator ended it"},
    };
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
        struct reconciler *reconciler = reconciler_new();
        struct desired_state desired = {
            .id = id, .generation = 1, .remaining_ms = 5000, .spec = (uint8_t *)"x", .spec_len = 1};
        reconciler_effects_clear(&effects);
        reconciler_desired(reconciler, 1000, &desired, &effects);
        settle(reconciler, 1000);
        assert_int_equal(reconciler_find(reconciler, &id)->phase, PHASE_STARTING);
        desired = (struct desired_state){
            .id = id, .generation = 2, .state = DESIRED_GONE, .reason = ends[i].reason};
        if (ends[i].reason == REASON_EXPIRED)
            reconciler_tick(reconciler, 6000, &effects);
        else
            reconciler_desired(reconciler, 2000, &desired, &effects);
        assert_non_null(last_of(RECONCILER_ABORT));
        struct start_result result = {.reason = REASON_START_FAILED,
                                      .detail = "its image was still being pulled"};
        reconciler_started(reconciler, 6000, &id, &result, &effects);
        settle(reconciler, 6000);
        reconciler_removed(reconciler, 6000, &id, true, &effects);
        settle(reconciler, 6000);
        const struct sandbox_status *last = &last_of(RECONCILER_REPORT)->status;
        assert_int_equal(last->state, SANDBOX_FAILED);
        assert_int_equal(last->reason, ends[i].reason);
        assert_string_equal(last->detail, ends[i].detail);
        end(reconciler);
    }
}

static struct reconciler *restored_ending(enum sandbox_phase phase, uint64_t deadline_ms,
                                          enum sandbox_reason reason)
{
    uint8_t random[10] = {1};
    struct reconciler *reconciler = reconciler_new();
    id = sandbox_id_make(7, random);
    struct sandbox_record record = {.id = id,
                                    .generation = 1,
                                    .phase = phase,
                                    .reason = reason,
                                    .deadline_ms = deadline_ms,
                                    .ran = phase > PHASE_STARTING,
                                    .spec = (uint8_t *)"x",
                                    .spec_len = 1};
    reconciler_effects_clear(&effects);
    reconciler_restore(reconciler, &record);
    return reconciler;
}

static struct reconciler *restored(enum sandbox_phase phase, uint64_t deadline_ms)
{
    return restored_ending(phase, deadline_ms, REASON_NONE);
}

static void test_a_deletion_outlives_the_agent(void **state)
{
    struct reconciler *reconciler = restored_ending(PHASE_STARTING, HOUR_MS, REASON_DELETED);
    reconciler_found(reconciler, 100, &id, false, NULL, &effects);
    settle(reconciler, 100);
    reconciler_removed(reconciler, 200, &id, true, &effects);
    settle(reconciler, 200);
    assert_null(last_of(RECONCILER_START));
    assert_int_equal(reconciler_find(reconciler, &id)->phase, PHASE_ENDED);
    assert_int_equal(reconciler_find(reconciler, &id)->reason, REASON_DELETED);
    end(reconciler);
}

/* A desired state may arrive before Docker was asked: nothing is started while a container may exist. */
static void test_a_restored_one_waits_for_docker(void **state)
{
    struct reconciler *reconciler = restored(PHASE_NEW, HOUR_MS);
    struct desired_state longer = {
        .id = id, .generation = 2, .remaining_ms = HOUR_MS, .spec = (uint8_t *)"x", .spec_len = 1};
    reconciler_desired(reconciler, 100, &longer, &effects);
    settle(reconciler, 100);
    assert_null(last_of(RECONCILER_START));
    reconciler_found(reconciler, 200, &id, false, NULL, &effects);
    settle(reconciler, 200);
    reconciler_removed(reconciler, 300, &id, true, &effects);
    assert_non_null(last_of(RECONCILER_START));
    end(reconciler);
}

/* An agent that dies before its record is on disk comes back without it: the controller must not count on the
 * sandbox yet. */
static void test_nothing_is_reported_before_its_record_is_on_disk(void **state)
{
    struct sandbox_status inventory;
    struct reconciler *reconciler = reconciler_new();
    struct desired_state desired = {
        .id = id, .generation = 1, .remaining_ms = HOUR_MS, .spec = (uint8_t *)"x", .spec_len = 1};
    reconciler_effects_clear(&effects);
    reconciler_desired(reconciler, 100, &desired, &effects);
    desired.generation = 2;
    reconciler_desired(reconciler, 100, &desired, &effects);
    assert_null(last_of(RECONCILER_REPORT));
    assert_int_equal(reconciler_inventory(reconciler, 100, &inventory, 1), 0);
    reconciler_saved(reconciler, 200, &id, true, &effects);
    assert_int_equal(last_of(RECONCILER_REPORT)->status.generation, 2);
    assert_int_equal(last_of(RECONCILER_REPORT)->status.state, SANDBOX_STARTING);
    assert_int_equal(reconciler_inventory(reconciler, 200, &inventory, 1), 1);
    end(reconciler);
}

/* Where the inventory has no room for all sandboxes, live ones come first: one that is missing is taken to be
 * gone. */
static void test_those_that_live_come_first(void **state)
{
    struct reconciler *reconciler = reconciler_new();
    struct sandbox_record r = {0};
    struct sandbox_status inventory[3];
    static const enum sandbox_phase phases[] = {PHASE_ENDED, PHASE_RUNNING, PHASE_ENDED, PHASE_RUNNING};
    for (uint8_t i = 0; i < 4; i++) {
        uint8_t random[10] = {i};
        r.id = sandbox_id_make(1, random);
        r.phase = phases[i];
        reconciler_restore(reconciler, &r);
    }
    assert_int_equal(reconciler_inventory(reconciler, 100, inventory, 3), 3);
    assert_true(inventory[0].state == SANDBOX_RUNNING && inventory[1].state == SANDBOX_RUNNING);
    assert_int_equal(inventory[2].state, SANDBOX_STOPPED);
    assert_int_equal(reconciler_inventory(reconciler, 100, inventory, 0), 0);
    reconciler_free(reconciler);
}

/* A corrected record is written at once, so that the same fault is not reported at each restart. */
static void test_a_corrected_record_is_saved(void **state)
{
    struct reconciler *reconciler = reconciler_new();
    struct sandbox_record r = {.id = id, .phase = PHASE_RUNNING};
    reconciler_effects_clear(&effects);
    reconciler_restore(reconciler, &r);
    reconciler_mended(reconciler, &id, &effects);
    assert_non_null(last_of(RECONCILER_SAVE));
    reconciler_free(reconciler);
}

/* An agent that dies in between finds the container with its exit code, or the record of the end. */
static void test_nothing_is_removed_before_its_end_is_on_disk(void **state)
{
    struct reconciler *reconciler = running(1000, HOUR_MS);
    struct sandbox_exit exit = {.reason = REASON_EXITED, .has_exit_code = true, .exit_code = 5};
    reconciler_dead(reconciler, 2000, &id, &exit, &effects);
    assert_non_null(last_of(RECONCILER_SAVE));
    reconciler_tick(reconciler, 2100, &effects);
    assert_null(last_of(RECONCILER_REMOVE));
    reconciler_saved(reconciler, 2200, &id, true, &effects);
    assert_non_null(last_of(RECONCILER_REMOVE));
    end(reconciler);
}

/* Otherwise an agent that comes back would take the deletion's kill for a kill by somebody else. */
static void test_a_deletion_is_on_disk_before_it_kills(void **state)
{
    struct reconciler *reconciler = running(1000, HOUR_MS);
    struct desired_state gone = {.id = id, .generation = 2, .state = DESIRED_GONE, .reason = REASON_DELETED};
    reconciler_desired(reconciler, 2000, &gone, &effects);
    assert_null(last_of(RECONCILER_KILL));
    reconciler_saved(reconciler, 2010, &id, true, &effects);
    reconciler_saved(reconciler, 2020, &id, true, &effects);
    assert_non_null(last_of(RECONCILER_KILL));
    end(reconciler);
}

static void test_a_disk_that_hangs_does_not_keep_it_alive(void **state)
{
    struct reconciler *reconciler = running(1000, HOUR_MS);
    struct desired_state gone = {.id = id, .generation = 2, .state = DESIRED_GONE, .reason = REASON_DELETED};
    reconciler_desired(reconciler, 2000, &gone, &effects);
    reconciler_tick(reconciler, 3000, &effects);
    assert_non_null(last_of(RECONCILER_KILL));
    end(reconciler);
}

static void test_a_deadline_kills_at_once(void **state)
{
    struct reconciler *reconciler = running(1000, 60000);
    reconciler_tick(reconciler, 61000, &effects);
    assert_non_null(last_of(RECONCILER_KILL));
    end(reconciler);
}

/* The agent died between that kill and the record of it. */
static void test_what_was_killed_past_its_deadline_expired(void **state)
{
    struct sandbox_exit exit = {
        .reason = REASON_EXITED, .has_exit_code = true, .exit_code = 137, .ended_ms = 1002};
    struct reconciler *reconciler = restored(PHASE_RUNNING, 1000);
    reconciler_found(reconciler, 1500, &id, false, &exit, &effects);
    assert_int_equal(reconciler_find(reconciler, &id)->reason, REASON_EXPIRED);
    assert_int_equal(reconciler_find(reconciler, &id)->ended_ms, 1002);
    assert_false(reconciler_find(reconciler, &id)->has_exit_code);
    end(reconciler);
}

static void test_a_full_disk_keeps_nothing_from_being_removed(void **state)
{
    struct reconciler *reconciler = running(1000, HOUR_MS);
    struct sandbox_exit exit = {.reason = REASON_EXITED, .has_exit_code = true, .exit_code = 5};
    reconciler_dead(reconciler, 2000, &id, &exit, &effects);
    reconciler_saved(reconciler, 2100, &id, false, &effects);
    assert_non_null(last_of(RECONCILER_REMOVE));
    end(reconciler);
}

static void test_what_ended_before_its_deadline_did_not_expire(void **state)
{
    struct reconciler *reconciler = restored(PHASE_RUNNING, 5000);
    reconciler_tick(reconciler, 9000, &effects);
    assert_int_equal(reconciler_find(reconciler, &id)->reason, REASON_EXPIRED);
    struct sandbox_exit exit = ending_container(ENDING_AGENT_DOWN, 3);
    exit.ended_ms = 4000;
    reconciler_not_running(reconciler, 9050, &id,
                           &effects); /* the answer to a kill does not say when the sandbox ended */
    reconciler_found(reconciler, 9100, &id, false, &exit, &effects);
    assert_int_equal(reconciler_find(reconciler, &id)->reason, REASON_EXITED);
    assert_int_equal(reconciler_find(reconciler, &id)->exit_code, 3);
    assert_int_equal(reconciler_find(reconciler, &id)->ended_ms, 4000);
    end(reconciler);
}

static void test_a_command_that_has_begun_is_not_begun_again(void **state)
{
    struct reconciler *reconciler = restored(PHASE_STARTING, HOUR_MS);
    reconciler_adopted(reconciler, 100, &id, ENFORCE_MEMORY, false, false, &effects);
    assert_null(last_of(RECONCILER_REMOVE));
    assert_null(last_of(RECONCILER_START));
    assert_null(
        last_of(RECONCILER_REPORT)); /* an agent that died now would come back to a record of a start */
    settle(reconciler, 110);
    assert_int_equal(last_of(RECONCILER_REPORT)->status.state, SANDBOX_RUNNING);
    end(reconciler);
}

static void test_a_disk_that_takes_nothing_keeps_no_running_one_secret(void **state)
{
    struct reconciler *reconciler = restored(PHASE_STARTING, HOUR_MS);
    reconciler_adopted(reconciler, 100, &id, ENFORCE_MEMORY, false, false, &effects);
    reconciler_saved(reconciler, 110, &id, false, &effects);
    assert_int_equal(last_of(RECONCILER_REPORT)->status.state, SANDBOX_RUNNING);
    end(reconciler);
}

static void test_a_kill_that_finds_nobody_is_its_end(void **state)
{
    struct reconciler *reconciler = running(1000, HOUR_MS);
    reconciler_tick(reconciler, 1000 + HOUR_MS, &effects);
    reconciler_not_running(reconciler, 1010 + HOUR_MS, &id, &effects);
    assert_int_equal(reconciler_find(reconciler, &id)->phase, PHASE_REMOVING);
    assert_int_equal(reconciler_find(reconciler, &id)->reason, REASON_EXPIRED);
    end(reconciler);
}

static void test_why_a_making_was_broken_off_is_on_disk(void **state)
{
    struct reconciler *reconciler = restored(PHASE_STARTING, HOUR_MS);
    struct sandbox_exit exit = ending_of(REASON_MEMORY_CRITICAL);
    reconciler_end(reconciler, 100, &id, &exit, &effects);
    assert_non_null(last_of(RECONCILER_SAVE));
    assert_int_equal(reconciler_find(reconciler, &id)->reason, REASON_MEMORY_CRITICAL);
    end(reconciler);
}

static struct reconciler *starting(bool written)
{
    struct reconciler *reconciler = reconciler_new();
    struct desired_state desired = {
        .id = id, .generation = 1, .remaining_ms = HOUR_MS, .spec = (uint8_t *)"x", .spec_len = 1};
    reconciler_effects_clear(&effects);
    reconciler_desired(reconciler, 1000, &desired, &effects);
    if (written) {
        settle(reconciler, 1000);
        assert_int_equal(reconciler_find(reconciler, &id)->phase, PHASE_STARTING);
    }
    return reconciler;
}

static void fail_and_clean_up(struct reconciler *reconciler, bool node_fault)
{
    struct start_result result = {
        .reason = REASON_START_FAILED, .detail = "no space left", .node_fault = node_fault};
    reconciler_started(reconciler, 2000, &id, &result, &effects);
    settle(reconciler, 2000);
    reconciler_removed(reconciler, 2500, &id, true, &effects);
}

static const struct sandbox_status *told_of_failure(void)
{
    const struct sandbox_status *status = &last_of(RECONCILER_REPORT)->status;
    assert_int_equal(status->state, SANDBOX_FAILED);
    return status;
}

/* Another node may start the sandbox only once nothing of it is left here, whatever this agent finds after a
 * restart. */
static void test_a_fault_of_its_node_is_reported_as_one(void **state)
{
    struct reconciler *reconciler = starting(true);
    fail_and_clean_up(reconciler, true);
    assert_null(last_of(RECONCILER_REPORT)); /* its end is not on disk */
    settle(reconciler, 2500);
    assert_true(told_of_failure()->node_fault);
    end(reconciler);
    reconciler = starting(true);
    fail_and_clean_up(reconciler, false);
    settle(reconciler, 2500);
    assert_false(told_of_failure()->node_fault);
    end(reconciler);
}

static struct sandbox_status told_of_in_a_new_session(struct reconciler *reconciler)
{
    struct sandbox_status status;
    assert_int_equal(reconciler_inventory(reconciler, 2500, &status, 1), 1);
    return status;
}

/* Until its removal is on disk it is reported neither as stopping nor as failed: after that report no other
 * node would get it. */
static void test_a_fault_of_its_node_is_reported_once_the_start_is_undone(void **state)
{
    struct reconciler *reconciler = starting(true);
    struct start_result result = {
        .reason = REASON_START_FAILED, .detail = "no space left", .node_fault = true};
    reconciler_started(reconciler, 2000, &id, &result, &effects);
    assert_int_equal(told_of_in_a_new_session(reconciler).state, SANDBOX_STARTING);
    settle(reconciler, 2000);
    reconciler_removed(reconciler, 2500, &id, true, &effects);
    struct sandbox_status status = told_of_in_a_new_session(reconciler);
    assert_int_equal(status.state, SANDBOX_STARTING);
    settle(reconciler, 2500);
    assert_true(told_of_failure()->node_fault && told_of_failure()->number > status.number);
    assert_int_equal(told_of_in_a_new_session(reconciler).state, SANDBOX_FAILED);
    end(reconciler);
}

static void test_an_end_that_the_disk_does_not_take_keeps_it_here(void **state)
{
    struct reconciler *reconciler = starting(true);
    fail_and_clean_up(reconciler, true);
    reconciler_saved(reconciler, 2600, &id, false, &effects); /* the disk still has the record of the start */
    assert_false(told_of_failure()->node_fault);
    end(reconciler);
    reconciler = starting(false);
    reconciler_saved(reconciler, 1100, &id, false, &effects); /* the disk has no record */
    reconciler_saved(reconciler, 1200, &id, false, &effects);
    assert_true(told_of_failure()->node_fault);
    end(reconciler);
}

static void test_somebody_elses_pause_is_reported_and_then_undone(void **state)
{
    struct reconciler *reconciler = running(1000, HOUR_MS);
    reconciler_seen_paused(reconciler, 2000, &id, true, &effects);
    assert_int_equal(last_of(RECONCILER_REPORT)->status.state, SANDBOX_PAUSED);
    assert_null(last_of(RECONCILER_RESUME));
    reconciler_tick(reconciler, 3000, &effects);
    assert_non_null(last_of(RECONCILER_RESUME));
    reconciler_paused(reconciler, 3010, &id, true, false, &effects);
    assert_int_equal(last_of(RECONCILER_REPORT)->status.state, SANDBOX_RUNNING);
    end(reconciler);
}

static void test_somebody_elses_pause_that_is_found_idle(void **state)
{
    struct reconciler *reconciler = running(1000, HOUR_MS);
    reconciler_seen_paused(reconciler, 2000, &id, true, &effects);
    reconciler_saved(reconciler, 2001, &id, true, &effects);
    assert_int_equal(last_of(RECONCILER_REPORT)->status.reason, REASON_NONE);
    reconciler_pause(reconciler, 2010, &id, "it did no work", &effects);
    assert_int_equal(last_of(RECONCILER_REPORT)->status.state, SANDBOX_PAUSED);
    assert_int_equal(last_of(RECONCILER_REPORT)->status.reason, REASON_IDLE);
    end(reconciler);
}

/* Only this node decided the pause: an agent that died and forgot it would let the sandbox run again. */
static void test_idleness_is_on_disk_before_it_pauses(void **state)
{
    struct reconciler *reconciler = running(1000, HOUR_MS);
    reconciler_pause(reconciler, 2000, &id, "it did no work", &effects);
    assert_non_null(last_of(RECONCILER_SAVE));
    assert_null(last_of(RECONCILER_PAUSE));
    reconciler_saved(reconciler, 2001, &id, true, &effects);
    assert_non_null(last_of(RECONCILER_PAUSE));
    end(reconciler);
}

/* An agent that dies before Docker has changed the limits comes back to a container with the old ones. */
static void test_new_limits_outlive_the_agent(void **state)
{
    struct reconciler *reconciler = running(1000, HOUR_MS), *next = reconciler_new();
    struct desired_state desired = {
        .id = id, .generation = 2, .remaining_ms = HOUR_MS, .limits = {.memory_bytes = 7}};
    reconciler_desired(reconciler, 2000, &desired, &effects);
    assert_non_null(last_of(RECONCILER_RESIZE));
    reconciler_restore(next, reconciler_find(reconciler, &id)); /* as it was written */
    reconciler_effects_clear(&effects);
    reconciler_found(next, 3000, &id, true, NULL, &effects);
    settle(next, 3000);
    reconciler_tick(next, 3200, &effects);
    assert_non_null(last_of(RECONCILER_RESIZE));
    reconciler_effects_clear(&effects);
    reconciler_resized(next, 3300, &id, false, &effects);
    reconciler_tick(next, 3400, &effects);
    assert_null(last_of(RECONCILER_RESIZE)); /* not again at once */
    reconciler_tick(next, 3900, &effects);
    assert_non_null(last_of(RECONCILER_RESIZE));
    reconciler_effects_clear(&effects);
    reconciler_resized(next, 4000, &id, true, &effects);
    assert_non_null(last_of(RECONCILER_SAVE));
    assert_false(reconciler_find(next, &id)->unfit);
    reconciler_free(reconciler);
    end(next);
}

/* --- ready checks --- */

/* Its command has begun, and its ready check goes on. */
static struct reconciler *checked(uint64_t now, uint64_t lifetime_ms)
{
    uint8_t random[10] = {1};
    struct reconciler *reconciler = reconciler_new();
    id = sandbox_id_make(7, random);
    struct desired_state desired = {
        .id = id, .generation = 1, .remaining_ms = lifetime_ms, .spec = (uint8_t *)"x", .spec_len = 1};
    struct start_result result = {.ok = true, .unready = true};
    start_times_add(&result.times, START_TIME_COMMAND, 5);
    reconciler_effects_clear(&effects);
    reconciler_desired(reconciler, now, &desired, &effects);
    settle(reconciler, now);
    reconciler_effects_clear(&effects);
    reconciler_started(reconciler, now, &id, &result, &effects);
    assert_non_null(last_of(RECONCILER_CHECK));
    assert_null(last_of(RECONCILER_REPORT));
    settle(reconciler, now);
    reconciler_effects_clear(&effects);
    return reconciler;
}

static void test_it_runs_once_it_is_ready_and_that_is_on_disk(void **state)
{
    struct reconciler *reconciler = checked(1000, HOUR_MS);
    struct sandbox_status inventory;
    assert_int_equal(reconciler_inventory(reconciler, 1100, &inventory, 1), 1);
    assert_int_equal(inventory.state, SANDBOX_STARTING);
    reconciler_pause(reconciler, 1200, &id, "idle", &effects); /* it waits for its check, and is not idle */
    reconciler_ready(reconciler, 3000, &id, &effects);
    assert_null(last_of(RECONCILER_REPORT));
    settle(reconciler, 3000);
    const struct sandbox_status *status = &last_of(RECONCILER_REPORT)->status;
    assert_int_equal(status->state, SANDBOX_RUNNING);
    assert_int_equal(status->start.ms[START_TIME_READY], 2000);
    assert_int_equal(status->started_ago_ms, 0);
    reconciler_not_ready(reconciler, 4000, &id, "late", &effects); /* says nothing any more */
    assert_int_equal(reconciler_find(reconciler, &id)->reason, REASON_NONE);
    end(reconciler);
}

static void test_one_that_does_not_get_ready_never_ran(void **state)
{
    struct reconciler *reconciler = checked(1000, HOUR_MS);
    reconciler_not_ready(reconciler, 3000, &id, "its ready check failed", &effects);
    assert_non_null(last_of(RECONCILER_KILL));
    settle(reconciler, 3000);
    reconciler_ready(reconciler, 3100, &id, &effects); /* too late */
    reconciler_dead(reconciler, 3200, &id, NULL, &effects);
    settle(reconciler, 3200);
    reconciler_removed(reconciler, 3300, &id, true, &effects);
    settle(reconciler, 3300);
    const struct sandbox_status *status = &last_of(RECONCILER_REPORT)->status;
    assert_int_equal(status->state, SANDBOX_FAILED);
    assert_int_equal(status->reason, REASON_START_FAILED);
    assert_string_equal(status->detail, "its ready check failed");
    assert_false(status->ran);
    end(reconciler);
}

static void test_what_ends_it_does_not_wait_for_its_check(void **state)
{
    struct reconciler *reconciler = checked(1000, 5000);
    reconciler_tick(reconciler, 6000, &effects);
    assert_non_null(last_of(RECONCILER_KILL));
    assert_int_equal(reconciler_find(reconciler, &id)->reason, REASON_EXPIRED);
    end(reconciler);
    reconciler = checked(1000, HOUR_MS);
    struct sandbox_exit exit = ending_exited(3);
    reconciler_dead(reconciler, 2000, &id, &exit, &effects);
    settle(reconciler, 2000);
    reconciler_removed(reconciler, 2100, &id, true, &effects);
    settle(reconciler, 2100);
    assert_int_equal(last_of(RECONCILER_REPORT)->status.state, SANDBOX_STOPPED);
    assert_int_equal(last_of(RECONCILER_REPORT)->status.exit_code, 3);
    end(reconciler);
}

static void test_a_check_begins_again_after_a_restart(void **state)
{
    struct reconciler *reconciler = checked(1000, HOUR_MS), *next = reconciler_new();
    reconciler_restore(next, reconciler_find(reconciler, &id));
    reconciler_found(next, 2000, &id, true, NULL, &effects);
    assert_non_null(last_of(RECONCILER_CHECK));
    assert_int_equal(last_of(RECONCILER_REPORT)->status.state, SANDBOX_STARTING);
    reconciler_free(reconciler);
    end(next);
    reconciler = restored(PHASE_STARTING, HOUR_MS);
    reconciler_adopted(reconciler, 100, &id, ENFORCE_MEMORY, false, true, &effects);
    assert_non_null(last_of(RECONCILER_CHECK));
    end(reconciler);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_idleness_is_on_disk_before_it_pauses),
        cmocka_unit_test(test_new_limits_outlive_the_agent),
        cmocka_unit_test(test_a_disk_that_takes_nothing_keeps_no_running_one_secret),
        cmocka_unit_test(test_a_kill_that_finds_nobody_is_its_end),
        cmocka_unit_test(test_why_a_making_was_broken_off_is_on_disk),
        cmocka_unit_test(test_a_night_of_suspension),
        cmocka_unit_test(test_it_ended_when_it_died_and_not_when_docker_had_cleaned_up),
        cmocka_unit_test(test_nothing_is_reported_before_its_record_is_on_disk),
        cmocka_unit_test(test_those_that_live_come_first),
        cmocka_unit_test(test_a_corrected_record_is_saved),
        cmocka_unit_test(test_nothing_is_removed_before_its_end_is_on_disk),
        cmocka_unit_test(test_a_deletion_is_on_disk_before_it_kills),
        cmocka_unit_test(test_a_disk_that_hangs_does_not_keep_it_alive),
        cmocka_unit_test(test_a_deadline_kills_at_once),
        cmocka_unit_test(test_what_was_killed_past_its_deadline_expired),
        cmocka_unit_test(test_a_full_disk_keeps_nothing_from_being_removed),
        cmocka_unit_test(test_what_ended_before_its_deadline_did_not_expire),
        cmocka_unit_test(test_the_times_of_its_start_are_told_by_the_run_that_measured_them),
        cmocka_unit_test(test_an_end_in_the_middle_of_its_start),
        cmocka_unit_test(test_a_deletion_outlives_the_agent),
        cmocka_unit_test(test_a_restored_one_waits_for_docker),
        cmocka_unit_test(test_a_command_that_has_begun_is_not_begun_again),
        cmocka_unit_test(test_a_fault_of_its_node_is_reported_as_one),
        cmocka_unit_test(test_a_fault_of_its_node_is_reported_once_the_start_is_undone),
        cmocka_unit_test(test_an_end_that_the_disk_does_not_take_keeps_it_here),
        cmocka_unit_test(test_somebody_elses_pause_is_reported_and_then_undone),
        cmocka_unit_test(test_somebody_elses_pause_that_is_found_idle),
        cmocka_unit_test(test_it_runs_once_it_is_ready_and_that_is_on_disk),
        cmocka_unit_test(test_one_that_does_not_get_ready_never_ran),
        cmocka_unit_test(test_what_ends_it_does_not_wait_for_its_check),
        cmocka_unit_test(test_a_check_begins_again_after_a_restart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
