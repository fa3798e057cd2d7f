/* The parsers on what a kernel with cgroup v2 showed (tests/data/cgroup_v2). */
#include "tests/lib/unit.h"

#include "agent/cgroup/cgroup_parse.h"
#include "agent/cgroup/cgroup_path.h"

#include <stdio.h>

static const char *data; /* tests/data */

static size_t recorded(const char *name, char bytes[static 8192])
{
    char path[512];
    snprintf(path, sizeof path, "%s/cgroup_v2/%s", data, name);
    FILE *f = fopen(path, "re");
    assert_non_null(f);
    size_t len = fread(bytes, 1, 8191, f);
    fclose(f);
    bytes[len] = 0;
    return len;
}

static void test_numbers(void **state)
{
    static const struct {
        const char *name;
        uint64_t value;
    } files[] = {{"memory.current", 9150464}, {"memory.peak", 10452992}, {"memory.high", 64868352},
                 {"memory.max", 67108864},    {"memory.swap.max", 0},    {"pids.current", 2},
                 {"pids.max", 256},           {"cgroup.freeze", 0}};
    char bytes[8192];
    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        uint64_t n = 1;
        size_t len = recorded(files[i].name, bytes);
        assert_true(cgroup_parse_number(bytes, len, &n));
        assert_int_equal(n, files[i].value);
    }
}

static void test_keys(void **state)
{
    static const struct {
        const char *name, *key;
        uint64_t value;
    } keys[] = {{"memory.stat", "anon", 131072},
                {"memory.stat", "file", 8396800},
                {"memory.stat", "inactive_file", 8388608},
                {"memory.stat", "active_file", 8192},
                {"memory.stat", "slab_reclaimable", 334832},
                {"memory.events", "high", 0},
                {"memory.events", "oom_kill", 0},
                {"cpu.stat", "usage_usec", 621171},
                {"cpu.stat", "nr_periods", 132},
                {"cpu.stat", "nr_throttled", 127},
                {"cgroup.events", "populated", 1}};
    char bytes[8192];
    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        uint64_t n = 1;
        size_t len = recorded(keys[i].name, bytes);
        assert_true(cgroup_parse_key(bytes, len, keys[i].key, &n));
        assert_int_equal(n, keys[i].value);
    }
}

static void test_pressure(void **state)
{
    static const struct {
        const char *name;
        uint32_t centi;
    } files[] = {{"cpu.pressure", 416}, {"memory.pressure", 0}, {"io.pressure", 0}};
    char bytes[8192];
    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        uint32_t centi = 1;
        size_t len = recorded(files[i].name, bytes);
        assert_true(cgroup_parse_pressure(bytes, len, &centi));
        assert_int_equal(centi, files[i].centi);
    }
}

static void test_paths(void **state)
{
    static const char folder[] = "/sys/fs/cgroup/corral-dd5edd-1/"
                                 "b8d03c95868f8fc2ebfcd59260f31b5f2df9f50c36371955169bd6d60af29056";
    char proc_cgroup[8192], mountinfo[8192];
    struct cgroup_paths p;
    struct err e;
    recorded("proc_cgroup", proc_cgroup);
    recorded("mountinfo", mountinfo);
    assert_int_equal(cgroup_paths_parse(proc_cgroup, mountinfo, &p, &e), 0);
    assert_true(p.v2);
    assert_string_equal(p.unified, folder);
    for (int i = 0; i < CGROUP_COUNT; i++)
        assert_string_equal(p.folder[i], folder);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_numbers), cmocka_unit_test(test_keys),
                                       cmocka_unit_test(test_pressure), cmocka_unit_test(test_paths)};
    data = argc > 1 ? argv[1] : "tests/data";
    return cmocka_run_group_tests(tests, NULL, NULL);
}
