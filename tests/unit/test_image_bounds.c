#include "agent/core/image_bounds.h"

#include "tests/lib/unit.h"

#include <stdio.h>

static char why[NODE_DETAIL_MAX + 1];

static bool volume_fits(const char *path)
{
    struct image_facts facts = {0};
    string_list_add(&facts.volumes, path);
    bool fits = image_fits(&facts, false, why);
    string_list_fini(&facts.volumes);
    return fits;
}

static void test_volumes_by_path(void **state)
{
    static const char *const good[] = {"/data",      "/data/",   "/a/b//",      "/.hidden",   "/..x",
                                       "/workspace", "/dev/shm", "/.corralled", "/procedures"};
    static const char *const bad[] = {"",        "data",    "./data", "/",         "//",       "/a//b",
                                      "/./a",    "/a/../b", "/a/..",  "/a/.",      "/.corral", "/proc",
                                      "/proc/1", "/sys/",   "//tmp",  "/.corral/x"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        assert_true(volume_fits(good[i]));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        if (volume_fits(bad[i]))
            fail_msg("%s fits", bad[i]);
    }
    char path[IMAGE_PATH_MAX + 2];
    memset(path, 'a', sizeof path - 1);
    path[0] = '/';
    path[IMAGE_PATH_MAX + 1] = 0;
    assert_false(volume_fits(path));
    assert_non_null(strstr(why, "longer than 511 bytes"));
    path[IMAGE_PATH_MAX] = 0;
    assert_true(volume_fits(path));
}

static void test_as_many_volumes_as_there_are_folders(void **state)
{
    struct image_facts facts = {0};
    for (int i = 0; i < IMAGE_VOLUMES_MAX; i++) {
        char path[16];
        snprintf(path, sizeof path, "/v%d", i);
        string_list_add(&facts.volumes, path);
    }
    assert_true(image_fits(&facts, true, why));
    string_list_add(&facts.volumes, "/more");
    assert_false(image_fits(&facts, true, why));
    assert_string_equal(why, "its image declares 33 volumes; at most 32 can be on a sandbox's disk");
    string_list_fini(&facts.volumes);
}

static void test_its_command_counts_where_it_is_run(void **state)
{
    struct image_facts facts = {.working_dir_long = true};
    assert_true(image_fits(&facts, false, why));
    assert_false(image_fits(&facts, true, why));
    facts.working_dir_long = false;
    for (int i = 0; i < IMAGE_WORDS_MAX; i++)
        string_list_add(&facts.entrypoint, "x");
    assert_true(image_fits(&facts, true, why));
    string_list_add(&facts.command, "x");
    assert_false(image_fits(&facts, true, why));
    assert_true(image_fits(&facts, false, why));
    string_list_fini(&facts.entrypoint);
    string_list_fini(&facts.command);
}

static void test_environment_and_labels(void **state)
{
    struct image_facts facts = {.env_count = IMAGE_ENV_MAX, .env_bytes = IMAGE_ENV_BYTES_MAX};
    assert_true(image_fits(&facts, false, why));
    facts.env_bytes++;
    assert_false(image_fits(&facts, false, why));
    facts = (struct image_facts){.env_count = IMAGE_ENV_MAX + 1};
    assert_false(image_fits(&facts, false, why));
    facts = (struct image_facts){.port_count = IMAGE_PORTS_MAX};
    assert_true(image_fits(&facts, false, why));
    facts.port_count++;
    assert_false(image_fits(&facts, false, why));
    assert_string_equal(why, "its image exposes 20001 ports; at most 20000 are taken");
    facts = (struct image_facts){.label_bytes = IMAGE_LABEL_BYTES_MAX + 1};
    assert_false(image_fits(&facts, false, why));
    facts = (struct image_facts){.has_own_label = true};
    assert_false(image_fits(&facts, false, why));
}

static void test_same_folder(void **state)
{
    assert_true(image_same_folder("/tmp", "/tmp///"));
    assert_false(image_same_folder("/tmp", "/tmpx"));
    assert_true(image_same_folder("/", "//"));
}

static void test_size_and_room(void **state)
{
    assert_true(image_size_fits(10 << 20, 10 << 20, why));
    assert_true(image_size_fits(UINT64_MAX, 0, why));
    assert_false(image_size_fits((10 << 20) + 1, 10 << 20, why));
    assert_string_equal(why, "its image is larger than 10.0 MiB, which is the most that its host pulls");
    assert_false(image_size_fits(UINT64_MAX, UINT64_MAX - 1, why));
    assert_true(image_has_room(5, 5, why) && image_has_room(0, 0, why));
    assert_false(image_has_room(4, 5, why));
    assert_string_equal(why,
                        "its host has too little free disk to pull its image: 4 bytes, of which 5 are kept");
}

static void test_names(void **state)
{
#define DIGEST "@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
    struct string_list names = {0};
    static const struct {
        const char *asked;
        bool has;
    } rows[] = {{"alpine", true},
                {"docker.io/library/alpine:latest", true},
                {"alpine:3", false},
                {"127.0.0.1:5000/x" DIGEST, true},
                {"127.0.0.1:5000/x:1" DIGEST, true},
                {"127.0.0.1:5000/x", false},
                {"x" DIGEST, false},
                {"8997", false}};
    struct image_ref ref;
    assert_true(image_ref_parse("alpine", &ref));
    assert_false(image_has_name(&names, &ref));
    string_list_add(&names, "<none>:<none>");
    string_list_add(&names, "alpine:latest");
    string_list_add(&names, "127.0.0.1:5000/x" DIGEST);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_true(image_ref_parse(rows[i].asked, &ref));
        if (image_has_name(&names, &ref) != rows[i].has)
            fail_msg("%s", rows[i].asked);
    }
    string_list_fini(&names);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_volumes_by_path),
        cmocka_unit_test(test_as_many_volumes_as_there_are_folders),
        cmocka_unit_test(test_its_command_counts_where_it_is_run),
        cmocka_unit_test(test_environment_and_labels),
        cmocka_unit_test(test_same_folder),
        cmocka_unit_test(test_size_and_room),
        cmocka_unit_test(test_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
