/* corral: finds the verb, parses its options, runs it. */
#include "cli/cli_int.h"
#include "cli/verbs.h"

#include "common/io/std_files.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct command *const commands[] = {
    &cmd_login,         &cmd_create,     &cmd_ls,           &cmd_show,
    &cmd_logs,          &cmd_stats,      &cmd_wait,         &cmd_events,
    &cmd_extend,        &cmd_pause,      &cmd_resume,       &cmd_rm,
    &cmd_quota,         &cmd_node_ls,    &cmd_node_show,    &cmd_node_cordon,
    &cmd_node_uncordon, &cmd_node_drain, &cmd_node_revoke,  &cmd_node_rm,
    &cmd_user_add,      &cmd_user_ls,    &cmd_user_show,    &cmd_user_set,
    &cmd_user_rm,       &cmd_key_add,    &cmd_key_ls,       &cmd_key_set,
    &cmd_key_rm,        &cmd_tier_ls,    &cmd_tier_show,    &cmd_tier_add,
    &cmd_tier_set,      &cmd_tier_rm,    &cmd_system_stats, &cmd_system_cleanup,
    &cmd_audit,
};

static void print_help(FILE *out)
{
    fputs("corral is the client of Corral: sandboxes for code that is not trusted.\n\n"
          "usage: corral VERB [OPTION]... [ARGUMENT]...\n\n",
          out);
    for (size_t i = 0; i < ARRAY_LEN(commands); i++)
        fprintf(out, "  %-16s %s\n", commands[i]->name, commands[i]->help);
    fputs("\ncorral VERB --help says more. The server and the key come from CORRAL_URL and CORRAL_API_KEY\n"
          "(or CORRAL_API_KEY_FILE), else from corral login; CORRAL_CA_FILE names a CA to trust.\n"
          "Exit codes: 0 done, 1 the server refused, 2 usage, 3 the server cannot be reached.\n",
          out);
}

/* The number of words in argv that are the command's name; 0 where they differ. */
static int words_of(const struct command *c, int argc, char **argv)
{
    const char *name = c->name;
    for (int i = 0; i < argc; i++) {
        size_t n = strcspn(name, " ");
        if (strlen(argv[i]) != n || strncmp(argv[i], name, n))
            return 0;
        name += n;
        if (!*name)
            return i + 1;
        name++;
    }
    return 0;
}

static int run(struct cli *cli, int argc, char **argv)
{
    int first;
    bool go;
    int rc = cli_parse(cli, argc, argv, &first, &go);
    if (rc || !go)
        return rc;
    if (cli->command != &cmd_login && !cli_find_login(cli))
        return CLI_USAGE;
    return cli->command->run(cli, argc - first, argv + first);
}

/* Lists the verbs that begin with a noun such as "node": for --help, and after an unknown verb. */
static int no_such_verb(int argc, char **argv)
{
    bool found = false, asked = argc > 1 && (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h"));
    FILE *out = asked ? stdout : stderr;
    for (size_t i = 0; argc && i < ARRAY_LEN(commands); i++) {
        size_t n = strlen(argv[0]);
        if (!strncmp(commands[i]->name, argv[0], n) && commands[i]->name[n] == ' ') {
            fprintf(out, "%s corral %-14s %s\n", found ? "      " : "usage:", commands[i]->name,
                    commands[i]->help);
            found = true;
        }
    }
    if (!found && argc)
        fprintf(stderr, "corral: there is no verb %.60s; corral --help lists them\n", argv[0]);
    else if (!found)
        print_help(stderr);
    return found && asked ? CLI_DONE : CLI_USAGE;
}

/* Whether all arguments are UTF-8: others would be missing or changed in the request's JSON. */
static bool are_text(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        json_t *word = json_string(argv[i]);
        if (!word) {
            fprintf(stderr, "corral: argument %d is not UTF-8 and cannot be sent\n", i);
            return false;
        }
        json_decref(word);
    }
    return true;
}

static int begin(struct cli *cli, int argc, char **argv)
{
    if (!are_text(argc, argv))
        return CLI_USAGE;
    if (argc > 1 && (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h") || !strcmp(argv[1], "help"))) {
        print_help(stdout);
        return CLI_DONE;
    }
    if (argc > 1 && !strcmp(argv[1], "--version")) {
        puts("corral " CORRAL_VERSION);
        return CLI_DONE;
    }
    for (size_t i = 0; i < ARRAY_LEN(commands) && !cli->command; i++) {
        int words = words_of(commands[i], argc - 1, argv + 1);
        if (!words)
            continue;
        cli->command = commands[i];
        argc -= words;
        argv += words;
    }
    return cli->command ? run(cli, argc, argv) : no_such_verb(argc - 1, argv + 1);
}

int main(int argc, char **argv)
{
    struct cli cli = {0};
    std_files_hold();
    int rc = begin(&cli, argc, argv);
    if (cli.curl)
        curl_easy_cleanup(cli.curl);
    free(cli.given);
    free(cli.url);
    free(cli.key);
    bool lost = ferror(stdout);
    if ((fflush(stdout) || lost) && !rc) {
        perror("corral: cannot write the answer");
        return CLI_REFUSED;
    }
    return rc;
}
