/* The output of a sandbox's command. */
#include "cli/lookup.h"
#include "cli/verbs.h"

#include "common/base/mem.h"
#include "common/base/rfc3339.h"
#include "common/base/units.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const struct opt options[] = {
    {"follow", 'f', OPT_FLAG, NULL, "follow", "Go on until the sandbox ends."},
    {"tail", 'n', OPT_NUMBER, "N", "tail", "Only the last N lines."},
    {"since", 0, OPT_TEXT, "TIME", NULL,
     "Only output from this time on: 2026-01-02T03:04:05Z, or so long ago: 10m."},
    {"stream", 0, OPT_TEXT, "NAME", "stream", "Only this stream: stdout or stderr."},
    {"admin-access", 0, OPT_FLAG, NULL, "admin_access", ADMIN_ACCESS_HELP},
    {NULL, 0, OPT_FLAG, NULL, NULL, NULL},
};

/* Adds the time to the path, which it takes; NULL with a usage error printed. */
static char *add_since(const struct cli *cli, char *path)
{
    const char *since = cli_option(cli, "since");
    char at[RFC3339_LEN + 1];
    char *out = NULL;
    uint64_t seconds;
    if (!since)
        return path;
    if (!rfc3339_valid(since)) {
        uint64_t now = (uint64_t)time(NULL);
        if (!units_parse_seconds(since, &seconds) || seconds > now) {
            cli_usage(cli, "--since takes a time such as 2026-01-02T03:04:05Z, or 10m");
            free(path);
            return NULL;
        }
        rfc3339_format((now - seconds) * 1000, at);
        since = at;
    }
    CLEANUP(mem_free_ptr) char *escaped = cli_path("%s", since);
    if (asprintf(&out, "%s%csince=%s", path, strchr(path, '?') ? '&' : '?', escaped) < 0)
        abort();
    free(path);
    return out;
}

static int logs(struct cli *cli, int argc, char **argv)
{
    CLEANUP(mem_free_ptr) char *id = NULL;
    int rc = lookup_sandbox(cli, argv[0], &id);
    if (rc)
        return rc;
    CLEANUP(mem_free_ptr) char *start = cli_path("/sandbox/%s/logs", id);
    CLEANUP(mem_free_ptr) char *path = add_since(cli, cli_query(cli, start));
    if (!path)
        return CLI_USAGE;
    return cli_stream(cli, path, cli_wants_json(cli) ? "application/x-ndjson" : "text/plain", stdout);
}

const struct command cmd_logs = {
    .name = "logs",
    .args = "SANDBOX",
    .help =
        "Prints what a sandbox's command has written, also after its end; with --json a line of JSON each.",
    .options = options,
    .least = 1,
    .most = 1,
    .run = logs,
};
