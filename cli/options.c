/* Turns the command line into values, bodies and queries, by the option rows of the verb. */
#include "cli/cli_int.h"

#include "common/base/mem.h"
#include "common/base/units.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OPTIONS_MAX 64

static const struct opt list_options[] = {
    {"filter", 'f', OPT_PAIR, "FIELD=VALUE", NULL,
     "Only those whose field has this value, in which * stands for anything: state=running, label=tier=web, "
     "limits.pids=128; may be given again: one of the values of a field, and all of the fields."},
    {NULL, 0, OPT_FLAG, NULL, NULL, NULL},
};

static const struct opt common_options[] = {
    {"json", 0, OPT_FLAG, NULL, NULL, "Print the server's JSON; the same as -o json."},
    {"output", 'o', OPT_TEXT, "table|json", NULL, "How to print."},
    {"quiet", 'q', OPT_FLAG, NULL, NULL, "Print ids only."},
    {"profile", 0, OPT_TEXT, "PROFILE", NULL, "Server and key of this profile (corral login)."},
    {"help", 'h', OPT_FLAG, NULL, NULL, "Print this help."},
    {NULL, 0, OPT_FLAG, NULL, NULL, NULL},
};

const struct opt *cli_option_row(const struct command *command, int index)
{
    const struct opt *const lists[] = {command->options, command->shared, command->list ? list_options : NULL,
                                       common_options};
    for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
        for (const struct opt *o = lists[i]; o && o->name; o++) {
            if (!index--)
                return o;
        }
    }
    return NULL;
}

static void print_help(const struct command *c)
{
    const struct opt *o;
    printf("usage: corral %s [OPTION]...%s%s\n\n%s\n\noptions:\n", c->name, c->args[0] ? " " : "", c->args,
           c->help);
    for (int i = 0; (o = cli_option_row(c, i)); i++) {
        char head[64], letter[8] = "   ";
        if (o->letter)
            snprintf(letter, sizeof letter, "-%c,", o->letter);
        snprintf(head, sizeof head, "%s --%s%s%s", letter, o->name, o->value ? " " : "",
                 o->value ? o->value : "");
        printf("  %-32s %s\n", head, o->help);
    }
}

int cli_usage(const struct cli *cli, const char *sentence)
{
    fprintf(stderr, "corral %s: %s; see corral %s --help\n", cli->command->name, sentence,
            cli->command->name);
    return CLI_USAGE;
}

/* The length of K in K=V, or in a label's K:V. */
static size_t name_length(const struct opt *o, const char *value)
{
    return strcspn(value, o->type == OPT_LABEL ? "=:" : "=");
}

static bool value_is_good(const struct opt *o, const char *value)
{
    uint64_t n;
    switch (o->type) {
    case OPT_NUMBER:
        return value[0] && !value[strspn(value, "0123456789")] && units_parse_bytes(value, &n) &&
               n <= INT64_MAX;
    case OPT_BYTES:
        return units_parse_bytes(value, &n) && n <= INT64_MAX;
    case OPT_CPU:
        return units_parse_cpu_millis(value, &n) && n <= INT64_MAX;
    case OPT_SECONDS:
        return units_parse_seconds(value, &n) && n <= INT64_MAX;
    case OPT_PAIR:
    case OPT_LABEL:
        return name_length(o, value) && value[name_length(o, value)];
    case OPT_FLAG:
    case OPT_TEXT:
    case OPT_LIST:
        break;
    }
    return true;
}

static int take(struct cli *cli, const struct opt *o, const char *value)
{
    char sentence[200];
    if (!value_is_good(o, value)) {
        snprintf(sentence, sizeof sentence, "--%s takes %s, not \"%.60s\"", o->name, o->value, value);
        return cli_usage(cli, sentence);
    }
    if (!strcmp(o->name, "output") && strcmp(value, "table") && strcmp(value, "json"))
        return cli_usage(cli, "--output is table or json");
    cli->given = mem_grow(cli->given, cli->given_count + 1, sizeof *cli->given);
    cli->given[cli->given_count++] = (struct given){o, value};
    return CLI_DONE;
}

/*
 * Fills getopt's tables from our rows: a long option's val is 256 + the row's index; a letter is searched in
 * the rows.
 */
static int rows_to_getopt(const struct cli *cli, struct option *longs, char *letters)
{
    int n = 0;
    char *at = letters;
    if (cli->command->arguments != ARGUMENTS_ANYWHERE)
        *at++ = cli->command->arguments == ARGUMENTS_END_OPTIONS ? '+' : '-';
    *at++ = ':';
    for (const struct opt *o; n < OPTIONS_MAX - 1 && (o = cli_option_row(cli->command, n)); n++) {
        bool has_value = o->type != OPT_FLAG;
        longs[n] = (struct option){o->name, has_value ? required_argument : no_argument, NULL, 256 + n};
        if (o->letter) {
            *at++ = o->letter;
            if (has_value)
                *at++ = ':';
        }
    }
    longs[n] = (struct option){0};
    *at = 0;
    return n;
}

static const struct opt *row_of_letter(const struct cli *cli, int letter)
{
    const struct opt *o;
    for (int i = 0; (o = cli_option_row(cli->command, i)); i++) {
        if (o->letter == letter)
            return o;
    }
    return NULL;
}

static int check_count(const struct cli *cli, int argc)
{
    const struct command *c = cli->command;
    if (argc < c->least)
        return cli_usage(cli, argc ? "an argument is missing" : "arguments are missing");
    if (c->most >= 0 && argc > c->most)
        return cli_usage(cli, "there are too many arguments");
    return CLI_DONE;
}

/* The argument before "--", with getopt's value for it. */
static int take_before(struct cli *cli, const char *argument)
{
    char sentence[200];
    if (cli->before) {
        snprintf(sentence, sizeof sentence,
                 "\"%.60s\" is one argument too many: what is to run comes after \"--\"", argument);
        return cli_usage(cli, sentence);
    }
    cli->before = argument;
    return CLI_DONE;
}

static int take_option(struct cli *cli, int got, const char *word)
{
    const struct opt *o = got >= 256 ? cli_option_row(cli->command, got - 256) : row_of_letter(cli, got);
    char sentence[200];
    if (got != '?' && got != ':' && o)
        return take(cli, o, o->type == OPT_FLAG ? "" : optarg);
    snprintf(sentence, sizeof sentence, "%.100s %s", word, got == ':' ? "needs a value" : "is no option");
    return cli_usage(cli, sentence);
}

int cli_parse(struct cli *cli, int argc, char **argv, int *first, bool *go)
{
    struct option longs[OPTIONS_MAX];
    char letters[2 * OPTIONS_MAX + 3];
    rows_to_getopt(cli, longs, letters);
    *go = false;
    opterr = 0;
    optind = 1;
    for (int got; (got = getopt_long(argc, argv, letters, longs, NULL)) != -1;) {
        int rc = got == 1 ? take_before(cli, optarg) : take_option(cli, got, argv[optind - 1]);
        if (rc)
            return rc;
        if (cli_option(cli, "help")) {
            print_help(cli->command);
            return CLI_DONE;
        }
    }
    *first = optind;
    *go = true;
    return check_count(cli, argc - optind);
}

const char *cli_before(const struct cli *cli)
{
    return cli->before;
}

const char *cli_option(const struct cli *cli, const char *name)
{
    for (size_t i = cli->given_count; i--;) {
        if (!strcmp(cli->given[i].option->name, name))
            return cli->given[i].value;
    }
    return NULL;
}

int cli_each_option(const struct cli *cli, const char *name, int (*cb)(void *arg, const char *value),
                    void *arg)
{
    int rc = 0;
    for (size_t i = 0; i < cli->given_count && !rc; i++) {
        if (!strcmp(cli->given[i].option->name, name))
            rc = cb(arg, cli->given[i].value);
    }
    return rc;
}

bool cli_wants_json(const struct cli *cli)
{
    const char *output = cli_option(cli, "output");
    return cli_option(cli, "json") || (output && !strcmp(output, "json"));
}

bool cli_is_quiet(const struct cli *cli)
{
    return cli_option(cli, "quiet");
}

static void put_pair(json_t *body, const struct opt *o, const char *text)
{
    const char *field = o->field;
    size_t length = name_length(o, text);
    json_t *object = json_object_get(body, field);
    if (!object) {
        object = json_object();
        json_object_set_new(body, field, object);
    }
    char *name = mem_dup(text, length);
    json_object_set_new(object, name, json_string(text + length + 1));
    free(name);
}

static void put_item(json_t *body, const char *field, const char *text)
{
    if (!json_object_get(body, field))
        json_object_set_new(body, field, json_array());
    json_array_append_new(json_object_get(body, field), json_string(text));
}

static void put(json_t *body, const struct given *g)
{
    const char *field = g->option->field;
    uint64_t n = 0;
    switch (g->option->type) {
    case OPT_FLAG:
        json_object_set_new(body, field, json_true());
        break;
    case OPT_TEXT:
        json_object_set_new(body, field, json_string(g->value));
        break;
    case OPT_NUMBER:
    case OPT_BYTES:
        if (units_parse_bytes(g->value, &n)) /* checked before */
            json_object_set_new(body, field, json_integer((json_int_t)n));
        break;
    case OPT_CPU:
        if (units_parse_cpu_millis(g->value, &n))
            json_object_set_new(body, field, json_integer((json_int_t)n));
        break;
    case OPT_SECONDS:
        if (units_parse_seconds(g->value, &n))
            json_object_set_new(body, field, json_integer((json_int_t)n));
        break;
    case OPT_LIST:
        put_item(body, field, g->value);
        break;
    case OPT_PAIR:
    case OPT_LABEL:
        put_pair(body, g->option, g->value);
        break;
    }
}

json_t *cli_body(const struct cli *cli)
{
    json_t *body = json_object();
    for (size_t i = 0; i < cli->given_count; i++) {
        if (cli->given[i].option->field)
            put(body, &cli->given[i]);
    }
    return body;
}

/* A value escaped for a query; free with curl_free. */
static char *query_value(const struct given *g)
{
    if (g->option->type == OPT_FLAG)
        return curl_easy_escape(NULL, "true", 0);
    CLEANUP(mem_free_ptr) char *value = mem_strdup(g->value);
    if (g->option->type == OPT_LABEL)
        value[name_length(g->option, value)] = ':';
    return curl_easy_escape(NULL, value, 0);
}

char *cli_query(const struct cli *cli, const char *path)
{
    char *out = NULL;
    size_t len;
    FILE *text = open_memstream(&out, &len);
    char mark = '?';
    fputs(path, text);
    for (size_t i = 0; i < cli->given_count; i++) {
        const struct opt *o = cli->given[i].option;
        if (!o->field)
            continue;
        char *value = query_value(&cli->given[i]);
        fprintf(text, "%c%s=%s", mark, o->field, value);
        curl_free(value);
        mark = '&';
    }
    fclose(text);
    return out;
}
