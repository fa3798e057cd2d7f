/* corral ps: the processes that were started in a sandbox. */
#include "cli/lookup.h"
#include "cli/print.h"
#include "cli/verbs.h"

#include "common/base/mem.h"

static const struct opt options[] = {
    {"admin-access", 0, OPT_FLAG, NULL, "admin_access", ADMIN_ACCESS_HELP},
    {NULL, 0, OPT_FLAG, NULL, NULL, NULL},
};

static int ps(struct cli *cli, int argc, char **argv)
{
    static const struct column columns[] = {
        {"PID", "pid", AS_TEXT, 0},        {"STATE", "state", AS_STATE, 0},
        {"TTY", "tty", AS_SIZE, 3},        {"STARTED", "started_at", AS_AGO, 1},
        {"EXIT", "exit_code", AS_TEXT, 2}, {"SIGNAL", "signal", AS_TEXT, 3},
        {"TAG", "tag", AS_TEXT, 2},        {"COMMAND", "command", AS_WORDS, 1}};
    CLEANUP(mem_free_ptr) char *id = NULL;
    int rc = lookup_sandbox(cli, argv[0], &id);
    if (rc)
        return rc;
    CLEANUP(mem_free_ptr) char *start = cli_path("/sandbox/%s/processes", id);
    CLEANUP(mem_free_ptr) char *path = cli_query(cli, start);
    return cli_list(cli, path, columns, ARRAY_LEN(columns), "pid");
}

const struct command cmd_ps = {
    .name = "ps",
    .args = "SANDBOX",
    .help = "Lists the processes that were started in a sandbox, in the order of their starts; of those that "
            "ended the last 100.",
    .options = options,
    .least = 1,
    .most = 1,
    .list = true,
    .run = ps,
};
