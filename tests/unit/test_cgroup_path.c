#include "tests/lib/unit.h"

#include "agent/cgroup/cgroup_path.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static const char hybrid_mounts[] =
    "30 24 0:26 / /sys/fs/cgroup/memory rw shared:1 - cgroup cgroup rw,memory\n"
    "31 24 0:27 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n"
    "32 24 0:28 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n";
static const char hybrid_proc[] = "5:cpu,cpuacct:/p/c1\n4:memory:/p/c1\n1:name=systemd:/x\n0::/p/c1\n";

static void test_hybrid(void **state)
{
    struct cgroup_paths p;
    struct err e;
    assert_int_equal(cgroup_paths_parse(hybrid_proc, hybrid_mounts, &p, &e), 0);
    assert_false(p.v2);
    assert_string_equal(p.folder[CGROUP_MEMORY], "/sys/fs/cgroup/memory/p/c1");
    assert_string_equal(p.folder[CGROUP_CPUACCT], "/sys/fs/cgroup/cpu,cpuacct/p/c1");
    assert_string_equal(p.folder[CGROUP_PIDS], "");
    assert_string_equal(p.unified, "/sys/fs/cgroup/unified/p/c1");
}

/* gVisor puts its processes there: an act through the unified cgroup would hit Docker itself. */
static void test_hybrid_with_v1_only(void **state)
{
    struct cgroup_paths p;
    struct err e;
    static const char *const procs[] = {"4:memory:/docker/c1\n0::/system.slice/docker.service\n",
                                        "4:memory:/docker/c1\n0::/\n", "4:memory:/docker/c1\n"};
    for (size_t i = 0; i < ARRAY_LEN(procs); i++) {
        assert_int_equal(cgroup_paths_parse(procs[i], hybrid_mounts, &p, &e), 0);
        assert_string_equal(p.folder[CGROUP_MEMORY], "/sys/fs/cgroup/memory/docker/c1");
        assert_string_equal(p.unified, "");
    }
}

static void test_v2(void **state)
{
    struct cgroup_paths p;
    struct err e;
    assert_int_equal(cgroup_paths_parse("0::/a\n", "1 2 0:1 / /sys/fs/cgroup rw - cgroup2 none rw\n", &p, &e),
                     0);
    assert_true(p.v2);
    assert_string_equal(p.folder[CGROUP_PIDS], "/sys/fs/cgroup/a");
}

static void test_strange_bytes(void **state)
{
    struct cgroup_paths p;
    struct err e;
    static const char *const texts[] = {"", "\n\n", ":", "::", "4:memory:/../x\n", "4:memory", "0::"};
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        assert_int_equal(cgroup_paths_parse(texts[i], "", &p, &e), ERR_NOT_FOUND);
        assert_int_equal(cgroup_paths_parse("4:memory:/x\n", texts[i], &p, &e), ERR_NOT_FOUND);
    }
    assert_int_equal(cgroup_paths_parse("4:memory:/../x\n", hybrid_mounts, &p, &e), ERR_NOT_FOUND);
}

/* --- by the container's id --- */

#define ID    "8ef7e2e9cc2d09327ab9d0145e89ba2892fa2c2bf7edafdfbe67fedf3e3c40ad"
#define OTHER "1111111111111111111111111111111111111111111111111111111111111111"

static const char *data;

/* The same paths as by the process, in each of the recorded systems. */
static void test_by_container_in_recorded_trees(void **state)
{
    static const char *const trees[] = {"hybrid", "v1", "v2"};
    for (size_t i = 0; i < ARRAY_LEN(trees); i++) {
        char root[512];
        struct cgroup_paths by_process, p;
        struct cgroup_mounts mounts;
        struct err e;
        snprintf(root, sizeof root, "%s/cgroup/%s", data, trees[i]);
        assert_int_equal(cgroup_paths_of(root, 1000, &by_process, &e), 0);
        assert_true(cgroup_paths_carry(&by_process, ID));
        assert_false(cgroup_paths_carry(&by_process, OTHER));
        assert_int_equal(cgroup_mounts_read(root, &mounts, &e), 0);
        const char *parent = strstr(by_process.folder[CGROUP_MEMORY], "/docker-") ? NULL : "/corral";
        assert_int_equal(cgroup_paths_of_container(&mounts, parent, ID, &p, &e), 0);
        assert_string_equal(p.folder[CGROUP_MEMORY], by_process.folder[CGROUP_MEMORY]);
        assert_string_equal(p.folder[CGROUP_PIDS], by_process.folder[CGROUP_PIDS]);
        assert_string_equal(p.unified, by_process.unified);
        assert_int_equal(p.v2, by_process.v2);
        assert_int_equal(cgroup_paths_of_container(&mounts, parent, OTHER, &p, &e), ERR_NOT_FOUND);
        assert_int_equal(cgroup_paths_of_container(&mounts, "/elsewhere", ID, &p, &e), ERR_NOT_FOUND);
        assert_int_equal(cgroup_paths_of_container(&mounts, parent, "", &p, &e), ERR_NOT_FOUND);
        assert_int_equal(cgroup_paths_of_container(&mounts, parent, "..", &p, &e), ERR_NOT_FOUND);
    }
}

/* A slice of systemd lies within the slice that its name begins with. */
static void test_by_container_in_slices(void **state)
{
    char root[] = "/tmp/corral-slices-XXXXXX", command[1024];
    struct cgroup_mounts mounts;
    struct cgroup_paths p;
    struct err e;
    assert_non_null(mkdtemp(root));
    snprintf(command, sizeof command,
             "cd %s && mkdir -p proc/self cg/a.slice/a-b.slice/docker-" ID ".scope cg/docker/" ID
             " cg/system.slice/docker-" OTHER ".scope && "
             "echo '1 2 0:1 / /cg rw - cgroup2 none rw' >proc/self/mountinfo",
             root);
    assert_int_equal(system(command), 0);
    assert_int_equal(cgroup_mounts_read(root, &mounts, &e), 0);
    assert_int_equal(cgroup_paths_of_container(&mounts, "a-b.slice", ID, &p, &e), 0);
    assert_string_equal(p.unified + strlen(root), "/cg/a.slice/a-b.slice/docker-" ID ".scope");
    assert_int_equal(cgroup_paths_of_container(&mounts, NULL, ID, &p, &e), 0);
    assert_string_equal(p.unified + strlen(root), "/cg/docker/" ID);
    assert_int_equal(cgroup_paths_of_container(&mounts, "", OTHER, &p, &e), 0);
    assert_string_equal(p.unified + strlen(root), "/cg/system.slice/docker-" OTHER ".scope");
    snprintf(command, sizeof command, "rm -r %s", root);
    assert_int_equal(system(command), 0);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_hybrid),
                                       cmocka_unit_test(test_hybrid_with_v1_only),
                                       cmocka_unit_test(test_v2),
                                       cmocka_unit_test(test_strange_bytes),
                                       cmocka_unit_test(test_by_container_in_recorded_trees),
                                       cmocka_unit_test(test_by_container_in_slices)};
    data = argc > 1 ? argv[1] : "tests/data";
    return cmocka_run_group_tests(tests, NULL, NULL);
}
