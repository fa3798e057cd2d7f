#include "agent/cgroup/cgroup_parse.h"
#include "tests/lib/unit.h"

#define BYTES(s) (s), sizeof(s) - 1

static void test_numbers(void **state)
{
    uint64_t n = 7;
    assert_true(cgroup_parse_number(BYTES("268435456\n"), &n));
    assert_int_equal(n, 268435456);
    assert_true(cgroup_parse_number(BYTES("max\n"), &n));
    assert_true(n == CGROUP_NO_LIMIT);
    assert_true(cgroup_parse_number(BYTES("18446744073709551615"), &n));
    n = 7;
    assert_false(cgroup_parse_number(BYTES("18446744073709551616\n"), &n));
    assert_false(cgroup_parse_number(BYTES(""), &n));
    assert_false(cgroup_parse_number(BYTES("-1\n"), &n));
    assert_false(cgroup_parse_number(BYTES("12 34\n"), &n));
    assert_false(cgroup_parse_number(BYTES("maximum\n"), &n));
    assert_int_equal(n, 7);
}

static void test_keys_match_whole_words(void **state)
{
    static const char stat[] = "inactive_file 10\ntotal_inactive_file 20\nfile 30\noom_kill 2";
    uint64_t n = 0;
    assert_true(cgroup_parse_key(BYTES(stat), "file", &n));
    assert_int_equal(n, 30);
    assert_true(cgroup_parse_key(BYTES(stat), "inactive_file", &n));
    assert_int_equal(n, 10);
    assert_true(cgroup_parse_key(BYTES(stat), "oom_kill", &n));
    assert_int_equal(n, 2);
    assert_false(cgroup_parse_key(BYTES(stat), "oom", &n));
    assert_false(cgroup_parse_key(BYTES(stat), "anon", &n));
    assert_false(cgroup_parse_key(BYTES("file x\n"), "file", &n));
    assert_false(cgroup_parse_key(BYTES("file"), "file", &n));
}

static void test_pressure(void **state)
{
    uint32_t p = 1;
    assert_true(cgroup_parse_pressure(BYTES("some avg10=12.34 avg60=0.00 avg300=0.00 total=1\n"), &p));
    assert_int_equal(p, 1234);
    assert_true(cgroup_parse_pressure(BYTES("some avg10=100.00 avg60=0.00\n"), &p));
    assert_int_equal(p, 10000);
    assert_false(cgroup_parse_pressure(BYTES("some avg10=100.25 avg60=0.00\n"), &p));
    assert_false(cgroup_parse_pressure(BYTES("full avg10=1.00\n"), &p));
    assert_false(cgroup_parse_pressure(BYTES("some avg10=1.0"), &p));
    assert_false(cgroup_parse_pressure(BYTES("some avg10="), &p));
}

/* Every prefix of a real file parses or is refused, and reads nothing behind its end (held by ASan). */
static void test_cut_files_are_safe(void **state)
{
    static const char stat[] = "cache 4096\nrss 8192\nhierarchical_memory_limit 268435456\n";
    for (size_t len = 0; len < sizeof(stat); len++) {
        char *cut = malloc(len ? len : 1);
        uint64_t n;
        uint32_t p;
        memcpy(cut, stat, len);
        (void)cgroup_parse_key(cut, len, "hierarchical_memory_limit", &n);
        (void)cgroup_parse_number(cut, len, &n);
        (void)cgroup_parse_pressure(cut, len, &p);
        (void)cgroup_parse_use(cut, len, false, 1);
        free(cut);
    }
}

static uint64_t unreclaimable(const char *stat, bool v2, uint64_t usage)
{
    return cgroup_parse_use(stat, strlen(stat), v2, usage).unreclaimable;
}

static void test_what_the_kernel_cannot_take_back(void **state)
{
    assert_int_equal(unreclaimable("total_inactive_file 30\ntotal_active_file 20\n", false, 100), 50);
    assert_int_equal(unreclaimable("inactive_file 30\nactive_file 20\nslab_reclaimable 5\n", true, 100), 45);
    assert_int_equal(unreclaimable("total_inactive_file 130\n", false, 100), 0);
    assert_int_equal(unreclaimable("inactive_file 18446744073709551615\nactive_file 2\n", true, 100), 0);
    assert_int_equal(unreclaimable("", true, 100), 100);
}

static void test_kernel_memory_that_it_can_take_back(void **state)
{
    const uint64_t mib = 1 << 20;
    assert_int_equal(cgroup_kernel_reclaimable(0, 0), 0);
    assert_int_equal(cgroup_kernel_reclaimable(mib, 3), 0);
    assert_int_equal(cgroup_kernel_reclaimable(12 * mib, 64), 0);
    assert_int_equal(cgroup_kernel_reclaimable(17 * mib, 64), 4 * mib);
    assert_int_equal(cgroup_kernel_reclaimable(UINT64_MAX, UINT64_MAX), 0);
}

static void test_several_keys_in_one_pass(void **state)
{
    static const char *const keys[] = {"file", "inactive_file", "missing", "odd"};
    static const char stat[] = "inactive_file 10\nodd x\ntotal_inactive_file 20\nfile 30\nfile_more 5\nodd";
    uint64_t n[ARRAY_LEN(keys)] = {7, 7, 7, 7};
    cgroup_parse_keys(BYTES(stat), keys, ARRAY_LEN(keys), n);
    assert_int_equal(n[0], 30);
    assert_int_equal(n[1], 10);
    assert_int_equal(n[2] | n[3], 0);
}

static void test_block_devices(void **state)
{
    static const char v1[] =
        "7:0 Read 4096\n7:0 Write 8192\n254:0 Read 1000\n254:0 Write 20\n254:0 Sync 1020\n"
        "254:0 Total 1020\n8:16 Read 5\n8:16 Write 7\nTotal 13320\n";
    static const char v2[] =
        "7:1 rbytes=4096 wbytes=1 rios=1 wios=1 dbytes=0 dios=0\n"
        "254:0 rbytes=1459200 wbytes=314773504 rios=192 wios=353 dbytes=0 dios=0\n8:0\n8:16 rbytes=";
    struct cgroup_io io = cgroup_parse_io(BYTES(v1), false);
    assert_true(io.counted && io.read_bytes == 1005 && io.write_bytes == 27);
    io = cgroup_parse_io(BYTES(v2), true);
    assert_true(io.counted && io.read_bytes == 1459200 && io.write_bytes == 314773504);
    assert_false(cgroup_parse_io(BYTES("Total 0\n"), false).counted);
    assert_true(cgroup_parse_io("", 0, true).counted);
}

static void test_interfaces(void **state)
{
    static const char dev[] =
        "Inter-|   Receive                                                |  Transmit\n"
        " face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs\n"
        "    lo:     900       9    0    0    0     0          0         0      900       9    0\n"
        "  eth0:    1500      11    0    0    0     0          0         0      700       7    0\n"
        "lolo0:1 2 0 0 0 0 0 0 3 4\n  eth1:   10 1 0 0";
    struct cgroup_net net = cgroup_parse_net(BYTES(dev));
    assert_int_equal(net.rx_bytes, 1501);
    assert_int_equal(net.rx_packets, 13);
    assert_int_equal(net.tx_bytes, 703);
    assert_int_equal(net.tx_packets, 11);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_keys_match_whole_words),
        cmocka_unit_test(test_pressure),
        cmocka_unit_test(test_what_the_kernel_cannot_take_back),
        cmocka_unit_test(test_kernel_memory_that_it_can_take_back),
        cmocka_unit_test(test_several_keys_in_one_pass),
        cmocka_unit_test(test_block_devices),
        cmocka_unit_test(test_interfaces),
        cmocka_unit_test(test_cut_files_are_safe),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
