#include "cli/tty_option.h"

#include "cli/escape.h"

#include <stdio.h>
#include <string.h>

int tty_option_refuse(const char *instead)
{
    fprintf(stderr, "corral: the input device is not a TTY; %s\n", instead);
    return CLI_USAGE;
}

int tty_option_escape(const struct cli *cli, int *key)
{
    const char *text = cli_option(cli, "escape");
    *key = text && !strcmp(text, "none") ? -1 : text ? (unsigned char)text[0] : ESCAPE_USUAL;
    if (!text || *key < 0 || (text[0] > ' ' && text[0] < 0x7f && !text[1]))
        return CLI_DONE;
    return cli_usage(cli, "--escape takes one character, or none");
}
