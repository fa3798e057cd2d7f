/* corral: finds the verb, parses its options, runs it. */
#include "cli/cli_int.h"
#include "cli/completion.h"
#include "cli/profile.h"
#include "cli/verbs.h"

#include "common/io/std_files.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void print_help(FILE *out)
{
    fputs("corral is the client of Corral: sandboxes for code that is not trusted.\n\n"
          "usage: corral VERB [OPTION]... [ARGUMENT]...\n\n",
          out);
    for (size_t i = 0; i < verbs_count; i++)
        fprintf(out, "  %-16s %s\n", verbs[i]->name, verbs[i]->help);
    fputs("\ncorral VERB --help says more. A SANDBOX is an id, the beginning of one (sbx_01K...) that no "
          "other id\n"
          "has, or a name. The server and the key come from --profile, else from CORRAL_URL and "
          "CORRAL_API_KEY (or\n"
          "CORRAL_API_KEY_FILE), else from the profile that CORRAL_PROFILE names, else from the profile "
          "default;\n"
          "corral login stores profiles. CORRAL_CA_FILE names a CA to trust, NO_COLOR turns colours off.\n"
          "Exit codes: 0 done, 1 the server refused, 2 usage, 3 the server cannot be reached; of run and "
          "exec: that\n"
          "of the command, 126 it cannot be invoked, 127 it is not found, 125 Corral failed or refused; of "
          "shell: that\n"
          "of its shell, once it runs.\n",
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
    if (!rc && go && !cli->command->offline && !profile_use(cli))
        rc = CLI_USAGE;
    if (rc && cli->command->failure)
        rc = cli->command->failure;
    return rc || !go ? rc : cli->command->run(cli, argc - first, argv + first);
}

/* Lists the verbs that begin with a noun such as "node": for --help, and after an unknown verb. */
static int no_such_verb(int argc, char **argv)
{
    bool found = false, asked = argc > 1 && (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h"));
    FILE *out = asked ? stdout : stderr;
    for (size_t i = 0; argc && i < verbs_count; i++) {
        size_t n = strlen(argv[0]);
        if (!strncmp(verbs[i]->name, argv[0], n) && verbs[i]->name[n] == ' ') {
            fprintf(out, "%s corral %-14s %s\n", found ? "      " : "usage:", verbs[i]->name, verbs[i]->help);
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
    if (argc > 1 && !strcmp(argv[1], COMPLETION_VERB))
        return completion_run(cli, argc - 2, argv + 2);
    for (size_t i = 0; i < verbs_count && !cli->command; i++) {
        int words = words_of(verbs[i], argc - 1, argv + 1);
        if (!words)
            continue;
        cli->command = verbs[i];
        argc -= words;
        argv += words;
    }
    return cli->command ? run(cli, argc, argv) : no_such_verb(argc - 1, argv + 1);
}

int main(int argc, char **argv)
{
    struct cli cli = {.verbs = verbs, .verb_count = verbs_count, .patience_s = 90};
    std_files_hold();
    int rc = begin(&cli, argc, argv);
    curl_easy_cleanup(cli.curl);
    curl_multi_cleanup(cli.multi);
    json_decref(cli.live);
    json_decref(cli.all);
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
