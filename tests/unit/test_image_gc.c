#include "agent/core/image_gc.h"

#include "tests/lib/unit.h"

#include <stdio.h>

#define HOUR_MS 3600000u
#define GB      ((uint64_t)1 << 30)
#define NOW     (1000 * (uint64_t)HOUR_MS)
#define MANY    1024

static struct gc_image image(const char *ref, const char *id, uint64_t gb, uint64_t unused_hours)
{
    return (struct gc_image){
        .ref = ref, .id = id, .size_bytes = gb * GB, .used_ms = NOW - unused_hours * HOUR_MS, .pulled = true};
}

/* A disk of 100 GB of which so many are in use; marks at 85 and 80 percent. */
static struct gc_rules rules(uint64_t used_gb)
{
    return (struct gc_rules){.keep_ms = 168 * (uint64_t)HOUR_MS,
                             .disk_bytes = 100 * GB,
                             .disk_free_bytes = (100 - used_gb) * GB,
                             .high_percent = 85,
                             .low_percent = 80};
}

/* The first letters of the names that go, in order. */
static const char *gone(const struct gc_rules *rules, const struct gc_image *images, size_t count)
{
    static char out[MANY + 1];
    static enum gc_reason reasons[MANY];
    static size_t order[MANY];
    size_t n = image_gc(NOW, rules, images, count, reasons, order);
    for (size_t i = 0; i < n; i++)
        out[i] = images[order[i]].ref[0];
    out[n] = 0;
    return out;
}

static void test_age(void **state)
{
    struct gc_rules r = rules(10);
    struct gc_image images[] = {image("b", "2", 1, 168), image("c", "3", 1, 167), image("a", "1", 1, 900)};
    assert_string_equal(gone(&r, images, 3), "ab");
    assert_string_equal(gone(&r, images, 0), "");
}

static void test_what_never_goes(void **state)
{
    struct gc_rules r = rules(99);
    struct gc_image images[] = {image("a", "1", 50, 900), image("b", "2", 50, 900), image("c", "3", 50, 900),
                                image("d", "4", 1, 900)};
    images[0].pulled = false;
    images[1].in_use = true;
    images[2].kept = true;
    assert_string_equal(gone(&r, images, 4), "d");
}

static void test_disk_oldest_first_down_to_the_low_mark(void **state)
{
    struct gc_image images[] = {image("n", "1", 4, 1), image("o", "2", 4, 30), image("p", "3", 4, 20),
                                image("q", "4", 4, 2)};
    struct gc_rules r = rules(85);
    assert_string_equal(gone(&r, images, 4), ""); /* at the high mark, not above it */
    r = rules(86);
    assert_string_equal(gone(&r, images, 4), "op"); /* 6 GB have to go */
    r = rules(92);
    assert_string_equal(gone(&r, images, 4), "opq");
    r = rules(100);
    assert_string_equal(gone(&r, images, 4), "opqn"); /* all that may go is not enough */
}

static void test_age_counts_for_the_disk(void **state)
{
    struct gc_rules r = rules(90);
    struct gc_image images[] = {image("a", "1", 10, 200), image("b", "2", 10, 100)};
    assert_string_equal(gone(&r, images, 2), "a");
    images[0].size_bytes = 9 * GB;
    assert_string_equal(gone(&r, images, 2), "ab");
}

static void test_fresh_ones_stay_on_a_full_disk(void **state)
{
    struct gc_rules r = rules(100);
    struct gc_image images[] = {image("a", "1", 10, 0), image("b", "2", 10, 0)};
    images[0].used_ms = NOW - IMAGE_GC_FRESH_MS + 1;
    images[1].used_ms = NOW - IMAGE_GC_FRESH_MS;
    assert_string_equal(gone(&r, images, 2), "b");
}

static void test_names_of_one_image(void **state)
{
    struct gc_rules r = rules(86);
    struct gc_image images[] = {image("a", "1", 6, 30), image("b", "1", 6, 10), image("c", "2", 6, 20),
                                image("d", "3", 6, 5)};
    assert_string_equal(gone(&r, images, 4),
                        "ac"); /* the first name frees nothing, the second image enough */
    images[1].kept = true;
    assert_string_equal(gone(&r, images, 4),
                        "c"); /* its bytes stay with its other name: no use in removing */
    images[0].used_ms = NOW - 200 * (uint64_t)HOUR_MS;
    assert_string_equal(gone(&r, images, 4), "ac"); /* for its age its name goes, and frees nothing */
}

static void test_clocks_and_strange_disks(void **state)
{
    struct gc_rules r = rules(10);
    struct gc_image images[] = {image("a", "1", 1, 900)};
    images[0].used_ms = NOW + 1; /* the clock was set back */
    r.keep_ms = 0;
    assert_string_equal(gone(&r, images, 1), "");
    images[0].used_ms = NOW - HOUR_MS;
    r.keep_ms = UINT64_MAX;
    r.disk_bytes = r.disk_free_bytes = 0; /* not known */
    assert_string_equal(gone(&r, images, 1), "");
    r.disk_bytes = 100;
    r.disk_free_bytes = UINT64_MAX;
    assert_int_equal(image_gc_excess(&r), 0);
    r = rules(90);
    r.low_percent = 99; /* above the high mark */
    assert_int_equal(image_gc_excess(&r), 5 * GB);
    r = (struct gc_rules){.disk_bytes = UINT64_MAX, .high_percent = 85, .low_percent = 0};
    assert_true(image_gc_excess(&r) > UINT64_MAX / 100 * 99);
}

/* As many names as the agent remembers, of few images: quick, and each listed once. */
static void test_many(void **state)
{
    static struct gc_image images[MANY];
    static char refs[MANY][16], ids[7][4];
    struct gc_rules r = rules(100);
    for (size_t i = 0; i < MANY; i++) {
        snprintf(refs[i], sizeof refs[i], "x%zu", i);
        snprintf(ids[i % 7], sizeof ids[0], "%zu", i % 7);
        images[i] = image(refs[i], ids[i % 7], 1, 1 + i % 100);
    }
    assert_int_equal(strlen(gone(&r, images, MANY)), MANY);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_age),
        cmocka_unit_test(test_what_never_goes),
        cmocka_unit_test(test_disk_oldest_first_down_to_the_low_mark),
        cmocka_unit_test(test_age_counts_for_the_disk),
        cmocka_unit_test(test_fresh_ones_stay_on_a_full_disk),
        cmocka_unit_test(test_names_of_one_image),
        cmocka_unit_test(test_clocks_and_strange_disks),
        cmocka_unit_test(test_many),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
