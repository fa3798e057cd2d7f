/* Creating, listing, changing and ending sandboxes. */
#include "cli/verbs.h"

#include "common/base/mem.h"
#include "common/model/sandbox_spec.h"

#include <stdio.h>

/* Options of common/model/limit.def, by the unit of a limit. */
#define LIMIT_OPTION(option, letter, UNIT, name, help) {option, letter, OPTION_##UNIT, #name, help},
#define OPTION_BYTES                                   OPT_BYTES, "SIZE"
#define OPTION_MILLIS                                  OPT_CPU, "CPU"
#define OPTION_COUNT                                   OPT_NUMBER, "N"

static const struct opt create_options[] = {
    {"image", 'i', OPT_TEXT, "IMAGE", "image", "Image; default: the base image."},
    {"name", 'n', OPT_TEXT, "NAME", "name", "A name to show to people."},
#define LIMIT(KIND, name, UNIT, least, most, asked, live, lent, quota, bit, env, preset, help, option,       \
              letter, option_help, ...)                                                                      \
    LIMIT_IF_##asked(LIMIT_OPTION(option, letter, UNIT, name, option_help))
#include "common/model/limit.def"
    {"shm", 0, OPT_BYTES, "SIZE", "shm_bytes", "Size of /dev/shm; part of its memory."},
    {"lifetime", 't', OPT_SECONDS, "TIME", "lifetime_seconds",
     "How long it lives, such as 90s, 10m or 1h30m."},
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
    {"image-command", 0, OPT_FLAG, NULL, "use_image_command",
     "Run the image's own entry point and command, in its working directory."},
    {"async", 0, OPT_FLAG, NULL, NULL, "Return when it is admitted, without waiting until it runs."},
    {NULL, 0, OPT_FLAG, NULL, NULL, NULL},
};

static json_t *words(int argc, char **argv)
{
    json_t *out = json_array();
    for (int i = 0; i < argc; i++)
        json_array_append_new(out, json_string(argv[i]));
    return out;
}

static int create(struct cli *cli, int argc, char **argv)
{
    json_t *body = cli_body(cli);
    if (argc)
        json_object_set_new(body, "command", words(argc, argv));
    if (cli_option(cli, "async"))
        cli_prefer_async(cli);
    return cli_show(cli, "POST", "/sandbox", body);
}

const struct command cmd_create = {
    .name = "create",
    .args = "[COMMAND [ARG]...]",
    .help = "Creates a sandbox. Without a command it idles until it is used or its time is up.",
    .options = create_options,
    .most = -1,
    .stop_at_argument = true,
    .run = create,
};

static const struct opt ls_options[] = {
    {"all", 'a', OPT_FLAG, NULL, "all", "Also sandboxes that have ended."},
    {"state", 's', OPT_TEXT, "STATE", "state", "Only sandboxes in this state."},
    {"label", 'l', OPT_LABEL, "NAME=VALUE", "label", "Only sandboxes with this label."},
    {"user", 'u', OPT_TEXT, "USER", "user", "Only sandboxes of this user (administrators)."},
    {NULL, 0, OPT_FLAG, NULL, NULL, NULL},
};

static int ls(struct cli *cli, int argc, char **argv)
{
    static const struct column columns[] = {
        {"ID", "id", AS_TEXT},
        {"NAME", "name", AS_TEXT},
        {"STATE", "state", AS_TEXT},
        {"REASON", "reason", AS_TEXT},
        {"IMAGE", "image", AS_TEXT},
        {"NODE", "node", AS_TEXT},
        {"CREATED", "created_at", AS_AGO},
        {"LEFT", "expires_at", AS_LEFT},
    };
    CLEANUP(mem_free_ptr) char *path = cli_query(cli, "/sandbox");
    return cli_list(cli, path, columns, ARRAY_LEN(columns), "id");
}

const struct command cmd_ls = {
    .name = "ls",
    .args = "",
    .help = "Lists sandboxes.",
    .options = ls_options,
    .run = ls,
};

static int show(struct cli *cli, int argc, char **argv)
{
    CLEANUP(mem_free_ptr) char *path = cli_path("/sandbox/%s", argv[0]);
    return cli_show(cli, "GET", path, NULL);
}

const struct command cmd_show = {
    .name = "show",
    .args = "ID",
    .help = "Shows all that is known of a sandbox.",
    .least = 1,
    .most = 1,
    .run = show,
};

static const struct opt rm_options[] = {
    {"as-admin", 0, OPT_FLAG, NULL, NULL, "Record that an administrator ended them (administrators)."},
    {NULL, 0, OPT_FLAG, NULL, NULL, NULL},
};

static int rm(struct cli *cli, int argc, char **argv)
{
    return cli_each(cli, "DELETE", "/sandbox/", cli_option(cli, "as-admin") ? "?reason=admin" : "", argc,
                    argv);
}

const struct command cmd_rm = {
    .name = "rm",
    .args = "ID...",
    .help = "Ends sandboxes and removes all that belongs to them.",
    .options = rm_options,
    .least = 1,
    .most = -1,
    .run = rm,
};

static const struct opt extend_options[] = {
    {"lifetime", 't', OPT_SECONDS, "TIME", "lifetime_seconds", "New lifetime, counted from now."},
#define LIMIT(KIND, name, UNIT, least, most, asked, live, lent, quota, bit, env, preset, help, option,       \
              letter, option_help, ...)                                                                      \
    LIMIT_IF_##live(LIMIT_OPTION(option, letter, UNIT, name, option_help))
#include "common/model/limit.def"
    {"force", 0, OPT_FLAG, NULL, "force", "Also set a memory limit below its use, which ends it."},
    {"name", 'n', OPT_TEXT, "NAME", "name", "Its name."},
    {NULL, 0, OPT_FLAG, NULL, NULL, NULL},
};

static int extend(struct cli *cli, int argc, char **argv)
{
    CLEANUP(mem_free_ptr) char *path = cli_path("/sandbox/%s", argv[0]);
    json_t *body = cli_body(cli);
    if (!json_object_size(body)) {
        json_decref(body);
        return cli_usage(cli, "name what to change, such as --lifetime 2h");
    }
    return cli_show(cli, "PATCH", path, body);
}

const struct command cmd_extend = {
    .name = "extend",
    .args = "ID",
    .help = "Changes the lifetime, limits or name of a live sandbox, within the tier.",
    .options = extend_options,
    .least = 1,
    .most = 1,
    .run = extend,
};

static const struct opt pause_options[] = {
    {"async", 0, OPT_FLAG, NULL, NULL,
     "Return when the request is recorded, without waiting for its effect."},
    {NULL, 0, OPT_FLAG, NULL, NULL, NULL},
};

static int freeze(struct cli *cli, int argc, char **argv)
{
    if (cli_option(cli, "async"))
        cli_prefer_async(cli);
    return cli_each(cli, "POST", "/sandbox/", "/pause", argc, argv);
}

const struct command cmd_pause = {
    .name = "pause",
    .args = "ID...",
    .help = "Freezes sandboxes; they keep their memory and disk.",
    .options = pause_options,
    .least = 1,
    .most = -1,
    .run = freeze,
};

static int resume(struct cli *cli, int argc, char **argv)
{
    if (cli_option(cli, "async"))
        cli_prefer_async(cli);
    return cli_each(cli, "POST", "/sandbox/", "/resume", argc, argv);
}

const struct command cmd_resume = {
    .name = "resume",
    .args = "ID...",
    .help = "Thaws sandboxes.",
    .options = pause_options,
    .least = 1,
    .most = -1,
    .run = resume,
};
