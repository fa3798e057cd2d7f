#include "cli/verbs.h"

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
    const char *url = argc ? argv[0] : "http://127.0.0.1:3000";
    if (strncmp(url, "http://", 7) && strncmp(url, "https://", 8))
        return cli_usage(cli, "the URL begins with http:// or https://");
    if (!read_key(key))
        return cli_usage(cli, "no API key on standard input");
    cli_use(cli, url, key);
    int rc = cli_call(cli, "GET", "/sandbox/quota/usage", NULL, &answer);
    if (rc)
        return rc;
    const json_t *user = json_object_get(answer.json, "user");
    bool stored = cli_store_login(cli_url(cli), key);
    if (stored)
        printf("logged in at %s as %s, tier %s\n", cli_url(cli),
               json_string_value(json_object_get(user, "name")),
               json_string_value(json_object_get(user, "tier")));
    cli_answer_fini(&answer);
    return stored ? CLI_DONE : CLI_REFUSED;
}

const struct command cmd_login = {
    .name = "login",
    .args = "[URL]",
    .help = "Reads an API key from standard input, checks it and stores it for this user.",
    .most = 1,
    .run = login,
};
