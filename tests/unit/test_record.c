#include "tests/lib/unit.h"

#include "agent/disk/record.h"

static struct box_record a_record(void)
{
    static uint8_t spec[] = {0, 1, 255};
    uint8_t random[10] = {3};
    struct box_record r = {.id = sandbox_id_make(5, random),
                           .generation = 7,
                           .number = UINT64_MAX,
                           .phase = BOX_RUNNING,
                           .want = WANT_PAUSED,
                           .paused = true,
                           .idled = true,
                           .unfit = true,
                           .has_exit_code = true,
                           .exit_code = -9,
                           .deadline_ms = 123,
                           .limits = {1, 2, 3, 4, 5, 6},
                           .last_ms = 99,
                           .last = {.memory_peak_bytes = 77},
                           .spec = spec,
                           .spec_len = sizeof spec};
    strcpy(r.detail, "a line\nand another");
    strcpy(r.container_id, "abc");
    return r;
}

static void test_round_trip(void **state)
{
    struct box_record r = a_record(), back;
    struct err e;
    char *text = record_format(&r);
    assert_int_equal(record_parse(text, &back, &e), 0);
    assert_int_equal(back.number, UINT64_MAX);
    assert_int_equal(back.exit_code, -9);
    assert_true(back.paused && back.idled && back.unfit && back.has_exit_code && !back.failed);
    assert_string_equal(back.detail, "a line and another");
    assert_string_equal(back.container_id, "abc");
    assert_true(back.last_ms == 99 && back.last.memory_peak_bytes == 77);
    assert_memory_equal(&back.limits, &r.limits, sizeof r.limits);
    assert_memory_equal(back.spec, r.spec, 3);
    free(back.spec);
    free(text);
}

static void test_any_damage_is_seen(void **state)
{
    struct box_record r = a_record(), back;
    struct err e;
    char *text = record_format(&r);
    size_t len = strlen(text);
    for (size_t i = 0; i < len; i++) {
        char was = text[i];
        text[i] ^= 1;
        if (!record_parse(text, &back, &e))
            fail_msg("byte %zu may be changed", i);
        text[i] = 0;
        assert_int_equal(record_parse(text, &back, &e), ERR_PROTOCOL);
        text[i] = was;
    }
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_round_trip),
                                       cmocka_unit_test(test_any_damage_is_seen)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
