/* corral webhook: URLs that are told of events, and what became of each delivery. */
#include "cli/print.h"
#include "cli/verbs.h"

#include "common/base/mem.h"

#include <stdio.h>
#include <stdlib.h>

#define EVENT_HELP "A type of events, such as sandbox.stopped, sandbox.* or *; may be given again."
#define LABEL_HELP "Only events of sandboxes with this label; may be given again."

static const struct opt create_options[] = {
    {"event", 'e', OPT_LIST, "TYPE", "events", EVENT_HELP " Default: sandbox.*."},
    {"label", 'l', OPT_LABEL, "K=V", "labels", LABEL_HELP},
    {NULL, 0, OPT_FLAG, NULL, NULL, NULL},
};

static int create(struct cli *cli, int argc, char **argv)
{
    json_t *body = cli_body(cli);
    json_object_set_new(body, "url", json_string(argv[0]));
    if (!json_object_get(body, "events"))
        json_object_set_new(body, "events", json_pack("[s]", "sandbox.*"));
    return cli_show(cli, "POST", "/sandbox/webhooks", body);
}

const struct command cmd_webhook_create = {
    .name = "webhook create",
    .args = "URL",
    .help = "Creates a webhook, and shows the secret that its deliveries are signed with, only this once.",
    .options = create_options,
    .least = 1,
    .most = 1,
    .run = create,
};

static int ls(struct cli *cli, int argc, char **argv)
{
    static const struct column columns[] = {
        {"ID", "id", AS_TEXT, 0},
        {"URL", "url", AS_TEXT, 1},
        {"EVENTS", "events", AS_WORDS, 2},
        {"ENABLED", "enabled", AS_TEXT, 0},
        {"FAILING", "failing_since", AS_AGO, 1},
        {"CREATED", "created_at", AS_AGO, 3},
    };
    CLEANUP(mem_free_ptr) char *path = cli_query(cli, "/sandbox/webhooks");
    return cli_list(cli, path, columns, ARRAY_LEN(columns), "id");
}

static const struct opt ls_options[] = {
    {"user", 'u', OPT_TEXT, "USER", "user", "The webhooks of this user (for administrators)."},
    {NULL, 0, OPT_FLAG, NULL, NULL, NULL},
};

const struct command cmd_webhook_ls = {.name = "webhook ls",
                                       .args = "",
                                       .help = "Lists webhooks.",
                                       .options = ls_options,
                                       .list = true,
                                       .run = ls};

static int show(struct cli *cli, int argc, char **argv)
{
    CLEANUP(mem_free_ptr) char *path = cli_path("/sandbox/webhooks/%s", argv[0]);
    return cli_show(cli, "GET", path, NULL);
}

const struct command cmd_webhook_show = {.name = "webhook show",
                                         .args = "WEBHOOK",
                                         .help = "Shows a webhook, without its secret.",
                                         .least = 1,
                                         .most = 1,
                                         .run = show};

static const struct opt set_options[] = {
    {"url", 'u', OPT_TEXT, "URL", "url", "Where its deliveries go."},
    {"event", 'e', OPT_LIST, "TYPE", "events", EVENT_HELP},
    {"label", 'l', OPT_LABEL, "K=V", "labels", LABEL_HELP},
    {"enable", 0, OPT_FLAG, NULL, NULL, "Goes on with what waits, and with events from now on."},
    {"disable", 0, OPT_FLAG, NULL, NULL, "Sends nothing more."},
    {NULL, 0, OPT_FLAG, NULL, NULL, NULL},
};

static int set(struct cli *cli, int argc, char **argv)
{
    CLEANUP(mem_free_ptr) char *path = cli_path("/sandbox/webhooks/%s", argv[0]);
    return cli_change(cli, path, cli_switch(cli, cli_body(cli)), "--url https://example.com/hook");
}

const struct command cmd_webhook_set = {.name = "webhook set",
                                        .args = "WEBHOOK",
                                        .help = "Changes a webhook, disables it, or enables it again.",
                                        .options = set_options,
                                        .least = 1,
                                        .most = 1,
                                        .run = set};

static int rm(struct cli *cli, int argc, char **argv)
{
    return cli_each(cli, "DELETE", "/sandbox/webhooks/", "", argc, argv);
}

const struct command cmd_webhook_rm = {.name = "webhook rm",
                                       .args = "WEBHOOK...",
                                       .help = "Removes webhooks with their deliveries.",
                                       .least = 1,
                                       .most = -1,
                                       .run = rm};

static int rotate(struct cli *cli, int argc, char **argv)
{
    CLEANUP(mem_free_ptr) char *path = cli_path("/sandbox/webhooks/%s/rotate", argv[0]);
    return cli_show(cli, "POST", path, NULL);
}

const struct command cmd_webhook_rotate = {
    .name = "webhook rotate",
    .args = "WEBHOOK",
    .help =
        "Gives a webhook a new secret and shows it, only this once; the old one signs beside it for a day.",
    .least = 1,
    .most = 1,
    .run = rotate};

static const struct opt deliveries_options[] = {
    {"state", 's', OPT_TEXT, "pending|delivered|dead", "state", "Only deliveries in this state."},
    {NULL, 0, OPT_FLAG, NULL, NULL, NULL},
};

static int deliveries(struct cli *cli, int argc, char **argv)
{
    static const struct column columns[] = {
        {"ID", "id", AS_TEXT, 0},         {"TYPE", "type", AS_TEXT, 1},
        {"STATE", "state", AS_TEXT, 0},   {"TRIES", "tries", AS_TEXT, 2},
        {"STATUS", "status", AS_TEXT, 2}, {"NEXT", "next_try_at", AS_LEFT, 1},
        {"AGE", "created_at", AS_AGO, 3}, {"PROBLEM", "problem", AS_TEXT, 1},
    };
    CLEANUP(mem_free_ptr) char *all = cli_path("/sandbox/webhooks/%s/deliveries", argv[0]);
    CLEANUP(mem_free_ptr) char *path = cli_query(cli, all);
    return cli_list(cli, path, columns, ARRAY_LEN(columns), "id");
}

const struct command cmd_webhook_deliveries = {
    .name = "webhook deliveries",
    .args = "WEBHOOK",
    .help = "Lists what was delivered, what waits and what was given up.",
    .options = deliveries_options,
    .least = 1,
    .most = 1,
    .list = true,
    .run = deliveries};

static int replay(struct cli *cli, int argc, char **argv)
{
    CLEANUP(mem_free_ptr) char *before = cli_path("/sandbox/webhooks/%s/deliveries/", argv[0]);
    CLEANUP(mem_free_ptr) char *all = cli_path("/sandbox/webhooks/%s/deliveries/replay", argv[0]);
    return argc > 1 ? cli_each(cli, "POST", before, "/replay", argc - 1, argv + 1)
                    : cli_show(cli, "POST", all, NULL);
}

const struct command cmd_webhook_replay = {
    .name = "webhook replay",
    .args = "WEBHOOK [DELIVERY...]",
    .help = "Delivers events once more, now: the named ones, or all that were given up.",
    .least = 1,
    .most = -1,
    .run = replay};
