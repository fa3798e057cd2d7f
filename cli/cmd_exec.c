/* corral exec: a command in a sandbox that lives. */
#include "cli/create.h"
#include "cli/exec.h"
#include "cli/lookup.h"
#include "cli/verbs.h"

#include "common/base/mem.h"

#include <string.h>

static const struct opt exec_options[] = {
    {"env", 'e', OPT_PAIR, "NAME=VALUE", NULL, "An environment variable; may be given again."},
    EXEC_OPTIONS,
    {"admin-access", 0, OPT_FLAG, NULL, NULL, ADMIN_ACCESS_HELP},
    {NULL, 0, OPT_FLAG, NULL, NULL, NULL},
};

/* Ctrl-C ends this program, whose connection closes, which ends the command and all that it started. */
static int exec(struct cli *cli, int argc, char **argv)
{
    CLEANUP(mem_free_ptr) char *id = NULL;
    bool refused, dashes = argc > 1 && !strcmp(argv[1], "--");
    argc -= dashes ? 2 : 1;
    if (argc < 1) {
        (void)cli_usage(cli, "a command is missing");
        return CLI_FAILED;
    }
    if (lookup_sandbox(cli, argv[0], &id))
        return CLI_FAILED;
    return exec_run(cli, id, argc, argv + (dashes ? 2 : 1), &refused);
}

const struct command cmd_exec = {
    .name = "exec",
    .args = "SANDBOX COMMAND [ARG]...",
    .help = "Runs a command in a live sandbox, and exits with its code, or 128 and the number of a signal.",
    .options = exec_options,
    .least = 2,
    .most = -1,
    .arguments = ARGUMENTS_END_OPTIONS,
    .failure = CLI_FAILED,
    .run = exec,
};
