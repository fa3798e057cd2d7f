/* corral system recommendations: what to change in the system. */
#include "cli/print.h"
#include "cli/verbs.h"

#include "common/base/mem.h"

#define RECOMMENDATIONS "/sandbox/system/recommendations"

static const struct opt ls_options[] = {
    {"kind", 'k', OPT_TEXT, "capacity|balance|bottleneck|allocation|startup", "kind",
     "Only recommendations of this kind."},
    {"state", 's', OPT_TEXT, "open|applied|dismissed", "state", "Only recommendations in this state."},
    {NULL, 0, OPT_FLAG, NULL, NULL, NULL},
};

static int ls(struct cli *cli, int argc, char **argv)
{
    static const struct column columns[] = {
        {"ID", "id", AS_TEXT, 0},
        {"KIND", "kind", AS_TEXT, 1},
        {"SEVERITY", "severity", AS_STATE, 0},
        {"STATE", "state", AS_STATE, 0},
        {"SUBJECT", "subject", AS_TEXT, 3},
        {"SINCE", "since", AS_AGO, 2},
        {"SENTENCE", "sentence", AS_TEXT, 0},
    };
    CLEANUP(mem_free_ptr)
    char *path = argc ? cli_path(RECOMMENDATIONS "/%s", argv[0]) : cli_query(cli, RECOMMENDATIONS);
    return argc ? cli_show(cli, "GET", path, NULL) : cli_list(cli, path, columns, ARRAY_LEN(columns), "id");
}

const struct command cmd_system_recommendations = {.name = "system recommendations",
                                                   .args = "[RECOMMENDATION]",
                                                   .help =
                                                       "Lists what to change in the system, newest first, or "
                                                       "shows one with its evidence and expected effect.",
                                                   .options = ls_options,
                                                   .most = 1,
                                                   .list = true,
                                                   .run = ls};

static int change(struct cli *cli, const char *id, const char *state)
{
    CLEANUP(mem_free_ptr) char *path = cli_path(RECOMMENDATIONS "/%s", id);
    return cli_show(cli, "PATCH", path, json_pack("{s:s}", "state", state));
}

static int dismiss(struct cli *cli, int argc, char **argv)
{
    return change(cli, argv[0], "dismissed");
}

const struct command cmd_system_recommendations_dismiss = {
    .name = "system recommendations dismiss",
    .args = "RECOMMENDATION",
    .help = "Dismisses a recommendation: it comes back only if its evidence grows.",
    .least = 1,
    .most = 1,
    .run = dismiss};

static int apply(struct cli *cli, int argc, char **argv)
{
    return change(cli, argv[0], "applied");
}

const struct command cmd_system_recommendations_apply = {
    .name = "system recommendations apply",
    .args = "RECOMMENDATION",
    .help = "Marks a recommendation as applied: it opens again if its cause is still there after a week.",
    .least = 1,
    .most = 1,
    .run = apply};

static int reopen(struct cli *cli, int argc, char **argv)
{
    return change(cli, argv[0], "open");
}

const struct command cmd_system_recommendations_open = {.name = "system recommendations open",
                                                        .args = "RECOMMENDATION",
                                                        .help = "Opens a recommendation again.",
                                                        .least = 1,
                                                        .most = 1,
                                                        .run = reopen};
