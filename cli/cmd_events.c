/* What happened, and what happens. */
#include "cli/follow.h"
#include "cli/lookup.h"
#include "cli/print.h"
#include "cli/text.h"
#include "cli/verbs.h"

#include "common/base/mem.h"

#include <stdio.h>
#include <stdlib.h>

static const struct opt options[] = {
    {"follow", 'f', OPT_FLAG, NULL, NULL,
     "Show what happens from now on, as it happens; comes back by itself after a lost connection."},
    {"type", 0, OPT_TEXT, "TYPE", "type", "Only events whose type begins so, such as violation."},
    {"after", 0, OPT_TEXT, "ID", "after", "Only events after this one."},
    {"user", 0, OPT_TEXT, "USER", "user", "Only events of this user's sandboxes; for administrators."},
    {NULL, 0, OPT_FLAG, NULL, NULL, NULL},
};

static const struct column columns[] = {
    {"AGO", "at", AS_AGO, 0},
    {"TYPE", "type", AS_TEXT, 0},
    {"SANDBOX", "sandbox_id", AS_TEXT, 1},
    {"REASON", "data.reason", AS_TEXT, 2},
    {"DETAIL", "data.detail", AS_TEXT, 3},
};

static void print_word(const json_t *event, const char *path, const char *before)
{
    const char *value = json_string_value(print_at(event, path));
    CLEANUP(mem_free_ptr) char *shown = value ? text_show_only(mem_strdup(value)) : NULL;
    if (shown && shown[0])
        printf("%s%s", before, shown);
}

/* A line of its own each: nothing is known of those to come. */
static void print_event(void *arg, const char *data)
{
    static const char *const more[] = {"type", "sandbox_id", "node", "data.reason", "data.detail"};
    const struct cli *cli = arg;
    json_t *event = json_loads(data, JSON_ALLOW_NUL, NULL);
    if (event && cli_wants_json(cli)) {
        print_json_line(event);
    } else if (event) {
        print_word(event, cli_is_quiet(cli) ? "id" : "at", "");
        for (size_t i = 0; i < ARRAY_LEN(more) && !cli_is_quiet(cli); i++)
            print_word(event, more[i], "  ");
        putchar('\n');
    }
    json_decref(event);
    if (fflush(stdout)) /* nobody reads it any more */
        exit(CLI_FAILED);
}

static int events(struct cli *cli, int argc, char **argv)
{
    CLEANUP(mem_free_ptr) char *id = NULL;
    int rc = argc ? lookup_sandbox(cli, argv[0], &id) : CLI_DONE;
    if (rc)
        return rc;
    CLEANUP(mem_free_ptr)
    char *start = argc ? cli_path("/sandbox/%s/events", id) : cli_path("/sandbox/events");
    CLEANUP(mem_free_ptr) char *path = cli_query(cli, start);
    if (!cli_option(cli, "follow"))
        return cli_list(cli, path, columns, ARRAY_LEN(columns), "id");
    if (cli_option(cli, "filter"))
        return cli_usage(cli, "--follow takes --type, but no --filter");
    return follow(cli, path, print_event, cli);
}

const struct command cmd_events = {
    .name = "events",
    .args = "[SANDBOX]",
    .help = "Shows what happened and why, oldest first; with --follow what happens, a line each.",
    .options = options,
    .most = 1,
    .list = true,
    .run = events,
};
