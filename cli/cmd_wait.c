/* Waiting for states of sandboxes, and the quota. */
#include "cli/lookup.h"
#include "cli/print.h"
#include "cli/steady.h"
#include "cli/verbs.h"
#include "cli/wait.h"

#include "common/base/mem.h"
#include "common/base/units.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ONE_WAIT_MS UINT64_C(30000)

static const struct opt wait_options[] = {
    {"state", 's', OPT_TEXT, "STATE", NULL, "Wait for this state; default: the end."},
    {"timeout", 0, OPT_SECONDS, "TIME", NULL, "How long to wait; default: for ever."},
    {NULL, 0, OPT_FLAG, NULL, NULL, NULL},
};

static bool ended(const char *state)
{
    return !strcmp(state, "stopped") || !strcmp(state, "failed");
}

int wait_once(struct cli *cli, const char *id, const char *state, uint64_t ms, struct cli_answer *answer,
              enum wait_result *result)
{
    char query[128];
    CLEANUP(mem_free_ptr) char *escaped = state ? cli_path("%s", state) : NULL;
    CLEANUP(mem_free_ptr) char *start = cli_path("/sandbox/%s/wait", id);
    CLEANUP(mem_free_ptr) char *path = NULL;
    snprintf(query, sizeof query, "?timeout_ms=%" PRIu64 "%s%.60s", ms < ONE_WAIT_MS ? ms : ONE_WAIT_MS,
             state ? "&state=" : "", state ? escaped : "");
    if (asprintf(&path, "%s%s", start, query) < 0)
        abort();
    int rc = cli_call(cli, "GET", path, NULL, answer);
    if (rc)
        return rc;
    const char *now = json_string_value(json_object_get(answer->json, "state"));
    bool reached = now && (state ? !strcmp(now, state) : ended(now));
    *result = reached ? WAIT_REACHED : !now || ended(now) ? WAIT_ENDED : WAIT_NOT_YET;
    return CLI_DONE;
}

static int wait_for(struct cli *cli, int argc, char **argv)
{
    const char *state = cli_option(cli, "state"), *timeout = cli_option(cli, "timeout");
    uint64_t seconds = 0, start = steady_ms();
    CLEANUP(mem_free_ptr) char *id = NULL;
    int rc = lookup_sandbox(cli, argv[0], &id);
    if (rc)
        return rc;
    if (timeout && !units_parse_seconds(timeout, &seconds))
        return CLI_USAGE;
    for (;;) {
        struct cli_answer answer;
        enum wait_result result;
        uint64_t past = steady_ms() - start;
        if (timeout && past >= seconds * 1000) {
            fprintf(stderr, "corral: %s was not reached in %s\n", state ? state : "the end", timeout);
            return CLI_REFUSED;
        }
        rc = wait_once(cli, id, state, timeout ? seconds * 1000 - past : UINT64_MAX, &answer, &result);
        if (!rc && result != WAIT_NOT_YET)
            print_object(cli, answer.json);
        cli_answer_fini(&answer);
        if (rc || result != WAIT_NOT_YET)
            return rc ? rc : result == WAIT_REACHED ? CLI_DONE : CLI_REFUSED;
    }
}

const struct command cmd_wait = {
    .name = "wait",
    .args = "SANDBOX",
    .help = "Waits until a sandbox has ended, or is in a state, and shows it.",
    .options = wait_options,
    .least = 1,
    .most = 1,
    .run = wait_for,
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
