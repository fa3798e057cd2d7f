/* corral shell: a terminal in a sandbox. */
#include "cli/lookup.h"
#include "cli/outflow.h"
#include "cli/raw_mode.h"
#include "cli/session.h"
#include "cli/tty_option.h"
#include "cli/verbs.h"

#include "common/base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct opt options[] = {
    {"pid", 'p', OPT_NUMBER, "N", NULL, "Attach to this process (corral ps) instead of a new shell."},
    ESCAPE_OPTION,
    {"admin-access", 0, OPT_FLAG, NULL, NULL, ADMIN_ACCESS_HELP},
    {"auto-resume", 0, OPT_FLAG, NULL, NULL, AUTO_RESUME_HELP},
    {NULL, 0, OPT_FLAG, NULL, NULL, NULL},
};

/* The caller's. */
static char *path_of(const struct cli *cli, const char *id, int argc, char **argv)
{
    uint16_t rows, columns;
    char *out = NULL;
    size_t len;
    const char *pid = cli_option(cli, "pid");
    FILE *text = open_memstream(&out, &len);
    raw_mode_size(&rows, &columns);
    if (pid)
        fprintf(text, "/sandbox/%s/terminal?pid=%s", id, pid);
    else
        fprintf(text, "/sandbox/%s/terminal?rows=%u&columns=%u", id, rows, columns);
    for (int i = 0; i < argc; i++) {
        CLEANUP(mem_free_ptr) char *word = cli_path("%s", argv[i]);
        fprintf(text, "&command=%s", word);
    }
    if (cli_option(cli, "admin-access"))
        fputs("&admin_access=true", text);
    if (cli_option(cli, "auto-resume"))
        fputs("&auto_resume=true", text);
    fclose(text);
    return out;
}

/* It lives on for a while where its client left, or was ended. */
static void say_how_to_return(const struct session_result *result, const char *id)
{
    CLEANUP(mem_free_ptr) char *text = NULL;
    if (!result->pid || result->end == SESSION_ENDED || result->end == SESSION_GONE)
        return;
    if (asprintf(&text,
                 "corral: the shell lives on for some minutes; corral shell --pid %u %s attaches to it\n",
                 result->pid, id) < 0)
        abort();
    outflow_note(STDERR_FILENO, text); /* not waiting for a terminal that takes nothing */
}

/* In raw mode, what is printed for no terminal is hard to read, and no key ends it. */
static int check_process(struct cli *cli, const char *id, const char *pid)
{
    struct cli_answer answer;
    CLEANUP(mem_free_ptr) char *path = NULL;
    if (asprintf(&path, "/sandbox/%s/processes/%s%s", id, pid,
                 cli_option(cli, "admin-access") ? "?admin_access=true" : "") < 0)
        abort();
    int rc = cli_call(cli, "GET", path, NULL, &answer);
    if (!rc && !json_is_object(json_object_get(answer.json, "tty"))) {
        fprintf(stderr, "corral: process %s has no terminal\n", pid);
        rc = CLI_REFUSED;
    }
    cli_answer_fini(&answer);
    return rc;
}

static int shell(struct cli *cli, int argc, char **argv)
{
    CLEANUP(mem_free_ptr) char *id = NULL;
    const char *pid = cli_option(cli, "pid");
    bool dashes = argc > 1 && !strcmp(argv[1], "--");
    int escape, words = dashes ? 2 : 1;
    if (tty_option_escape(cli, &escape))
        return CLI_USAGE;
    if (pid && argc > words)
        return cli_usage(cli, "--pid attaches to a process that runs: it takes no command");
    if (!raw_mode_can())
        return tty_option_refuse("corral exec runs a command without one");
    int rc = lookup_sandbox(cli, argv[0], &id);
    if (!rc && pid)
        rc = check_process(cli, id, pid);
    if (rc)
        return rc;
    CLEANUP(mem_free_ptr) char *path = path_of(cli, id, argc - words, argv + words);
    const struct session_spec spec = {.sandbox = id,
                                      .path = path,
                                      .is_old = pid,
                                      .of_terminal = true,
                                      .has_tty = true,
                                      .interactive = true,
                                      .escape = escape};
    struct session_result result = session_run(cli, &spec);
    say_how_to_return(&result, id);
    return result.code;
}

const struct command cmd_shell = {
    .name = "shell",
    .args = "SANDBOX [-- COMMAND [ARG]...]",
    .help = "Opens a terminal in a sandbox, and exits with the code of its shell; ~. at the beginning of a "
            "line leaves.",
    .options = options,
    .least = 1,
    .most = -1,
    .arguments = ARGUMENTS_END_OPTIONS,
    .run = shell,
};
