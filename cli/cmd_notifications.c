/* What the user is notified of. */
#include "cli/print.h"
#include "cli/verbs.h"

#include "common/base/mem.h"

#include <stdlib.h>

static const struct opt list_options[] = {
    {"unread", 0, OPT_FLAG, NULL, "unread", "Only those that are not marked as read."},
    {NULL, 0, OPT_FLAG, NULL, NULL, NULL},
};

static int list(struct cli *cli, int argc, char **argv)
{
    static const struct column columns[] = {
        {"ID", "id", AS_TEXT, 0},           {"AGO", "updated_at", AS_AGO, 0},
        {"LEVEL", "level", AS_STATE, 1},    {"SANDBOX", "sandbox_id", AS_TEXT, 3},
        {"MESSAGE", "message", AS_TEXT, 0}, {"READ", "read_at", AS_AGO, 2},
    };
    CLEANUP(mem_free_ptr) char *path = cli_query(cli, "/sandbox/notifications");
    return cli_list(cli, path, columns, ARRAY_LEN(columns), "id");
}

const struct command cmd_notifications = {
    .name = "notifications",
    .args = "",
    .help = "Shows what you were notified of, newest first: violations, ends that come, ends with their "
            "reasons, quotas nearly used "
            "up.",
    .options = list_options,
    .list = true,
    .run = list,
};

static const struct opt read_options[] = {
    {"all", 0, OPT_FLAG, NULL, NULL, "All of them."},
    {NULL, 0, OPT_FLAG, NULL, NULL, NULL},
};

static int mark(struct cli *cli, int argc, char **argv)
{
    if (!argc == !cli_option(cli, "all"))
        return cli_usage(cli, "name notifications, or --all");
    return argc ? cli_each(cli, "POST", "/sandbox/notifications/", "/read", argc, argv)
                : cli_show(cli, "POST", "/sandbox/notifications/read", NULL);
}

const struct command cmd_notifications_read = {
    .name = "notifications read",
    .args = "[NOTIFICATION...]",
    .help = "Marks notifications as read.",
    .options = read_options,
    .most = -1,
    .run = mark,
};
