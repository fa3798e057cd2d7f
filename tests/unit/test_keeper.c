#include "tests/lib/unit.h"

#include "agent/core/keeper.h"

static bool asked_for(struct keeper_effects *effects, enum keeper_effect_kind kind)
{
    bool found = false;
    for (size_t i = 0; i < effects->count; i++)
        found |= effects->item[i].kind == kind;
    keeper_effects_clear(effects);
    return found;
}

/* It may be half made: it is looked for, and removed, before it is made anew. */
static void test_a_restored_box_is_not_made_before_it_was_looked_for(void **state)
{
    uint8_t random[10] = {1}, spec[] = {1};
    struct box_record record = {.id = sandbox_id_make(1, random), .generation = 1, .deadline_ms = 60000};
    struct want want = {.id = record.id, .generation = 2, .remaining_ms = 60000, .spec = spec, .spec_len = 1};
    struct keeper_effects effects = {0};
    struct keeper *keeper = keeper_new();
    keeper_restore(keeper, &record);
    keeper_want(keeper, 10, &want, &effects);
    assert_true(asked_for(&effects, KEEPER_SAVE));
    keeper_saved(keeper, 20, &record.id, true, &effects);
    assert_false(asked_for(&effects, KEEPER_MAKE));
    keeper_found(keeper, 30, &record.id, false, NULL, &effects);
    assert_true(asked_for(&effects, KEEPER_REMOVE));
    keeper_saved(keeper, 40, &record.id, true, &effects);
    assert_false(asked_for(&effects, KEEPER_MAKE));
    keeper_removed(keeper, 50, &record.id, true, &effects);
    assert_true(asked_for(&effects, KEEPER_MAKE));
    keeper_free(keeper);
    keeper_effects_fini(&effects);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_restored_box_is_not_made_before_it_was_looked_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
