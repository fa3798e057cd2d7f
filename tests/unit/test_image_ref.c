#include "tests/lib/unit.h"

#include "common/model/image_ref.h"

#define HEX "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static void test_the_whole_name(void **state)
{
    static const char *const names[][2] = {
        {"alpine", "docker.io/library/alpine:latest"},
        {"a/b:1", "docker.io/a/b:1"},
        {"docker.io/alpine", "docker.io/library/alpine:latest"},
        {"index.docker.io/alpine:3", "docker.io/library/alpine:3"},
        {"127.0.0.1:5000/x", "127.0.0.1:5000/x:latest"},
        {"Host:5000/x/y", "host:5000/x/y:latest"},
        {"localhost/x", "localhost/x:latest"},
        {"x@sha256:" HEX, "docker.io/library/x@sha256:" HEX},
        {"x:1@sha256:" HEX, "docker.io/library/x@sha256:" HEX},
        /* What Docker would first take for an id. */
        {"8997", "docker.io/library/8997:latest"},
        {"sha256:0123456789ab", "docker.io/library/sha256:0123456789ab"},
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct image_ref ref;
        char full[IMAGE_REF_FULL_MAX];
        assert_true(image_ref_parse(names[i][0], &ref));
        image_ref_full(&ref, full);
        assert_string_equal(full, names[i][1]);
        assert_true(image_ref_is(&ref, names[i][1]));
    }
}

static void test_as_docker_lists_it(void **state)
{
    static const char *const names[][2] = {
        {"alpine", "alpine:latest"},
        {"docker.io/library/alpine:3", "alpine:3"},
        {"a/b", "a/b:latest"},
        {"library/a/b", "library/a/b:latest"}, /* not one of the official ones */
        {"127.0.0.1:5000/x:1", "127.0.0.1:5000/x:1"},
        {"x:1@sha256:" HEX, "x@sha256:" HEX},
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct image_ref ref;
        char familiar[IMAGE_REF_FULL_MAX];
        assert_true(image_ref_parse(names[i][0], &ref));
        image_ref_familiar(&ref, familiar);
        assert_string_equal(familiar, names[i][1]);
    }
}

/* The longest name that a user may write is read back unchanged on its node. */
static void test_the_longest(void **state)
{
    char name[IMAGE_REF_MAX + 1], full[IMAGE_REF_FULL_MAX];
    struct image_ref ref;
    memset(name, 'a', sizeof name - 1);
    name[IMAGE_REF_MAX] = 0;
    assert_true(image_ref_parse(name, &ref));
    image_ref_full(&ref, full);
    assert_true(strlen(full) > IMAGE_REF_MAX && image_ref_is(&ref, full));
}

static void test_what_is_no_name(void **state)
{
    static const char *const none[] = {
        "",       "A",      "a//b",         "/a",         "a/",    "a:", "a b",   HEX, "a@sha256:12",
        "-a.b/c", "a..b/x", "[::1]:5000/x", "http://a/b", "a:b:c", "..", "a/../b"};
    struct image_ref ref;
    char longest[400];
    for (size_t i = 0; i < sizeof none / sizeof *none; i++) {
        if (image_ref_parse(none[i], &ref))
            fail_msg("%s", none[i]);
    }
    memset(longest, 'a', sizeof longest);
    longest[sizeof longest - 1] = 0;
    assert_false(image_ref_parse(longest, &ref));
}

static bool allowed(const char *name, const char *registries)
{
    struct image_ref ref;
    return image_ref_parse(name, &ref) && image_ref_allowed(&ref, registries);
}

static void test_registries(void **state)
{
    assert_true(allowed("alpine", "docker.io"));
    assert_true(allowed("docker.io/a/b", "registry.example,index.docker.io"));
    assert_true(allowed("10.0.0.1:5000/x", "docker.io,10.0.0.1:5000"));
    assert_true(allowed("Registry.example/x", "registry.Example"));
    assert_false(allowed("10.0.0.1:5001/x", "docker.io,10.0.0.1:5000"));
    assert_false(allowed("10.0.0.1/x", "docker.io,10.0.0.1:5000"));
    assert_false(allowed("registry.example:443/x", "registry.example"));
    assert_false(allowed("docker.io.example/x", "docker.io"));
    assert_false(allowed("alpine", "none"));
    assert_false(allowed("localhost:1/x", "docker.io"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_whole_name), cmocka_unit_test(test_as_docker_lists_it),
        cmocka_unit_test(test_the_longest), cmocka_unit_test(test_what_is_no_name),
        cmocka_unit_test(test_registries)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
