#include "tests/lib/unit.h"

#include "agent/cgroup/cgroup_path.h"

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

/* gVisor's: what is done through the unified cgroup would be done to Docker itself. */
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

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_hybrid),
                                       cmocka_unit_test(test_hybrid_with_v1_only), cmocka_unit_test(test_v2),
                                       cmocka_unit_test(test_strange_bytes)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
