/* Creating sandboxes. */
#include "cli/create.h"
#include "cli/limit_options.h"
#include "cli/print.h"
#include "cli/verbs.h"

#include <stdio.h>

#define READY_PATIENCE_S 3720

const struct opt create_options[] = {
    {"image", 0, OPT_TEXT, "IMAGE", "image", "Image; default: the base image."},
#define LIMIT(KIND, name, UNIT, least, most, asked, live, lent, quota, bit, env, preset, help, option,       \
              letter, option_help, ...)                                                                      \
    LIMIT_IF_##asked(LIMIT_OPTION(option, letter, UNIT, name, option_help))
#include "common/model/limit.def"
    {"shm", 0, OPT_BYTES, "SIZE", "shm_bytes", "Size of /dev/shm; part of its memory."},
    {"lifetime", 0, OPT_SECONDS, "TIME", "lifetime_seconds", "How long it lives, such as 90s, 10m or 1h30m."},
    {"idle-timeout", 0, OPT_SECONDS, "TIME", "idle_timeout_seconds",
     "End it after this time without work; on nodes so configured, pause it."},
    {"env", 'e', OPT_PAIR, "NAME=VALUE", "env", "An environment variable; may be given again."},
    {"label", 'l', OPT_LABEL, "NAME=VALUE", "labels", "A label; may be given again."},
    {"network", 0, OPT_TEXT, "none|egress", "network", "What it may reach."},
    {"restart", 0, OPT_TEXT, "never|elsewhere", "restart", "What happens when its node is lost."},
    {"region", 0, OPT_TEXT, "REGION", "region", "Only on nodes of this region."},
    {"node-label", 0, OPT_PAIR, "NAME=VALUE", "node_labels",
     "Only on nodes with this label; may be given again."},
    {"runtime", 0, OPT_TEXT, "RUNTIME", "runtime", "Container runtime, such as runsc."},
    {NULL, 0, OPT_FLAG, NULL, NULL, NULL},
};

json_t *create_command(int argc, char **argv)
{
    json_t *words = json_array();
    for (int i = 0; i < argc; i++)
        json_array_append_new(words, json_string(argv[i]));
    return words;
}

static const struct opt own_options[] = {
    CREATE_NAME_OPTIONS,
    {"image-command", 0, OPT_FLAG, NULL, "use_image_command",
     "Run the image's own entry point and command, in its working directory."},
    {"async", 0, OPT_FLAG, NULL, NULL, "Return when it is admitted, without waiting until it runs."},
    {NULL, 0, OPT_FLAG, NULL, NULL, NULL},
};

static int create(struct cli *cli, int argc, char **argv)
{
    struct cli_answer answer;
    json_t *body = cli_body(cli);
    if (argc)
        json_object_set_new(body, "command", create_command(argc, argv));
    cli_prefer_async(cli, cli_option(cli, "async"));
    if (cli_option(cli, "template"))
        cli_patience(cli, READY_PATIENCE_S); /* its ready check may take so long */
    int rc = cli_call(cli, "POST", "/sandbox", body, &answer);
    if (rc)
        return rc;
    const char *id = json_string_value(json_object_get(answer.json, "id"));
    if (cli_wants_json(cli))
        print_json(answer.json);
    else if (id)
        puts(id);
    cli_tell_later(cli, &answer, "the sandbox");
    cli_answer_fini(&answer);
    return CLI_DONE;
}

const struct command cmd_create = {
    .name = "create",
    .args = "[COMMAND [ARG]...]",
    .help =
        "Creates a sandbox and prints its id. Without a command it idles until it is used or its time is up.",
    .options = create_options,
    .shared = own_options,
    .most = -1,
    .arguments = ARGUMENTS_END_OPTIONS,
    .run = create,
};
