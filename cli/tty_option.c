#include "cli/exec_tty.h"

#include "cli/escape.h"
#include "cli/exec_request.h"
#include "cli/interrupt.h"
#include "cli/raw_mode.h"
#include "cli/session.h"

#include "common/base/mem.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TERM_NAME "xterm-256color" /* as of terminals that the server starts */

int exec_tty_refuse(const char *instead)
{
    fprintf(stderr, "corral: the input device is not a TTY; %s\n", instead);
    return CLI_USAGE;
}

int exec_tty_escape(const struct cli *cli, int *key)
{
    const char *text = cli_option(cli, "escape");
    *key = text && !strcmp(text, "none") ? -1 : text ? (unsigned char)text[0] : ESCAPE_USUAL;
    if (!text || *key < 0 || (text[0] > ' ' && text[0] < 0x7f && !text[1]))
        return CLI_DONE;
    return cli_usage(cli, "--escape takes one character, or none");
}

static json_t *request_of(const struct cli *cli, int argc, char **argv)
{
    uint16_t rows, columns;
    json_t *body = exec_request(cli, argc, argv), *env = json_object_get(body, "env");
    raw_mode_size(&rows, &columns);
    json_object_set_new(body, "tty", json_pack("{s:i,s:i}", "rows", rows, "columns", columns));
    if (!env) {
        env = json_object();
        json_object_set_new(body, "env", env);
    }
    if (!json_object_get(env, "TERM"))
        json_object_set_new(env, "TERM", json_string(TERM_NAME));
    return body;
}

/* A second signal ends this, too. */
static void kill_process(struct cli *cli, const char *id, json_int_t pid, const char *query)
{
    struct cli_answer answer;
    CLEANUP(mem_free_ptr) char *path = NULL;
    if (asprintf(&path, "/sandbox/%s/processes/%lld%s", id, (long long)pid, query) < 0)
        abort();
    interrupt_forget();
    cli_interruptible(cli, true);
    if (cli_call(cli, "DELETE", path, NULL, &answer))
        fprintf(stderr, "corral: process %lld was not killed, and goes on\n", (long long)pid);
    cli_answer_fini(&answer);
}

/* A process that its time limit killed ends by a signal, as others do. */
static void say_timeout(struct cli *cli, const char *id, json_int_t pid, const char *query)
{
    struct cli_answer answer;
    CLEANUP(mem_free_ptr) char *path = NULL;
    if (!cli_option(cli, "timeout"))
        return;
    if (asprintf(&path, "/sandbox/%s/processes/%lld%s", id, (long long)pid, query) < 0)
        abort();
    cli_interruptible(cli, true);
    if (!cli_call(cli, "GET", path, NULL, &answer) && json_is_true(json_object_get(answer.json, "timed_out")))
        fprintf(stderr, "corral: the command was killed after %s (--timeout)\n", cli_option(cli, "timeout"));
    cli_answer_fini(&answer);
}

static int code_of(const struct session_result *result, const char *id, json_int_t pid)
{
    if (result->end == SESSION_LEFT)
        fprintf(stderr, "corral: process %lld goes on; corral shell --pid %lld %s attaches to it\n",
                (long long)pid, (long long)pid, id);
    if (result->end == SESSION_FAILED)
        fprintf(stderr, "corral: process %lld may go on (corral ps)\n", (long long)pid);
    return result->end == SESSION_FAILED ? CLI_FAILED : result->code;
}

static int attach(struct cli *cli, const char *id, json_int_t pid, const char *query, int escape)
{
    CLEANUP(mem_free_ptr) char *path = NULL;
    struct session_result result;
    if (asprintf(&path, "/sandbox/%s/processes/%lld/attach%s", id, (long long)pid, query) < 0)
        abort();
    const struct session_spec spec = {.sandbox = id,
                                      .path = path,
                                      .has_tty = true,
                                      .interactive = cli_option(cli, "interactive"),
                                      .escape = escape};
    result = session_run(cli, &spec);
    if (result.end == SESSION_SIGNALLED)
        kill_process(cli, id, pid, query);
    if (result.end == SESSION_ENDED && result.code == CLI_SIGNALLED + SIGKILL)
        say_timeout(cli, id, pid, query);
    return code_of(&result, id, pid);
}

int exec_tty_run(struct cli *cli, const char *id, int argc, char **argv)
{
    const char *query = cli_option(cli, "admin-access") ? "?admin_access=true" : "";
    CLEANUP(mem_free_ptr) char *path = NULL;
    struct cli_answer answer;
    int escape;
    if (cli_wants_json(cli)) {
        (void)cli_usage(cli, "what a terminal shows is no JSON: leave out -t");
        return CLI_FAILED;
    }
    if (exec_tty_escape(cli, &escape) ||
        (cli_option(cli, "interactive") && !raw_mode_can() &&
         exec_tty_refuse("corral exec without -t takes input from a file or a pipe")))
        return CLI_FAILED;
    if (asprintf(&path, "/sandbox/%s/processes%s", id, query) < 0)
        abort();
    interrupt_hold_terminal(); /* a signal from now on finds a process that can be killed */
    int rc = cli_call(cli, "POST", path, request_of(cli, argc, argv), &answer);
    json_int_t pid = rc ? 0 : json_integer_value(json_object_get(answer.json, "pid"));
    cli_answer_fini(&answer);
    if (rc || pid <= 0)
        return CLI_FAILED;
    return attach(cli, id, pid, query, escape);
}
