/* corral template: names for what a create says, in versions. */
#include "cli/create.h"
#include "cli/print.h"
#include "cli/verbs.h"

#include "common/base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TEMPLATES "/sandbox/templates"

/* --- what a template says beside what a create does --- */

static const struct opt said_options[] = {
    {"image-command", 0, OPT_FLAG, NULL, "use_image_command",
     "Run the image's own entry point and command, in its working directory."},
    {"ready", 0, OPT_TEXT, "COMMAND", NULL,
     "A sandbox runs once this command of the shell has ended inside it with 0."},
    {"ready-interval", 0, OPT_NUMBER, "MS", NULL, "Between two tries of it, in milliseconds; default: 1000."},
    {"ready-timeout", 0, OPT_NUMBER, "SECONDS", NULL, "For all of its tries; default: 60."},
    {"warm", 0, OPT_NUMBER, "N", "warm",
     "How many containers like it stand ready; of a shared one only (for administrators)."},
    {"shared", 0, OPT_FLAG, NULL, NULL, "One for all users (for administrators)."},
    {"clear", 0, OPT_LIST, "FIELD", NULL, "Take a field away, such as command or ready; may be given again."},
    {NULL, 0, OPT_FLAG, NULL, NULL, NULL},
};

static void set_number(json_t *object, const char *name, const char *text)
{
    if (text)
        json_object_set_new(object, name, json_integer(strtoll(text, NULL, 10)));
}

static int clear(void *body, const char *field)
{
    return json_object_set_new(body, field, json_null());
}

/* The body of what was said of the template that is named; the words behind "--" are the command. NULL: it is
 * not right, and that is told. */
static json_t *said(struct cli *cli, int argc, char **argv)
{
    if (!cli_before(cli)) {
        (void)!cli_usage(cli, "needs the name of the template");
        return NULL;
    }
    const char *ready = cli_option(cli, "ready"), *every = cli_option(cli, "ready-interval"),
               *within = cli_option(cli, "ready-timeout");
    json_t *body = cli_body(cli);
    if (!ready && (every || within)) {
        (void)!cli_usage(cli, "--ready-interval and --ready-timeout go with --ready");
        json_decref(body);
        return NULL;
    }
    if (argc)
        json_object_set_new(body, "command", create_command(argc, argv));
    if (ready) {
        json_t *check = json_pack("{s:[s,s,s]}", "command", "sh", "-c", ready);
        set_number(check, "interval_ms", every);
        set_number(check, "timeout_seconds", within);
        json_object_set_new(body, "ready", check);
    }
    (void)!cli_each_option(cli, "clear", clear, body);
    return body;
}

/* --- verbs --- */

static int create(struct cli *cli, int argc, char **argv)
{
    json_t *body = said(cli, argc, argv);
    if (!body)
        return CLI_USAGE;
    json_object_set_new(body, "name", json_string(cli_before(cli)));
    if (cli_option(cli, "shared"))
        json_object_set_new(body, "shared", json_true());
    return cli_show(cli, "POST", TEMPLATES, body);
}

const struct command cmd_template_create = {
    .name = "template create",
    .args = "NAME [OPTION]... [-- COMMAND [ARG]...]",
    .help = "Creates a template, a name for what a create says; sandboxes are made by it with --template.",
    .options = create_options,
    .shared = said_options,
    .most = -1,
    .arguments = ARGUMENTS_AFTER_DASHES,
    .run = create};

/* Asks for the shared one where that was said. */
static char *path_of(const struct cli *cli, const char *name)
{
    CLEANUP(mem_free_ptr) char *path = cli_path(TEMPLATES "/%s", name);
    char *out;
    if (asprintf(&out, "%s%s", path, cli_option(cli, "shared") ? "?shared=true" : "") < 0)
        abort();
    return out;
}

static int set(struct cli *cli, int argc, char **argv)
{
    json_t *body = said(cli, argc, argv);
    if (!body)
        return CLI_USAGE;
    CLEANUP(mem_free_ptr) char *path = path_of(cli, cli_before(cli));
    return cli_change(cli, path, body, "--memory 256M");
}

const struct command cmd_template_set = {
    .name = "template set",
    .args = "TEMPLATE [OPTION]... [-- COMMAND [ARG]...]",
    .help =
        "Changes a template, which makes its next version. --env and --label take the place of all before.",
    .options = create_options,
    .shared = said_options,
    .most = -1,
    .arguments = ARGUMENTS_AFTER_DASHES,
    .run = set};

#define USER_OPTION                                                                                          \
    {                                                                                                        \
        "user", 'u', OPT_TEXT, "USER", "user", "Those of this user (for administrators)."                    \
    }

static const struct opt whose_options[] = {
    USER_OPTION,
    {"shared", 0, OPT_FLAG, NULL, "shared", "Only shared ones, also where you have one of this name."},
    {NULL, 0, OPT_FLAG, NULL, NULL, NULL},
};

static const struct column columns[] = {
    {"TEMPLATE", "ref", AS_TEXT, 0},   {"SHARED", "shared", AS_TEXT, 1},
    {"IMAGE", "image", AS_TEXT, 0},    {"MEMORY", "memory_bytes", AS_BYTES, 1},
    {"CPU", "cpu_millis", AS_TEXT, 2}, {"COMMAND", "command", AS_WORDS, 3},
    {"WARM", "warm", AS_TEXT, 3},      {"MADE", "created_at", AS_AGO, 2},
};

static int ls(struct cli *cli, int argc, char **argv)
{
    CLEANUP(mem_free_ptr) char *path = cli_query(cli, TEMPLATES);
    return cli_list(cli, path, columns, ARRAY_LEN(columns), "name");
}

const struct command cmd_template_ls = {.name = "template ls",
                                        .args = "",
                                        .help = "Lists your own and the shared templates.",
                                        .options = whose_options,
                                        .list = true,
                                        .run = ls};

static int show(struct cli *cli, int argc, char **argv)
{
    CLEANUP(mem_free_ptr) char *plain = cli_path(TEMPLATES "/%s", argv[0]);
    CLEANUP(mem_free_ptr) char *path = cli_query(cli, plain);
    return cli_show(cli, "GET", path, NULL);
}

const struct command cmd_template_show = {
    .name = "template show",
    .args = "TEMPLATE",
    .help = "Shows a template, or a version of it (NAME@NUMBER), with the names of its environment only.",
    .options = whose_options,
    .least = 1,
    .most = 1,
    .run = show};

static int versions(struct cli *cli, int argc, char **argv)
{
    CLEANUP(mem_free_ptr) char *plain = cli_path(TEMPLATES "/%s/versions", argv[0]);
    CLEANUP(mem_free_ptr) char *path = cli_query(cli, plain);
    return cli_list(cli, path, columns, ARRAY_LEN(columns), "ref");
}

const struct command cmd_template_versions = {.name = "template versions",
                                              .args = "TEMPLATE",
                                              .help = "Lists the versions of a template, newest first.",
                                              .options = whose_options,
                                              .least = 1,
                                              .most = 1,
                                              .list = true,
                                              .run = versions};

static const struct opt rm_options[] = {
    {"shared", 0, OPT_FLAG, NULL, NULL, "The shared ones of these names (for administrators)."},
    {NULL, 0, OPT_FLAG, NULL, NULL, NULL},
};

static int rm(struct cli *cli, int argc, char **argv)
{
    return cli_each(cli, "DELETE", TEMPLATES "/", cli_option(cli, "shared") ? "?shared=true" : "", argc,
                    argv);
}

const struct command cmd_template_rm = {
    .name = "template rm",
    .args = "TEMPLATE...",
    .help = "Removes templates with their versions, or (NAME@NUMBER) versions; their sandboxes live on.",
    .options = rm_options,
    .least = 1,
    .most = -1,
    .run = rm};
