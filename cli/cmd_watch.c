/* Resource use and events of sandboxes, and waiting for their states. */
#include "cli/verbs.h"

#include "common/base/mem.h"
#include "common/base/units.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define ONE_WAIT_MS 30000u

/* Appends the current use of a sandbox to all. */
static int add_stats(struct cli *cli, const char *id, json_t *all)
{
    struct cli_answer answer;
    CLEANUP(mem_free_ptr) char *path = cli_path("/sandbox/%s/stats", id);
    int rc = cli_call(cli, "GET", path, NULL, &answer);
    if (!rc)
        json_array_append(all, answer.json);
    cli_answer_fini(&answer);
    return rc;
}

/*
 * The path that lists only the caller's own sandboxes, for an administrator, too, who by default sees all.
 * The caller's.
 */
static int own_sandboxes(struct cli *cli, char **path)
{
    struct cli_answer answer;
    int rc = cli_call(cli, "GET", "/sandbox/quota/usage", NULL, &answer);
    if (rc)
        return rc;
    const char *id = json_string_value(json_object_get(json_object_get(answer.json, "user"), "id"));
    *path = cli_path("/sandbox?user=%s", id ? id : "");
    cli_answer_fini(&answer);
    return CLI_DONE;
}

/* Appends the use of each own sandbox that runs or is paused; the others have no current figures. */
static int add_own_stats(struct cli *cli, json_t *all)
{
    size_t i;
    CLEANUP(mem_free_ptr) char *path = NULL;
    int first = own_sandboxes(cli, &path);
    if (first)
        return first;
    json_t *item, *own = json_array();
    first = cli_all_pages(cli, path, own);
    json_array_foreach(own, i, item)
    {
        const char *state = json_string_value(json_object_get(item, "state"));
        const char *id = json_string_value(json_object_get(item, "id"));
        if (!id || !state || (strcmp(state, "running") && strcmp(state, "paused")))
            continue;
        int rc = add_stats(cli, id, all);
        if (!first)
            first = rc;
    }
    json_decref(own);
    return first;
}

static int stats(struct cli *cli, int argc, char **argv)
{
    static const struct column columns[] = {
        {"ID", "sandbox_id", AS_TEXT},
        {"HEALTH", "health.status", AS_TEXT},
        {"MEMORY", "memory.used_bytes", AS_BYTES},
        {"OF", "memory.limit_bytes", AS_BYTES},
        {"HELD", "memory.percent", AS_PERCENT},
        {"CPU", "cpu.percent", AS_PERCENT},
        {"DISK", "disk.used_bytes", AS_BYTES},
        {"OF", "disk.limit_bytes", AS_BYTES},
        {"FULL", "disk.percent", AS_PERCENT},
        {"PIDS", "pids.current", AS_TEXT},
        {"RECEIVED", "network.rx_bytes", AS_BYTES},
        {"SENT", "network.tx_bytes", AS_BYTES},
        {"UP", "health.uptime_seconds", AS_SECONDS},
    };
    json_t *all = json_array();
    int first = argc ? CLI_DONE : add_own_stats(cli, all);
    for (int i = 0; i < argc; i++) {
        int rc = add_stats(cli, argv[i], all);
        if (!first)
            first = rc;
    }
    bool any = json_array_size(all) || (!argc && !first);
    if (cli_wants_json(cli) && any)
        cli_print_json(argc == 1 ? json_array_get(all, 0) : all);
    else if (any)
        cli_print_table(cli, all, columns, ARRAY_LEN(columns));
    json_decref(all);
    return first;
}

const struct command cmd_stats = {
    .name = "stats",
    .args = "[ID]...",
    .help = "Shows what sandboxes use now; without an ID, all your own. HELD is memory that the kernel "
            "cannot reclaim, in percent of the limit.",
    .most = -1,
    .run = stats,
};

static const struct opt wait_options[] = {
    {"state", 's', OPT_TEXT, "STATE", NULL, "Wait for this state; default: the end."},
    {"timeout", 't', OPT_SECONDS, "TIME", NULL, "How long to wait; default: for ever."},
    {NULL, 0, OPT_FLAG, NULL, NULL, NULL},
};

static uint64_t clock_ms(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

static bool ended(const char *state)
{
    return !strcmp(state, "stopped") || !strcmp(state, "failed");
}

/* One wait on the server. *over: the state is reached, or the sandbox has ended. */
static int wait_once(struct cli *cli, const char *id, const char *state, uint64_t ms, bool *over,
                     bool *reached)
{
    char query[128];
    struct cli_answer answer;
    CLEANUP(mem_free_ptr) char *escaped = state ? cli_path("%s", state) : NULL;
    CLEANUP(mem_free_ptr) char *start = cli_path("/sandbox/%s/wait", id);
    CLEANUP(mem_free_ptr) char *path = NULL;
    snprintf(query, sizeof query, "?timeout_ms=%" PRIu64 "%s%.60s", ms, state ? "&state=" : "",
             state ? escaped : "");
    if (asprintf(&path, "%s%s", start, query) < 0)
        return CLI_UNREACHABLE;
    int rc = cli_call(cli, "GET", path, NULL, &answer);
    if (rc)
        return rc;
    const char *now = json_string_value(json_object_get(answer.json, "state"));
    *reached = now && (state ? !strcmp(now, state) : ended(now));
    *over = *reached || !now || ended(now);
    if (*over)
        cli_print_object(cli, answer.json);
    cli_answer_fini(&answer);
    return CLI_DONE;
}

static int wait_for(struct cli *cli, int argc, char **argv)
{
    const char *state = cli_option(cli, "state"), *timeout = cli_option(cli, "timeout");
    uint64_t seconds = 0, start = clock_ms();
    bool over = false, reached = false;
    if (timeout && !units_parse_seconds(timeout, &seconds))
        return CLI_USAGE;
    while (!over) {
        uint64_t past = clock_ms() - start, ms = ONE_WAIT_MS;
        if (timeout && past >= seconds * 1000) {
            fprintf(stderr, "corral: %s was not reached in %s\n", state ? state : "the end", timeout);
            return CLI_REFUSED;
        }
        if (timeout && seconds * 1000 - past < ms)
            ms = seconds * 1000 - past;
        int rc = wait_once(cli, argv[0], state, ms, &over, &reached);
        if (rc)
            return rc;
    }
    return reached ? CLI_DONE : CLI_REFUSED;
}

const struct command cmd_wait = {
    .name = "wait",
    .args = "ID",
    .help = "Waits until a sandbox has ended, or is in a state, and shows it.",
    .options = wait_options,
    .least = 1,
    .most = 1,
    .run = wait_for,
};

static int events(struct cli *cli, int argc, char **argv)
{
    static const struct column columns[] = {
        {"AGO", "at", AS_AGO},
        {"TYPE", "type", AS_TEXT},
        {"SANDBOX", "sandbox_id", AS_TEXT},
        {"REASON", "data.reason", AS_TEXT},
        {"DETAIL", "data.detail", AS_TEXT},
    };
    CLEANUP(mem_free_ptr)
    char *path = argc ? cli_path("/sandbox/%s/events", argv[0]) : cli_path("/sandbox/events");
    return cli_list(cli, path, columns, ARRAY_LEN(columns), "id");
}

const struct command cmd_events = {
    .name = "events",
    .args = "[ID]",
    .help = "Shows what happened and why, oldest first.",
    .most = 1,
    .run = events,
};

static int quota(struct cli *cli, int argc, char **argv)
{
    return cli_show(cli, "GET", "/sandbox/quota/usage", NULL);
}

const struct command cmd_quota = {
    .name = "quota",
    .args = "",
    .help = "Shows limits, current use and what remains.",
    .run = quota,
};
