/* Profiles: a server and a key for each, stored for this user. */
#include "cli/print.h"
#include "cli/profile.h"
#include "cli/text.h"
#include "cli/verbs.h"

#include "common/base/mem.h"

#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#define KEY_MAX 200

/* Reads the key from a terminal without echo, else a line of standard input. */
static bool read_key(char key[static KEY_MAX])
{
    struct termios old, quiet;
    bool terminal = isatty(STDIN_FILENO) && !tcgetattr(STDIN_FILENO, &old);
    if (terminal) {
        fputs("API key: ", stderr);
        quiet = old;
        quiet.c_lflag &= ~(tcflag_t)ECHO;
        tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet);
    }
    bool good = fgets(key, KEY_MAX, stdin);
    if (terminal) {
        tcsetattr(STDIN_FILENO, TCSAFLUSH, &old);
        fputc('\n', stderr);
    }
    if (good)
        key[strcspn(key, "\r\n")] = 0;
    return good && key[0];
}

static int login(struct cli *cli, int argc, char **argv)
{
    char key[KEY_MAX];
    struct cli_answer answer;
    const char *url = argc ? argv[0] : PROFILE_URL;
    if (strncmp(url, "http://", 7) && strncmp(url, "https://", 8))
        return cli_usage(cli, "the URL begins with http:// or https://");
    if (!read_key(key))
        return cli_usage(cli, "no API key on standard input");
    cli_use(cli, url, key);
    int rc = cli_call(cli, "GET", "/sandbox/quota/usage", NULL, &answer);
    if (rc)
        return rc;
    const char *name = json_string_value(print_at(answer.json, "user.name")),
               *tier = json_string_value(print_at(answer.json, "user.tier"));
    CLEANUP(mem_free_ptr) char *safe = text_show_only(mem_strdup(name ? name : "-"));
    CLEANUP(mem_free_ptr) char *safe_tier = text_show_only(mem_strdup(tier ? tier : "-"));
    bool stored = profile_store(cli, cli_url(cli), key);
    if (stored)
        printf("logged in at %s as %s, tier %s, profile %s\n", cli_url(cli), safe, safe_tier,
               profile_name(cli));
    cli_answer_fini(&answer);
    return stored ? CLI_DONE : CLI_REFUSED;
}

const struct command cmd_login = {
    .name = "login",
    .args = "[URL]",
    .help = "Reads an API key from standard input, checks it and stores it for this user, as a profile.",
    .most = 1,
    .offline = true,
    .run = login,
};

static int ls(struct cli *cli, int argc, char **argv)
{
    static const struct column columns[] = {
        {"NAME", "name", AS_TEXT, 0}, {"URL", "url", AS_TEXT, 1}, {"CURRENT", "current", AS_TEXT, 2}};
    json_t *all = profile_all(cli);
    size_t i;
    json_t *one;
    if (cli_wants_json(cli)) {
        print_json(all);
    } else if (cli_is_quiet(cli)) {
        json_array_foreach(all, i, one) puts(json_string_value(json_object_get(one, "name")));
    } else {
        print_table(all, columns, ARRAY_LEN(columns), true, 0);
    }
    json_decref(all);
    return CLI_DONE;
}

const struct command cmd_profile_ls = {.name = "profile ls",
                                       .args = "",
                                       .help = "Lists the profiles that corral login has stored.",
                                       .offline = true,
                                       .run = ls};

static int rm(struct cli *cli, int argc, char **argv)
{
    int first = CLI_DONE;
    for (int i = 0; i < argc; i++) {
        int rc = profile_remove(argv[i]);
        if (!rc)
            puts(argv[i]);
        if (!first)
            first = rc;
    }
    return first;
}

const struct command cmd_profile_rm = {.name = "profile rm",
                                       .args = "PROFILE...",
                                       .help = "Removes profiles, with their keys.",
                                       .least = 1,
                                       .most = -1,
                                       .offline = true,
                                       .run = rm};
