/* Making sandboxes, listing them, changing and ending them. */
#include "cli/verbs.h"

#include "common/base/mem.h"

#include <stdio.h>

static const struct opt create_options[] = {
    {"image", 'i', OPT_TEXT, "IMAGE", "image", "Image; without one the base image."},
    {"name", 'n', OPT_TEXT, "NAME", "name", "A name for people."},
    {"memory", 'm', OPT_BYTES, "SIZE", "memory_bytes", "Memory, such as 256M."},
    {"cpu", 'c', OPT_CPU, "CPU", "cpu_millis",
     "CPU: processors with a point, such as 0.5, or thousandths, such as 500m."},
    {"cpu-shares", 0, OPT_NUMBER, "N", "cpu_shares", "Relative weight where CPU is scarce."},
    {"disk", 'd', OPT_BYTES, "SIZE", "storage_bytes", "Writable disk, such as 1G."},
    {"shm", 0, OPT_BYTES, "SIZE", "shm_bytes", "What /dev/shm holds, of its memory."},
    {"pids", 0, OPT_NUMBER, "N", "pids", "Processes at once."},
    {"lifetime", 't', OPT_SECONDS, "TIME", "lifetime_seconds",
     "When it ends by itself, such as 90s, 10m or 1h30m."},
    {"idle-timeout", 0, OPT_SECONDS, "TIME", "idle_timeout_seconds",
     "End it, or pause it where nodes do so, after so long without work."},
    {"env", 'e', OPT_PAIR, "NAME=VALUE", "env", "A variable of its environment; may be given again."},
    {"label", 'l', OPT_LABEL, "NAME=VALUE", "labels", "A label; may be given again."},
    {"network", 0, OPT_TEXT, "none|egress", "network", "What it may reach."},
    {"restart", 0, OPT_TEXT, "never|elsewhere", "restart", "What happens when its node is lost."},
    {"region", 0, OPT_TEXT, "REGION", "region", "Only on nodes of this region."},
    {"node-label", 0, OPT_PAIR, "NAME=VALUE", "node_labels",
     "Only on nodes with this label; may be given again."},
    {"runtime", 0, OPT_TEXT, "RUNTIME", "runtime", "Container runtime, such as runsc."},
    {"image-command", 0, OPT_FLAG, NULL, "use_image_command",
     "Run the image's own entry point and command, in its own folder."},
    {"async", 0, OPT_FLAG, NULL, NULL, "Answer when it is admitted, not when it runs."},
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
    {"all", 'a', OPT_FLAG, NULL, "all", "Also those that have ended."},
    {"state", 's', OPT_TEXT, "STATE", "state", "Only those in this state."},
    {"label", 'l', OPT_LABEL, "NAME=VALUE", "label", "Only those with this label."},
    {"user", 'u', OPT_TEXT, "USER", "user", "Only this user's (administrators)."},
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
    {"as-admin", 0, OPT_FLAG, NULL, NULL, "Say that the administration ended them (administrators)."},
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
    .help = "Ends sandboxes and removes all that they had.",
    .options = rm_options,
    .least = 1,
    .most = -1,
    .run = rm,
};

static const struct opt extend_options[] = {
    {"lifetime", 't', OPT_SECONDS, "TIME", "lifetime_seconds", "It ends so long from now."},
    {"memory", 'm', OPT_BYTES, "SIZE", "memory_bytes", "Its memory."},
    {"force", 0, OPT_FLAG, NULL, "force", "Also memory below what it holds, which ends it."},
    {"cpu", 'c', OPT_CPU, "CPU", "cpu_millis",
     "Its CPU: processors with a point, such as 0.5, or thousandths, such as 500m."},
    {"cpu-shares", 0, OPT_NUMBER, "N", "cpu_shares", "Its weight where CPU is scarce."},
    {"name", 'n', OPT_TEXT, "NAME", "name", "Its name."},
    {NULL, 0, OPT_FLAG, NULL, NULL, NULL},
};

static int extend(struct cli *cli, int argc, char **argv)
{
    CLEANUP(mem_free_ptr) char *path = cli_path("/sandbox/%s", argv[0]);
    json_t *body = cli_body(cli);
    if (!json_object_size(body)) {
        json_decref(body);
        return cli_usage(cli, "say what is to change, such as --lifetime 2h");
    }
    return cli_show(cli, "PATCH", path, body);
}

const struct command cmd_extend = {
    .name = "extend",
    .args = "ID",
    .help = "Gives a live sandbox another end, other limits or another name, within the tier.",
    .options = extend_options,
    .least = 1,
    .most = 1,
    .run = extend,
};

static const struct opt pause_options[] = {
    {"async", 0, OPT_FLAG, NULL, NULL, "Answer when that is recorded, not when it is so."},
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
