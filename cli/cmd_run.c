/* corral run: a new sandbox for one command. */
#include "cli/create.h"
#include "cli/exec.h"
#include "cli/interrupt.h"
#include "cli/text.h"
#include "cli/tty_option.h"
#include "cli/verbs.h"
#include "cli/wait.h"

#include "common/base/mem.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct opt run_options[] = {
    {"rm", 0, OPT_FLAG, NULL, NULL, "End the sandbox when the command has ended; otherwise it idles on."},
    CREATE_NAME_OPTIONS,
    EXEC_OPTIONS,
    ESCAPE_OPTION,
    {NULL, 0, OPT_FLAG, NULL, NULL, NULL},
};

/* --- the sandbox --- */

/*
 * Creates it, without waiting until it runs: so its id is known at once, and a signal that comes later finds
 * a sandbox that can be ended. The request itself is short, and no signal ends it. *id is the caller's.
 */
static int create(struct cli *cli, char **id)
{
    struct cli_answer answer;
    json_t *body = cli_body(cli);
    if (cli_before(cli))
        json_object_set_new(body, "image", json_string(cli_before(cli)));
    cli_prefer_async(cli, true);
    int rc = cli_call(cli, "POST", "/sandbox", body, &answer);
    cli_prefer_async(cli, false);
    if (rc)
        return CLI_FAILED;
    *id = mem_strdup(json_string_value(json_object_get(answer.json, "id")));
    cli_answer_fini(&answer);
    if (!*id)
        return CLI_FAILED;
    if (!cli_is_quiet(cli))
        fprintf(stderr, "corral: sandbox %s\n", *id);
    return CLI_DONE;
}

/* Says why the sandbox has ended, if it has. */
static void say_end(const json_t *sandbox)
{
    const char *state = json_string_value(json_object_get(sandbox, "state")),
               *reason = json_string_value(json_object_get(sandbox, "reason")),
               *detail = json_string_value(json_object_get(sandbox, "detail"));
    CLEANUP(mem_free_ptr) char *safe = text_show_only(mem_strdup(detail ? detail : "no detail"));
    if (state && reason)
        fprintf(stderr, "corral: the sandbox is %s: %s (%s)\n", state, safe, reason);
}

static int wait_until_it_runs(struct cli *cli, const char *id)
{
    enum wait_result result = WAIT_NOT_YET;
    while (result == WAIT_NOT_YET) {
        struct cli_answer answer;
        int rc = wait_once(cli, id, "running", UINT64_MAX, &answer, &result);
        if (rc)
            return rc >= CLI_SIGNALLED ? rc : CLI_FAILED;
        if (result == WAIT_ENDED)
            say_end(answer.json);
        cli_answer_fini(&answer);
    }
    return result == WAIT_REACHED ? CLI_DONE : CLI_FAILED;
}

#define ENDING_MS 2000 /* how long an end under way may take before its reason is known */

/* The refusal may have come because the sandbox ended while the command ran. */
static void explain(struct cli *cli, const char *id)
{
    struct cli_answer answer;
    enum wait_result result;
    if (!wait_once(cli, id, NULL, ENDING_MS, &answer, &result))
        say_end(answer.json);
    cli_answer_fini(&answer);
}

/* A second signal ends this too. */
static int end(struct cli *cli, const char *id)
{
    struct cli_answer answer;
    CLEANUP(mem_free_ptr) char *path = cli_path("/sandbox/%s", id);
    interrupt_forget();
    cli_patience(cli, 90);
    int rc = cli_call(cli, "DELETE", path, NULL, &answer);
    cli_answer_fini(&answer);
    if (rc)
        fprintf(stderr, "corral: sandbox %s was not ended, and lives until its time is up\n", id);
    return rc;
}

/* --- the verb --- */

static int check(struct cli *cli, int argc)
{
    if (cli_before(cli) && cli_option(cli, "image"))
        return cli_usage(cli, "there are two images");
    return argc ? exec_check(cli) : cli_usage(cli, "the command is missing: it comes after \"--\"");
}

static int run(struct cli *cli, int argc, char **argv)
{
    CLEANUP(mem_free_ptr) char *id = NULL;
    struct exec_result result = {0};
    if (check(cli, argc))
        return CLI_FAILED;
    interrupt_hold();
    int rc = create(cli, &id);
    if (rc)
        return rc;
    cli_interruptible(cli, true);
    rc = wait_until_it_runs(cli, id);
    if (!rc)
        rc = exec_run(cli, id, argc, argv, &result);
    if (result.refused)
        explain(cli, id);
    int signo = interrupt_signal() ? interrupt_signal() : result.signo;
    bool signalled = signo && signo != SIGPIPE;
    if (signalled)
        rc = CLI_SIGNALLED + signo;
    if ((signalled || (cli_option(cli, "rm") && !result.left)) && end(cli, id) && !rc)
        rc = CLI_FAILED;
    return rc;
}

const struct command cmd_run = {
    .name = "run",
    .args = "[IMAGE] -- COMMAND [ARG]...",
    .help =
        "Creates a sandbox, runs a command in it and exits as corral exec does. Ctrl-C and SIGTERM end the "
        "sandbox.",
    .options = run_options,
    .shared = create_options,
    .most = -1,
    .arguments = ARGUMENTS_AFTER_DASHES,
    .failure = CLI_FAILED,
    .run = run,
};
