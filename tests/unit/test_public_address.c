#include "common/base/public_address.h"
#include "tests/lib/unit.h"

#include <arpa/inet.h>

static bool is_public(const char *text)
{
    uint8_t address[16];
    if (inet_pton(AF_INET, text, address) == 1)
        return public_address_v4(address);
    assert_int_equal(inet_pton(AF_INET6, text, address), 1);
    return public_address_v6(address);
}

static void test_what_is_closed(void **state)
{
    static const char *const texts[] = {"0.0.0.0",
                                        "0.255.255.255",
                                        "10.0.0.1",
                                        "10.255.255.255",
                                        "100.64.0.1",
                                        "100.127.255.255",
                                        "127.0.0.1",
                                        "127.255.255.254",
                                        "169.254.169.254",
                                        "172.16.0.1",
                                        "172.31.255.255",
                                        "192.0.0.8",
                                        "192.88.99.1",
                                        "192.168.0.1",
                                        "198.18.0.1",
                                        "198.19.255.255",
                                        "224.0.0.1",
                                        "239.255.255.250",
                                        "240.0.0.1",
                                        "255.255.255.255",
                                        "::",
                                        "::1",
                                        "::7f00:1",
                                        "::ffff:127.0.0.1",
                                        "::ffff:8.8.8.8",
                                        "64:ff9b::7f00:1",
                                        "64:ff9b:1::1",
                                        "100::1",
                                        "2001::1",
                                        "2001:2::1",
                                        "2001:20::1",
                                        "2002:7f00:1::1",
                                        "4000::1",
                                        "fc00::1",
                                        "fd12:3456::1",
                                        "fe80::1",
                                        "febf::1",
                                        "fec0::1",
                                        "ff02::1"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        if (is_public(texts[i]))
            fail_msg("%s is open", texts[i]);
    }
}

static void test_what_is_open(void **state)
{
    static const char *const texts[] = {
        "1.1.1.1",         "9.255.255.255",   "11.0.0.0",    "100.63.255.255", "100.128.0.0",
        "126.255.255.255", "128.0.0.1",       "169.253.0.1", "172.15.0.1",     "172.32.0.1",
        "192.0.1.1",       "192.167.0.1",     "192.169.0.1", "198.17.0.1",     "198.20.0.1",
        "203.0.113.7",     "223.255.255.255", "2000::1",     "2001:200::1",    "2606:4700::1111",
        "2a00:1450::1"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        if (!is_public(texts[i]))
            fail_msg("%s is closed", texts[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_what_is_closed),
                                       cmocka_unit_test(test_what_is_open)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
