#include "cli/exec_request.h"

#include "cli/create.h"

#include "common/base/mem.h"
#include "common/base/units.h"

#include <string.h>

#define TERM_NAME "xterm-256color" /* as of terminals that the server starts */

static int put_variable(void *arg, const char *text)
{
    json_t *env = arg;
    size_t len = strcspn(text, "=");
    CLEANUP(mem_free_ptr) char *name = mem_dup(text, len);
    json_object_set_new(env, name, json_string(text + len + 1));
    return 0;
}

json_t *exec_request(const struct cli *cli, int argc, char **argv)
{
    const char *cwd = cli_option(cli, "workdir"), *timeout = cli_option(cli, "timeout");
    uint64_t seconds = 0;
    json_t *env = json_object(), *body = json_object();
    json_object_set_new(body, "command", create_command(argc, argv));
    if (!cli_each_option(cli, "env", put_variable, env) && json_object_size(env))
        json_object_set(body, "env", env);
    json_decref(env);
    if (cwd)
        json_object_set_new(body, "cwd", json_string(cwd));
    if (timeout && units_parse_seconds(timeout, &seconds) && seconds <= INT64_MAX / 1000)
        json_object_set_new(body, "timeout_ms", json_integer((json_int_t)seconds * 1000));
    return body;
}

void exec_request_terminal(json_t *body, uint16_t rows, uint16_t columns)
{
    json_t *env = json_object_get(body, "env");
    json_object_set_new(body, "tty", json_pack("{s:i,s:i}", "rows", rows, "columns", columns));
    if (!env) {
        env = json_object();
        json_object_set_new(body, "env", env);
    }
    if (!json_object_get(env, "TERM"))
        json_object_set_new(env, "TERM", json_string(TERM_NAME));
}

void exec_request_held(json_t *body, unsigned grace_seconds, bool has_input)
{
    json_object_set_new(body, "grace_seconds", json_integer(grace_seconds));
    json_object_set_new(body, "stdin", json_boolean(has_input));
}
