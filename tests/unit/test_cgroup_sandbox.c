/* The sampler on recorded trees (tests/data/cgroup), and on copies of them in which the files change. */
#include "agent/cgroup/cgroup_sandbox.h"
#include "tests/lib/unit.h"

#include <ftw.h>
#include <glob.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

#define PID 1000

static const char *data; /* tests/data */
static const struct sandbox_limits limits = {.memory_bytes = 67108864, .cpu_millis = 500, .pids = 64};
static struct err e;

static int open_sandbox(struct cgroup_sandbox **sandbox, const char *root)
{
    struct cgroup_paths paths;
    int rc = cgroup_paths_of(root, PID, &paths, &e);
    return rc ? rc : cgroup_sandbox_open(sandbox, &paths, root, PID, &e);
}

/* --- recorded trees --- */

static void read_tree(const char *tree, struct sample *s)
{
    char root[512];
    struct cgroup_sandbox *sandbox;
    snprintf(root, sizeof root, "%s/cgroup/%s", data, tree);
    *s = (struct sample){0};
    assert_int_equal(open_sandbox(&sandbox, root), 0);
    assert_int_equal(cgroup_sandbox_sample(sandbox, 5000, &limits, s, &e), 0);
    cgroup_sandbox_close(sandbox);
}

static void test_recorded_trees(void **state)
{
    static const struct {
        const char *tree;
        struct sample s;
    } cases[] = {
        {"hybrid",
         {.memory_used_bytes = 9666560,
          .memory_working_set_bytes = 1277952,
          .memory_unreclaimable_bytes = 1249280,
          .memory_peak_bytes = 10702848,
          .cpu_usage_ns = 273472684,
          .pids = 2,
          .io_read_bytes = SAMPLE_NO_IO,
          .io_write_bytes = SAMPLE_NO_IO,
          .cpu_some_centi = 3}},
        {"v1",
         {.memory_used_bytes = 9666560,
          .memory_working_set_bytes = 1277952,
          .memory_unreclaimable_bytes = 1249280,
          .memory_peak_bytes = 10702848,
          .cpu_usage_ns = 273472684,
          .pids = 2,
          .io_read_bytes = 4399104,
          .io_write_bytes = 8392704,
          .rx_bytes = 83214,
          .rx_packets = 702,
          .tx_bytes = 51220,
          .tx_packets = 655,
          .memory_some_centi = SAMPLE_NO_PRESSURE,
          .cpu_some_centi = SAMPLE_NO_PRESSURE,
          .io_some_centi = SAMPLE_NO_PRESSURE}},
        {"v2",
         {.memory_used_bytes = 61865984,
          .memory_working_set_bytes = 49283072,
          .memory_unreclaimable_bytes = 42991616,
          .memory_peak_bytes = 64225280,
          .oom_kills = 1,
          .cpu_usage_ns = 5284113000,
          .pids = 3,
          .io_read_bytes = 4403200,
          .io_write_bytes = 8396800,
          .rx_bytes = 83214,
          .rx_packets = 702,
          .tx_bytes = 51220,
          .tx_packets = 655,
          .memory_some_centi = 125,
          .cpu_some_centi = 1250,
          .io_some_centi = 31}},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct sample desired = cases[i].s, got;
        desired.memory_limit_bytes = limits.memory_bytes;
        desired.cpu_limit_millis = limits.cpu_millis;
        desired.pids_limit = limits.pids;
        read_tree(cases[i].tree, &got);
        print_message("%s\n", cases[i].tree);
        assert_memory_equal(&got, &desired, sizeof got);
    }
}

/* --- files that change --- */

struct copy {
    char root[64];
    struct cgroup_sandbox *sandbox;
    uint64_t now;
};

static void copy_open(struct copy *c, const char *tree)
{
    char command[1024];
    *c = (struct copy){.root = "/tmp/corral-cgroup-XXXXXX", .now = 10000};
    assert_non_null(mkdtemp(c->root));
    snprintf(command, sizeof command, "cp -r %s/cgroup/%s/. %s", data, tree, c->root);
    assert_int_equal(system(command), 0);
    assert_int_equal(open_sandbox(&c->sandbox, c->root), 0);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    return remove(path);
}

static void copy_close(struct copy *c)
{
    cgroup_sandbox_close(c->sandbox);
    assert_int_equal(nftw(c->root, remove_one, 16, FTW_DEPTH | FTW_PHYS), 0);
}

/* Writes in place, so that open descriptors see it. name: the end of the path, with '*' for a folder. */
static void write_into(const struct copy *c, const char *name, const char *text)
{
    char pattern[512];
    glob_t found;
    snprintf(pattern, sizeof pattern, "%s/%s", c->root, name);
    assert_int_equal(glob(pattern, 0, NULL, &found), 0);
    FILE *f = fopen(found.gl_pathv[0], "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
    globfree(&found);
}

static void cpu_is(const struct copy *c, uint64_t ms)
{
    char text[32];
    snprintf(text, sizeof text, "%" PRIu64 "000000\n", ms);
    write_into(c, "sys/fs/cgroup/cpuacct/*/*/cpuacct.usage", text);
}

static struct sample take_sample(struct copy *c, uint64_t after_ms, uint64_t limit_millis)
{
    struct sample s = {0};
    struct sandbox_limits l = limits;
    l.cpu_millis = limit_millis;
    c->now += after_ms;
    assert_int_equal(cgroup_sandbox_sample(c->sandbox, c->now, &l, &s, &e), 0);
    return s;
}

static void test_percentages_are_of_the_limit_since_the_sample_before(void **state)
{
    /* The CPU counter in ms, the limit, the time since the sample before, and the percentage that is
     * expected. */
    static const struct {
        const char *what;
        uint64_t cpu_ms, limit_millis, after_ms;
        uint32_t cpu_centi;
    } steps[] = {
        {"the first", 5000, 500, 0, 0},
        {"half a core of half a core", 5500, 500, 1000, 10000},
        {"soon after: as before", 5501, 500, 50, 10000},
        {"a tenth", 5551, 500, 970, 1000},
        {"a larger limit", 6051, 1000, 1000, 5000},
        {"a smaller one: of the larger", 7051, 500, 1000, 10000},
        {"and from then on of itself", 7101, 500, 1000, 1000},
        {"a pause of an hour", 7101, 500, 3600000, 0},
        {"resumed", 7151, 500, 1000, 1000},
        {"backwards: a new cgroup", 20, 500, 1000, 0},
        {"and its second sample", 270, 500, 1000, 5000},
        {"no limit: of one core", 770, 0, 1000, 5000},
    };
    struct copy c;
    copy_open(&c, "hybrid");
    for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
        cpu_is(&c, steps[i].cpu_ms);
        struct sample s = take_sample(&c, steps[i].after_ms, steps[i].limit_millis);
        print_message("%s\n", steps[i].what);
        assert_int_equal(s.cpu_centi, steps[i].cpu_centi);
        assert_int_equal(s.cpu_usage_ns, steps[i].cpu_ms * 1000000);
    }
    copy_close(&c);
}

static void test_network_rates_and_throttling(void **state)
{
    static const char *const dev = "h\nh\n  eth0: 1083214 800 0 0 0 0 0 0 61220 700 0 0 0 0 0 0\n";
    struct copy c;
    copy_open(&c, "v2");
    struct sample s = take_sample(&c, 0, 500);
    assert_int_equal(s.rx_bytes_per_second | s.tx_bytes_per_second | s.throttled_centi, 0);
    write_into(&c, "proc/1000/net/dev", dev);
    write_into(&c, "sys/fs/cgroup/*/*/cpu.stat", "usage_usec 5384113\nnr_periods 250\nnr_throttled 65\n");
    s = take_sample(&c, 2000, 500);
    assert_int_equal(s.rx_bytes_per_second, 500000);
    assert_int_equal(s.tx_bytes_per_second, 5000);
    assert_int_equal(s.throttled_centi, 5000);
    assert_int_equal(s.cpu_centi, 1000);
    write_into(&c, "proc/1000/net/dev", "h\nh\n  eth0: 10 1 0 0 0 0 0 0 10 1 0 0 0 0 0 0\n");
    s = take_sample(&c, 1000, 500);
    assert_int_equal(s.rx_bytes, 10);
    assert_int_equal(s.rx_bytes_per_second | s.tx_bytes_per_second | s.throttled_centi, 0);
    copy_close(&c);
}

static void test_a_peak_of_its_own_where_the_kernel_keeps_none(void **state)
{
    struct copy c;
    copy_open(&c, "v2");
    write_into(&c, "sys/fs/cgroup/*/*/memory.peak", "");
    assert_int_equal(take_sample(&c, 0, 500).memory_peak_bytes, 61865984);
    write_into(&c, "sys/fs/cgroup/*/*/memory.current", "1000\n");
    assert_int_equal(take_sample(&c, 1000, 500).memory_peak_bytes, 61865984);
    write_into(&c, "sys/fs/cgroup/*/*/cpu.stat", "usage_usec 1\n");
    assert_int_equal(take_sample(&c, 1000, 500).memory_peak_bytes, 1000);
    copy_close(&c);
}

/* A descriptor of a removed cgroup reads nothing, like an empty file. */
static void test_files_that_vanish(void **state)
{
    static const char *const others[] = {
        "sys/fs/cgroup/memory/*/*/memory.stat",    "sys/fs/cgroup/memory/*/*/memory.oom_control",
        "sys/fs/cgroup/pids/*/*/pids.current",     "sys/fs/cgroup/cpu/*/*/cpu.stat",
        "sys/fs/cgroup/cpuacct/*/*/cpuacct.usage", "sys/fs/cgroup/unified/*/*/io.pressure",
        "sys/fs/cgroup/blkio/*/*/blkio.*",         "proc/1000/net/dev",
    };
    struct copy c;
    struct sample s;
    copy_open(&c, "hybrid");
    take_sample(&c, 0, 500);
    for (size_t i = 0; i < ARRAY_LEN(others); i++) {
        write_into(&c, others[i], "");
        s = take_sample(&c, 1000, 500);
    }
    assert_int_equal(s.memory_unreclaimable_bytes, 9666560);
    assert_int_equal(s.pids | s.cpu_usage_ns | s.rx_bytes, 0);
    assert_int_equal(s.io_some_centi, SAMPLE_NO_PRESSURE);
    assert_true(s.io_read_bytes == SAMPLE_NO_IO);
    write_into(&c, "sys/fs/cgroup/memory/*/*/memory.usage_in_bytes", "");
    assert_int_equal(cgroup_sandbox_sample(c.sandbox, c.now + 1000, &limits, &s, &e), ERR_NOT_FOUND);
    copy_close(&c);
    assert_int_equal(open_sandbox(&c.sandbox, c.root), ERR_NOT_FOUND);
}

/* With half of the files open the guard would silently see only half. */
static void test_out_of_descriptors_nothing_is_opened(void **state)
{
    char root[512];
    struct rlimit before, few;
    struct cgroup_paths paths;
    struct cgroup_sandbox *sandbox;
    snprintf(root, sizeof root, "%s/cgroup/v1", data);
    assert_int_equal(cgroup_paths_of(root, PID, &paths, &e), 0);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    int next = dup(0);
    close(next);
    for (int more = 0; more < 8; more++) {
        few = (struct rlimit){(rlim_t)(next + more), before.rlim_max};
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
        assert_int_equal(cgroup_sandbox_open(&sandbox, &paths, root, PID, &e), ERR_IO);
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
        assert_int_equal(dup(0), next); /* none is left open */
        close(next);
    }
    assert_int_equal(cgroup_sandbox_open(&sandbox, &paths, root, PID, &e), 0);
    cgroup_sandbox_close(sandbox);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_recorded_trees),
        cmocka_unit_test(test_percentages_are_of_the_limit_since_the_sample_before),
        cmocka_unit_test(test_network_rates_and_throttling),
        cmocka_unit_test(test_a_peak_of_its_own_where_the_kernel_keeps_none),
        cmocka_unit_test(test_files_that_vanish),
        cmocka_unit_test(test_out_of_descriptors_nothing_is_opened),
    };
    data = argc > 1 ? argv[1] : "tests/data";
    return cmocka_run_group_tests(tests, NULL, NULL);
}
