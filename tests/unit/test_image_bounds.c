#include "agent/core/image_bounds.h"

#include "tests/lib/unit.h"

#include <stdio.h>

static char why[NODE_DETAIL_MAX + 1];

static bool fits(const struct image_facts *facts, bool own_command)
{
    struct image_use use = {.own_command = own_command, .words = 1, .arch = "amd64"};
    return image_fits(facts, &use, why);
}

static bool volume_fits(const char *path)
{
    struct image_facts facts = {0};
    string_list_add(&facts.volumes, path);
    bool good = fits(&facts, false);
    string_list_fini(&facts.volumes);
    return good;
}

static void test_volumes_by_path(void **state)
{
    static const char *const good[] = {"/data", "/data/",     "/a/b//",   "/.hidden",    "/..x",
                                       "/a//b", "/workspace", "/dev/shm", "/.corralled", "/procedures",
                                       "//tmp", "/./a",       "/a/../b",  "/a/.",        "/../tmp"};
    static const char *const bad[] = {"",           "data",       "./data",  "/",       "//",
                                      "/a/..",      "/.corral",   "/proc",   "/proc/1", "/sys/",
                                      "/.corral/x", "/a/../proc", "/../sys", "//proc",  "/./.corral/."};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        assert_true(volume_fits(good[i]));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        if (volume_fits(bad[i]))
            fail_msg("%s fits", bad[i]);
    }
    char path[IMAGE_PATH_MAX + 2];
    memset(path, 'a', sizeof path - 1);
    path[0] = path[256] = '/';
    path[IMAGE_PATH_MAX + 1] = 0;
    assert_false(volume_fits(path));
    assert_non_null(strstr(why, "longer than 511 bytes"));
    path[IMAGE_PATH_MAX] = 0;
    assert_true(volume_fits(path));
}

/* No node can create such a folder: it is not the node's fault. */
static void test_names_that_no_folder_can_have(void **state)
{
    char path[300] = "/workspace/";
    memset(path + 11, 'a', 256);
    assert_false(volume_fits(path));
    assert_string_equal(why,
                        "its image declares a volume with a name in its path that is longer than 255 bytes");
    path[11 + 255] = 0;
    assert_true(volume_fits(path));
    struct image_facts facts = {0};
    string_list_add(&facts.command, "x");
    strcpy(facts.working_dir, path);
    assert_true(fits(&facts, true));
    strcat(facts.working_dir, "a/b");
    assert_false(fits(&facts, true));
    assert_true(fits(&facts, false));
    string_list_fini(&facts.command);
}

static void test_a_working_folder_that_is_not_used_is_left(void **state)
{
    struct image_facts facts = {.working_dir_long = true};
    memset(facts.working_dir, 'a', IMAGE_PATH_MAX);
    image_tidy(&facts);
    assert_true(facts.working_dir_long);
    assert_int_equal(strspn(facts.working_dir, "a"), IMAGE_PATH_MAX);
}

static void test_as_many_volumes_as_there_are_folders(void **state)
{
    struct image_facts facts = {0};
    for (int i = 0; i < IMAGE_VOLUMES_MAX; i++) {
        char path[16];
        snprintf(path, sizeof path, "/v%d", i);
        string_list_add(&facts.volumes, path);
    }
    assert_true(fits(&facts, true));
    string_list_add(&facts.volumes, "/more");
    assert_false(fits(&facts, true));
    assert_string_equal(why, "its image declares 33 volumes; at most 32 can be on a sandbox's disk");
    string_list_fini(&facts.volumes);
}

static void test_its_command_counts_where_it_is_run(void **state)
{
    struct image_facts facts = {.working_dir_long = true};
    assert_true(fits(&facts, false));
    assert_false(fits(&facts, true));
    facts.working_dir_long = false;
    for (int i = 0; i < IMAGE_WORDS_MAX; i++)
        string_list_add(&facts.entrypoint, "x");
    assert_true(fits(&facts, true));
    string_list_add(&facts.command, "x");
    assert_false(fits(&facts, true));
    assert_true(fits(&facts, false));
    string_list_fini(&facts.entrypoint);
    string_list_fini(&facts.command);
}

static void test_environment_and_labels(void **state)
{
    struct image_facts facts = {.env_count = IMAGE_ENV_MAX, .env_bytes = IMAGE_ENV_BYTES_MAX};
    assert_true(fits(&facts, false));
    facts.env_bytes++;
    assert_false(fits(&facts, false));
    facts = (struct image_facts){.env_count = IMAGE_ENV_MAX + 1};
    assert_false(fits(&facts, false));
    facts = (struct image_facts){.port_count = IMAGE_PORTS_MAX};
    assert_true(fits(&facts, false));
    facts.port_count++;
    assert_false(fits(&facts, false));
    assert_string_equal(why, "its image exposes 20001 ports; at most 20000 are taken");
    facts = (struct image_facts){.label_bytes = IMAGE_LABEL_BYTES_MAX + 1};
    assert_false(fits(&facts, false));
    facts = (struct image_facts){.has_own_label = true};
    assert_false(fits(&facts, false));
}

static void test_clean_paths(void **state)
{
    static const char *const rows[][2] = {
        {"/", "/"},
        {"//", "/"},
        {"/data/", "/data"},
        {"/./tmp", "/tmp"},
        {"//a//b/", "/a/b"},
        {"/a/../b", "/b"},
        {"/a/b/../../c", "/c"},
        {"/..", "/"},
        {"/../../x/.", "/x"},
        {"/a/...", "/a/..."},
        {"/..x/.y", "/..x/.y"},
        {"/a/./b/../..", "/"},
        {"/aa/../../b", "/b"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char path[64];
        strcpy(path, rows[i][0]);
        image_clean_path(path);
        assert_string_equal(path, rows[i][1]);
    }
    assert_true(image_is_in("/a", "/a") && image_is_in("/a/b", "/a") && !image_is_in("/ab", "/a"));
}

static void test_each_volume_once(void **state)
{
    struct image_facts facts = {.working_dir = "/srv//app/"};
    static const char *const paths[] = {"/data", "/data/", "/./tmp", "/x/../data", "/data2"};
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++)
        string_list_add(&facts.volumes, paths[i]);
    image_tidy(&facts);
    assert_int_equal(facts.volumes.count, 3);
    assert_string_equal(facts.volumes.item[0], "/data");
    assert_string_equal(facts.volumes.item[1], "/tmp");
    assert_string_equal(facts.volumes.item[2], "/data2");
    assert_string_equal(facts.working_dir, "/srv/app");
    string_list_fini(&facts.volumes);
}

static void test_platforms(void **state)
{
    static const struct {
        const char *os, *arch, *host;
        bool good, narrow_good;
    } rows[] = {{"linux", "amd64", "amd64", true, true},     {"", "", "amd64", true, true},
                {"linux", "amd64", "", true, true},          {"linux", "386", "amd64", false, true},
                {"linux", "arm", "arm64", false, true},      {"linux", "386", "386", true, true},
                {"linux", "386", "arm64", false, false},     {"linux", "arm64", "amd64", false, false},
                {"windows", "amd64", "amd64", false, false}, {"linux", "amd64", "arm64", false, false},
                {"linux", "arm64", "arm", false, false}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct image_facts facts = {0};
        struct image_use use = {.arch = rows[i].host};
        strcpy(facts.os, rows[i].os);
        strcpy(facts.arch, rows[i].arch);
        assert_int_equal(image_fits(&facts, &use, why), rows[i].good);
        use.narrow_calls = true;
        assert_int_equal(image_fits(&facts, &use, why), rows[i].narrow_good);
    }
    assert_string_equal(why, "its image is for processors of arm64, and its node's is of arm");
}

static void test_a_command_that_there_is_not(void **state)
{
    struct image_facts facts = {0};
    struct image_use use = {.own_command = true, .arch = ""};
    assert_false(image_fits(&facts, &use, why));
    assert_string_equal(why, "its image has no command of its own that could be run");
    use.words = 1;
    assert_true(image_fits(&facts, &use, why));
    strcpy(facts.working_dir, "app");
    assert_false(image_fits(&facts, &use, why));
    use.own_command = false;
    assert_true(image_fits(&facts, &use, why));
}

static void test_size_and_room(void **state)
{
    assert_true(image_size_fits(10 << 20, 10 << 20, why));
    assert_true(image_size_fits(UINT64_MAX, 0, why));
    assert_false(image_size_fits((10 << 20) + 1, 10 << 20, why));
    assert_string_equal(why, "its image is larger than 10.0 MiB, which is the most that its node pulls");
    assert_false(image_size_fits(UINT64_MAX, UINT64_MAX - 1, why));
    assert_true(image_has_room(5, 5, why) && image_has_room(0, 0, why));
    assert_false(image_has_room(4, 5, why));
    assert_string_equal(why,
                        "its node has too little free disk to pull its image: 5 bytes of it are kept free");
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
        cmocka_unit_test(test_names_that_no_folder_can_have),
        cmocka_unit_test(test_a_working_folder_that_is_not_used_is_left),
        cmocka_unit_test(test_as_many_volumes_as_there_are_folders),
        cmocka_unit_test(test_its_command_counts_where_it_is_run),
        cmocka_unit_test(test_environment_and_labels),
        cmocka_unit_test(test_clean_paths),
        cmocka_unit_test(test_each_volume_once),
        cmocka_unit_test(test_platforms),
        cmocka_unit_test(test_a_command_that_there_is_not),
        cmocka_unit_test(test_size_and_room),
        cmocka_unit_test(test_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
