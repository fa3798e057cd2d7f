/* corral exec: a command in a sandbox that lives. */
#include "cli/create.h"
#include "cli/exec.h"
#include "cli/interrupt.h"
#include "cli/lookup.h"
#include "cli/tty_option.h"
#include "cli/verbs.h"

#include "common/base/mem.h"

#include <string.h>

static const struct opt exec_options[] = {
    {"env", 'e', OPT_PAIR, "NAME=VALUE", NULL, "An environment variable; may be given again."},
    EXEC_OPTIONS,
    ESCAPE_OPTION,
    {"admin-access", 0, OPT_FLAG, NULL, NULL, ADMIN_ACCESS_HELP},
    {"auto-resume", 0, OPT_FLAG, NULL, NULL, AUTO_RESUME_HELP},
    {NULL, 0, OPT_FLAG, NULL, NULL, NULL},
};

/* A signal that ended the command's client ends this program as one that holds no signals: its shell goes by
 * that. A terminal's keys go inside, and a code tells of the rest. */
static int exec(struct cli *cli, int argc, char **argv)
{
    CLEANUP(mem_free_ptr) char *id = NULL;
    struct exec_result result;
    bool dashes = argc > 1 && !strcmp(argv[1], "--");
    argc -= dashes ? 2 : 1;
    if (argc < 1) {
        (void)cli_usage(cli, "a command is missing");
        return CLI_FAILED;
    }
    if (exec_check(cli) || lookup_sandbox(cli, argv[0], &id))
        return CLI_FAILED;
    int rc = exec_run(cli, id, argc, argv + (dashes ? 2 : 1), &result);
    if (result.signo && !cli_option(cli, "tty"))
        interrupt_die(result.signo);
    return rc;
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
