#include "tests/lib/unit.h"

#include "common/base/plain_words.h"

static void same(const char *text, const char *desired)
{
    char out[400];
    plain_words(text, out, sizeof out);
    assert_string_equal(out, desired);
}

static void test_what_tells_of_the_node_goes(void **state)
{
    same("OCI runtime create failed: error mounting \"/var/lib/corral-agent/links/sbx_01J\" to rootfs at "
         "\"/.corral\": "
         "not a directory: unknown",
         "OCI runtime create failed: error mounting \"…\" to rootfs at \"…\": not a directory: unknown");
    same("dial tcp 10.1.2.3:5000: connect: connection refused", "dial tcp …: connect: connection refused");
    same("dial tcp [fe80::1]:5000: i/o timeout", "dial tcp […]…: … timeout");
    same("lookup registry.internal on 10.0.0.2:53: no such host", "lookup … on …: no such host");
    same("container 4f5e6d7c8b9a is not running", "container … is not running");
    same("No such container: sbx_01J9ZZZZZZZZZZZZZZZZZZZZZZ", "No such container: …");
    same("open (/proc/1/ns/net): Permission denied", "open (…): Permission denied");
    same("host:5000 says no", "… says no");
}

static void test_what_tells_nothing_stays(void **state)
{
    static const char *const plain[] = {
        "",
        "its command exited with code 137",
        "its command could not be invoked: No such file or directory: exit code 127",
        "it held 549755813888 of 549755813888 bytes of memory that the kernel could not take back: 98.5 %, "
        "and 95 % is critical",
        "its node was booted at 2026-11-26T05:15:07.681Z, and nothing that ran before is left",
        "its command was ended by signal 9 (Killed): exit code 137",
        "Docker answered 500: no space left on device",
    };
    for (size_t i = 0; i < sizeof plain / sizeof *plain; i++)
        same(plain[i], plain[i]);
}

static void test_what_does_not_fit_is_cut_between_characters(void **state)
{
    char out[8];
    plain_words("abcd /x/y", out, sizeof out);
    assert_string_equal(out, "abcd ");
    plain_words("abc /x/y", out, sizeof out);
    assert_string_equal(out, "abc …");
    plain_words("abcdefghij", out, sizeof out);
    assert_string_equal(out, "abcdefg");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_what_tells_of_the_node_goes),
                                       cmocka_unit_test(test_what_tells_nothing_stays),
                                       cmocka_unit_test(test_what_does_not_fit_is_cut_between_characters)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
