/* What Docker says of a pull, and the login that it is given. */
#include "tests/lib/unit.h"

#include "agent/docker/docker_json.h"

#include <stdio.h>

static struct docker_pull_line line_of(const char *text)
{
    struct docker_pull_line line;
    docker_json_pull_line(text, strlen(text), &line);
    return line;
}

static void test_steps_of_a_layer(void **state)
{
    static const struct {
        const char *status;
        enum node_layer_state state;
    } all[] = {{"Pulling fs layer", NODE_LAYER_WAITING},     {"Waiting", NODE_LAYER_WAITING},
               {"Downloading", NODE_LAYER_DOWNLOADING},      {"Verifying Checksum", NODE_LAYER_EXTRACTING},
               {"Download complete", NODE_LAYER_EXTRACTING}, {"Extracting", NODE_LAYER_EXTRACTING},
               {"Pull complete", NODE_LAYER_DONE},           {"Already exists", NODE_LAYER_DONE},
               {"something newer", NODE_LAYER_WAITING}};
    char text[200];
    for (size_t i = 0; i < ARRAY_LEN(all); i++) {
        snprintf(text, sizeof text, "{\"status\":\"%s\",\"progressDetail\":{},\"id\":\"0123456789ab\"}",
                 all[i].status);
        struct docker_pull_line line = line_of(text);
        assert_string_equal(line.layer.id, "0123456789ab");
        assert_int_equal(line.layer.state, all[i].state);
    }
}

static void test_bytes_of_a_layer(void **state)
{
    struct docker_pull_line line = line_of("{\"status\":\"Downloading\",\"id\":\"a\",\"progressDetail\":"
                                           "{\"current\":7,\"total\":90}}");
    assert_int_equal(line.layer.bytes, 90);
    assert_int_equal(line.layer.done_bytes, 7);
    line =
        line_of("{\"status\":\"Downloading\",\"id\":\"a\",\"progressDetail\":{\"current\":-7,\"total\":-1}}");
    assert_int_equal(line.layer.bytes, 0);
    assert_int_equal(line.layer.done_bytes, 0);
    line = line_of("{\"status\":\"Pulling from library/a\",\"id\":\"latest\"}");
    assert_string_equal(line.layer.id, ""); /* the tag is no layer */
    line = line_of("{\"error\":\"no\",\"errorDetail\":{\"message\":\"no\"}}");
    assert_string_equal(line.said, "no");
}

static void assert_auth(const char *username, const char *password, const char *expected)
{
    struct registry_login login = {.registry = "r"};
    snprintf(login.username, sizeof login.username, "%s", username);
    snprintf(login.password, sizeof login.password, "%s", password);
    char *auth = docker_auth_write(&login);
    assert_string_equal(auth, expected);
    free(auth);
}

/* Written by another program: python3 -c 'base64.urlsafe_b64encode(…)'. */
static void test_login(void **state)
{
    assert_auth("u", "p", "eyJ1c2VybmFtZSI6InUiLCJwYXNzd29yZCI6InAiLCJzZXJ2ZXJhZGRyZXNzIjoiciJ9");
    assert_auth("u", "pp", "eyJ1c2VybmFtZSI6InUiLCJwYXNzd29yZCI6InBwIiwic2VydmVyYWRkcmVzcyI6InIifQ==");
    assert_auth("u", "p\"\\\u00fe?>",
                "eyJ1c2VybmFtZSI6InUiLCJwYXNzd29yZCI6InBcIlxcw74_PiIsInNlcnZlcmFkZHJlc3MiOiJyIn0=");
}

static void test_the_longest_login(void **state)
{
    static struct registry_login login;
    memset(login.registry, 'r', NODE_LOGIN_NAME_MAX);
    memset(login.username, 'u', NODE_LOGIN_NAME_MAX);
    memset(login.password, 1, NODE_LOGIN_SECRET_MAX); /* each is escaped */
    char *auth = docker_auth_write(&login);
    assert_true(strlen(auth) > 6 * NODE_LOGIN_SECRET_MAX * 4 / 3);
    assert_null(strpbrk(auth, "\r\n +/"));
    free(auth);
}

static void test_a_login_that_is_shown(void **state)
{
    static const struct registry_login login = {.registry = "r", .username = "user", .password = "secret>>?"};
    static const struct registry_login none = {.registry = "r"};
    assert_true(docker_auth_shown(&login, "denied: secret>>? is not right"));
    assert_true(docker_auth_shown(&login, "denied: Basic dXNlcjpzZWNyZXQ+Pj8="));
    assert_true(docker_auth_shown(&login, "denied: {dXNlcjpzZWNyZXQ+Pj8K}"));
    assert_false(docker_auth_shown(&login, "denied: user"));
    assert_false(docker_auth_shown(&none, "denied"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_steps_of_a_layer),
        cmocka_unit_test(test_bytes_of_a_layer),
        cmocka_unit_test(test_login),
        cmocka_unit_test(test_the_longest_login),
        cmocka_unit_test(test_a_login_that_is_shown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
