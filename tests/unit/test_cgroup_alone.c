/* Whether nobody but the init is in a sandbox's cgroups, and its limits of processes, on both versions. */
#include "agent/cgroup/cgroup_kill.h"
#include "agent/cgroup/cgroup_limit.h"

#include "tests/lib/unit.h"

#include <stdio.h>
#include <unistd.h>

static char dir[64];
static struct cgroup_paths paths;

static void put(const char *name, const char *text)
{
    char path[128];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    FILE *f = fopen(path, "we");
    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    assert_int_equal(fclose(f), 0);
}

static const char *get(const char *name)
{
    static char text[64];
    char path[128];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    FILE *f = fopen(path, "re");
    assert_non_null(f);
    text[fread(text, 1, sizeof text - 1, f)] = 0;
    fclose(f);
    return text;
}

/* A folder that stands for all hierarchies. */
static int begin(void **state)
{
    snprintf(dir, sizeof dir, "/tmp/corral-test-XXXXXX");
    assert_non_null(mkdtemp(dir));
    memset(&paths, 0, sizeof paths);
    for (size_t i = 0; i < CGROUP_COUNT; i++)
        snprintf(paths.folder[i], sizeof paths.folder[i], "%s", dir);
    put("cgroup.procs", "77\n");
    put("pids.max", "");
    return 0;
}

static int end(void **state)
{
    static const char *const names[] = {"cgroup.procs", "pids.max", "freezer.state", "cgroup.freeze"};
    char path[128];
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        snprintf(path, sizeof path, "%s/%s", dir, names[i]);
        unlink(path);
    }
    return rmdir(dir);
}

static void test_another_process(void **state)
{
    assert_true(cgroup_is_alone(&paths, 77));
    assert_false(cgroup_is_alone(&paths, 7));
    put("cgroup.procs", "77\n78\n");
    assert_false(cgroup_is_alone(&paths, 77));
    put("cgroup.procs", "");
    assert_false(cgroup_is_alone(&paths, 77));
    paths.folder[CGROUP_MEMORY][0] = 0;
    assert_false(cgroup_is_alone(&paths, 77));
}

static void test_a_freezer_of_version_1(void **state)
{
    put("freezer.state", "THAWED\n");
    assert_true(cgroup_is_alone(&paths, 77));
    put("freezer.state", "FREEZING\n");
    assert_false(cgroup_is_alone(&paths, 77));
    put("freezer.state", "FROZEN\n");
    assert_false(cgroup_is_alone(&paths, 77));
}

static void test_a_freezer_of_version_2(void **state)
{
    paths.v2 = true;
    snprintf(paths.unified, sizeof paths.unified, "%s", dir);
    put("cgroup.freeze", "0\n");
    assert_true(cgroup_is_alone(&paths, 77));
    put("cgroup.freeze", "1\n");
    assert_false(cgroup_is_alone(&paths, 77));
}

static void test_the_number_of_processes(void **state)
{
    struct err e;
    assert_int_equal(cgroup_limit_pids(&paths, 128, &e), 0);
    assert_string_equal(get("pids.max"), "128");
    assert_int_equal(cgroup_limit_pids(&paths, 0, &e), 0);
    assert_memory_equal(get("pids.max"), "max", 3);
    paths.folder[CGROUP_PIDS][0] = 0;
    assert_int_equal(cgroup_limit_pids(&paths, 128, &e), ERR_CONFLICT);
}

int main(void)
{
#define EACH(test) cmocka_unit_test_setup_teardown(test, begin, end)
    const struct CMUnitTest tests[] = {
        EACH(test_another_process),
        EACH(test_a_freezer_of_version_1),
        EACH(test_a_freezer_of_version_2),
        EACH(test_the_number_of_processes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
