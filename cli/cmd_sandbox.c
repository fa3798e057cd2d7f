/* Listing, showing, changing and ending sandboxes. */
#include "cli/filter.h"
#include "cli/limit_options.h"
#include "cli/lookup.h"
#include "cli/print.h"
#include "cli/verbs.h"

#include "common/base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct opt ls_options[] = {
    {"all", 'a', OPT_FLAG, NULL, "all", "Also sandboxes that have ended."},
    {"state", 's', OPT_TEXT, "STATE", "state", "Only sandboxes in this state."},
    {"label", 'l', OPT_LABEL, "NAME=VALUE", "label", "Only sandboxes with this label."},
    {"template", 0, OPT_TEXT, "TEMPLATE", "template", "Only sandboxes that were made by this template."},
    {"user", 'u', OPT_TEXT, "USER", "user", "Only sandboxes of this user (administrators)."},
    {NULL, 0, OPT_FLAG, NULL, NULL, NULL},
};

/* Who asks for an ended state, or for a reason, wants to see sandboxes that have ended. */
static bool wants_ended(const struct cli *cli)
{
    const char *state = cli_option(cli, "state");
    bool ended = state && (!strcmp(state, "stopped") || !strcmp(state, "failed"));
    return !cli_option(cli, "all") && (ended || filter_has(cli, "state", "stopped") ||
                                       filter_has(cli, "state", "failed") || filter_has(cli, "reason", ""));
}

static int ls(struct cli *cli, int argc, char **argv)
{
    static const struct column columns[] = {
        {"ID", "id", AS_TEXT, 0},
        {"NAME", "name", AS_TEXT, 1},
        {"STATE", "state", AS_STATE, 0},
        {"REASON", "reason", AS_TEXT, 3},
        {"IMAGE", "image", AS_TEXT, 4},
        {"NODE", "node", AS_TEXT, 6},
        {"CREATED", "created_at", AS_AGO, 5},
        {"LEFT", "expires_at", AS_LEFT, 2},
    };
    CLEANUP(mem_free_ptr) char *path = cli_query(cli, "/sandbox");
    if (wants_ended(cli)) {
        CLEANUP(mem_free_ptr) char *live = path;
        if (asprintf(&path, "%s%call=true", live, strchr(live, '?') ? '&' : '?') < 0)
            abort();
    }
    return cli_list(cli, path, columns, ARRAY_LEN(columns), "id");
}

const struct command cmd_ls = {
    .name = "ls",
    .args = "",
    .help = "Lists sandboxes.",
    .options = ls_options,
    .list = true,
    .run = ls,
};

static int show(struct cli *cli, int argc, char **argv)
{
    CLEANUP(mem_free_ptr) char *id = NULL;
    int rc = lookup_sandbox(cli, argv[0], &id);
    if (rc)
        return rc;
    CLEANUP(mem_free_ptr) char *path = cli_path("/sandbox/%s", id);
    return cli_show(cli, "GET", path, NULL);
}

const struct command cmd_show = {
    .name = "show",
    .args = "SANDBOX",
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
    return cli_each_sandbox(cli, "DELETE", cli_option(cli, "as-admin") ? "?reason=admin" : "", argc, argv);
}

const struct command cmd_rm = {
    .name = "rm",
    .args = "SANDBOX...",
    .help = "Ends sandboxes and removes all that belongs to them.",
    .options = rm_options,
    .least = 1,
    .most = -1,
    .run = rm,
};

static const struct opt extend_options[] = {
    {"lifetime", 0, OPT_SECONDS, "TIME", "lifetime_seconds", "New lifetime, counted from now."},
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
    CLEANUP(mem_free_ptr) char *id = NULL;
    json_t *body = cli_body(cli);
    int rc = json_object_size(body) ? lookup_sandbox(cli, argv[0], &id) : 0;
    if (rc) {
        json_decref(body);
        return rc;
    }
    CLEANUP(mem_free_ptr) char *path = id ? cli_path("/sandbox/%s", id) : NULL;
    return cli_change(cli, path, body, "--lifetime 2h");
}

const struct command cmd_extend = {
    .name = "extend",
    .args = "SANDBOX",
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
    cli_prefer_async(cli, cli_option(cli, "async"));
    return cli_each_sandbox(cli, "POST", "/pause", argc, argv);
}

const struct command cmd_pause = {
    .name = "pause",
    .args = "SANDBOX...",
    .help = "Freezes sandboxes; they keep their memory and disk.",
    .options = pause_options,
    .least = 1,
    .most = -1,
    .run = freeze,
};

static int resume(struct cli *cli, int argc, char **argv)
{
    cli_prefer_async(cli, cli_option(cli, "async"));
    return cli_each_sandbox(cli, "POST", "/resume", argc, argv);
}

const struct command cmd_resume = {
    .name = "resume",
    .args = "SANDBOX...",
    .help = "Thaws sandboxes.",
    .options = pause_options,
    .least = 1,
    .most = -1,
    .run = resume,
};
