#include "agent/core/image_memory.h"
#include "agent/core/orphan.h"

#include "tests/lib/unit.h"

#include <stdio.h>

#define ID "sbx_01ARZ3NDEKTSV4RRFFQ69G5FAV"
#define A  "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define B  "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

static void test_containers(void **state)
{
    struct sandbox_record r = {.phase = PHASE_NEW};
    assert_true(orphan_container(NULL, A));
    for (int phase = PHASE_NEW; phase < PHASE_ENDED; phase++) {
        r.phase = (enum sandbox_phase)phase;
        assert_false(orphan_container(&r, A)); /* the record existed before the container */
    }
    strcpy(r.container_id, B);
    r.phase = PHASE_STARTING; /* the recorded container may be of an earlier start */
    assert_false(orphan_container(&r, A));
    r.phase = PHASE_RUNNING;
    assert_true(orphan_container(&r, A));
    assert_false(orphan_container(&r, B));
    r.phase = PHASE_ENDED; /* only its final report is kept */
    assert_true(orphan_container(&r, B));
    assert_true(orphan_sandbox(&r));
}

static void test_files(void **state)
{
    struct sandbox_id id;
    assert_int_equal(state_file_of(ID, &id), STATE_FILE_RECORD);
    assert_string_equal(id.text, ID);
    assert_int_equal(state_file_of(ID ".new", &id), STATE_FILE_TEMPORARY);
    assert_int_equal(state_file_of(ID ".bad", &id), STATE_FILE_BAD);
    assert_int_equal(state_file_of(ID ".old", &id), STATE_FILE_FOREIGN);
    assert_int_equal(state_file_of(ID "x", &id), STATE_FILE_FOREIGN);
    assert_int_equal(state_file_of("sbx_short.new", &id), STATE_FILE_FOREIGN);
    assert_int_equal(state_file_of("", &id), STATE_FILE_FOREIGN);
    assert_int_equal(state_file_of("..", &id), STATE_FILE_FOREIGN);
    /* A state file of a known sandbox may be being written at this moment. */
    assert_false(orphan_state_file(STATE_FILE_RECORD, true));
    assert_false(orphan_state_file(STATE_FILE_TEMPORARY, true));
    assert_true(orphan_state_file(STATE_FILE_RECORD, false));
    assert_true(orphan_state_file(STATE_FILE_TEMPORARY, false));
    assert_true(orphan_state_file(STATE_FILE_BAD, true));
    assert_false(orphan_state_file(STATE_FILE_FOREIGN, false));
}

static void test_cgroups(void **state)
{
    char id[CONTAINER_ID_LEN + 1];
    assert_true(orphan_cgroup_name(A, id));
    assert_string_equal(id, A);
    assert_true(orphan_cgroup_name("docker-" B ".scope", id));
    assert_string_equal(id, B);
    assert_false(orphan_cgroup_name("docker-" B, id));
    assert_false(orphan_cgroup_name(B ".scope", id));
    assert_false(orphan_cgroup_name(A "a", id));
    assert_false(orphan_cgroup_name("system.slice", id));
    assert_false(orphan_cgroup_name("cgroup.procs", id));
    assert_false(orphan_cgroup_name("AAAA" A, id));
}

static void test_when(void **state)
{
    assert_false(orphan_cleanup_due(1000, 1000, 60000, false));
    assert_true(orphan_cleanup_due(61000, 1000, 60000, false));
    assert_false(orphan_cleanup_due(61000, 1000, 60000, true)); /* the controller cleans up soon enough */
    assert_true(orphan_cleanup_due(121000, 1000, 60000, true)); /* the controller has not done it */
}

static void test_images_that_were_not_pulled_are_never_due(void **state)
{
    struct image_memory m = {0};
    assert_false(image_memory_used(&m, 5, "corral-base:latest"));
    assert_null(image_memory_find(&m, "corral-base:latest"));
    image_memory_pulled(&m, 1000, "a b", "sha256:x");
    image_memory_pulled(&m, 1000, "", "sha256:x");
    image_memory_pulled(&m, 1000, "busybox", "");
    assert_int_equal(m.count, 0);
    image_memory_fini(&m);
}

static void test_images_by_their_last_use(void **state)
{
    struct image_memory m = {0};
    image_memory_pulled(&m, 1000, "busybox:1", "sha256:x");
    const struct image_entry *e = image_memory_find(&m, "busybox:1");
    assert_false(image_entry_due(e, 1000, 0)); /* not at the moment of its pull */
    assert_false(image_entry_due(e, 4000, 3001));
    assert_true(image_entry_due(e, 4000, 3000));
    assert_false(image_entry_due(e, 500, 0)); /* the clock was set back */
    assert_false(image_memory_used(&m, 1000 + IMAGE_NOTE_MS - 1, "busybox:1"));
    assert_true(image_memory_used(&m, 1000 + IMAGE_NOTE_MS, "busybox:1"));
    assert_int_equal(e->used_ms, 1000 + IMAGE_NOTE_MS);
    assert_true(image_memory_used(&m, 10, "busybox:1"));
    image_memory_pulled(&m, 20, "busybox:1", "sha256:y"); /* the name means another image now */
    assert_int_equal(m.count, 1);
    assert_string_equal(m.item[0].id, "sha256:y");
    image_memory_forget(&m, "busybox:1");
    image_memory_forget(&m, "busybox:1");
    assert_int_equal(m.count, 0);
    image_memory_fini(&m);
}

static void test_the_longest_unused_image_is_forgotten(void **state)
{
    struct image_memory m = {0};
    char ref[32];
    for (uint64_t i = 0; i <= IMAGE_MEMORY_MAX; i++) {
        snprintf(ref, sizeof ref, "i%d", (int)i);
        image_memory_pulled(&m, i == 7 ? 1 : 100 + i, ref, "sha256:x");
    }
    assert_int_equal(m.count, IMAGE_MEMORY_MAX);
    assert_null(image_memory_find(&m, "i7"));
    assert_non_null(image_memory_find(&m, "i0"));
    image_memory_fini(&m);
}

static void test_the_file_of_images(void **state)
{
    static const char *const bad[] = {"",
                                      "corral-images 2\n",
                                      "corral-images 1\n5 sha256:x busybox",
                                      "corral-images 1\nfive sha256:x busybox\n",
                                      "corral-images 1\n5 busybox\n",
                                      "corral-images 1\n5 sha256:x busybox more\n",
                                      "corral-images 1\n\n"};
    struct image_memory m = {0}, back = {0};
    struct err e;
    image_memory_pulled(&m, 5, "r.example/busybox:1", "sha256:x");
    image_memory_pulled(&m, 1ull << 41, "b", "y");
    char *text = image_memory_format(&m);
    assert_int_equal(image_memory_parse(text, &back, &e), 0);
    assert_int_equal(back.count, 2);
    assert_memory_equal(back.item, m.item, 2 * sizeof *m.item);
    image_memory_fini(&back);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        assert_int_equal(image_memory_parse(bad[i], &back, &e), ERR_PROTOCOL);
        assert_int_equal(back.count, 0);
    }
    free(text);
    image_memory_fini(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_containers),
        cmocka_unit_test(test_files),
        cmocka_unit_test(test_cgroups),
        cmocka_unit_test(test_when),
        cmocka_unit_test(test_images_that_were_not_pulled_are_never_due),
        cmocka_unit_test(test_images_by_their_last_use),
        cmocka_unit_test(test_the_longest_unused_image_is_forgotten),
        cmocka_unit_test(test_the_file_of_images),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
