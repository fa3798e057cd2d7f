/* corral alert: what goes wrong in the system, and the rules that find it. */
#include "cli/print.h"
#include "cli/verbs.h"

#include "common/base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ALERTS "/sandbox/system/alerts"
#define RULES  ALERTS "/rules"

static const struct opt ls_options[] = {
    {"state", 's', OPT_TEXT, "pending|firing|resolved", "state", "Only alerts in this state."},
    {"severity", 0, OPT_TEXT, "info|warning|critical", "severity", "Only alerts of this severity."},
    {"rule", 'r', OPT_TEXT, "RULE", "rule", "Only alerts of this rule."},
    {"all", 'a', OPT_FLAG, NULL, "all", "Also alerts that are resolved."},
    {NULL, 0, OPT_FLAG, NULL, NULL, NULL},
};

static int ls(struct cli *cli, int argc, char **argv)
{
    static const struct column columns[] = {
        {"ID", "id", AS_TEXT, 0},           {"SEVERITY", "severity", AS_STATE, 0},
        {"STATE", "state", AS_STATE, 0},    {"RULE", "rule", AS_TEXT, 2},
        {"SINCE", "since", AS_AGO, 1},      {"SILENCED", "silence.until", AS_LEFT, 3},
        {"SUMMARY", "summary", AS_TEXT, 0},
    };
    CLEANUP(mem_free_ptr) char *path = cli_query(cli, ALERTS);
    return cli_list(cli, path, columns, ARRAY_LEN(columns), "id");
}

const struct command cmd_alert_ls = {.name = "alert ls",
                                     .args = "",
                                     .help = "Lists alerts that are pending or firing, newest first.",
                                     .options = ls_options,
                                     .list = true,
                                     .run = ls};

static int show(struct cli *cli, int argc, char **argv)
{
    CLEANUP(mem_free_ptr) char *path = cli_path(ALERTS "/%s", argv[0]);
    return cli_show(cli, "GET", path, NULL);
}

const struct command cmd_alert_show = {
    .name = "alert show", .args = "ALERT", .help = "Shows an alert.", .least = 1, .most = 1, .run = show};

static int rules(struct cli *cli, int argc, char **argv)
{
    static const struct column columns[] = {
        {"NAME", "name", AS_TEXT, 0},
        {"KIND", "kind", AS_TEXT, 3},
        {"SEVERITY", "severity", AS_STATE, 1},
        {"ENABLED", "enabled", AS_TEXT, 1},
        {"THRESHOLD", "threshold", AS_TEXT, 0},
        {"UNIT", "unit", AS_TEXT, 2},
        {"HOLD", "hold_seconds", AS_SECONDS, 2},
        {"FIRING", "firing", AS_TEXT, 0},
        {"SILENCED", "silence.until", AS_LEFT, 3},
        {"PROBLEM", "problem", AS_TEXT, 1},
    };
    CLEANUP(mem_free_ptr) char *path = argc ? cli_path(RULES "/%s", argv[0]) : NULL;
    return argc ? cli_show(cli, "GET", path, NULL)
                : cli_list(cli, RULES, columns, ARRAY_LEN(columns), "name");
}

const struct command cmd_alert_rules = {.name = "alert rules",
                                        .args = "[RULE]",
                                        .help = "Lists the rules, or shows one.",
                                        .most = 1,
                                        .list = true,
                                        .run = rules};

#define SETTINGS                                                                                             \
    {"threshold", 0, OPT_NUMBER, "N", "threshold", "From where on it fires, in the unit of its kind."},      \
        {"clear", 0, OPT_NUMBER, "N", "clear", "From where on a value is over its alarm."},                  \
        {"severity", 0, OPT_TEXT, "info|warning|critical", "severity", "How much it matters."},              \
        {"hold", 0, OPT_SECONDS, "TIME", "hold_seconds", "How long a condition holds before it fires."},     \
        {"clear-after",   0,                                                                                 \
         OPT_SECONDS,     "TIME",                                                                            \
         "clear_seconds", "How long it is over before it is resolved."},                                     \
        {"window", 'w', OPT_SECONDS, "TIME", "window_seconds", "Of what time it measures."},                 \
        {"interval", 0, OPT_SECONDS, "TIME", "interval_seconds", "How often it is evaluated."},

static const struct opt set_options[] = {
    SETTINGS{"enable", 0, OPT_FLAG, NULL, NULL, "Evaluates it again."},
    {"disable", 0, OPT_FLAG, NULL, NULL, "Does not evaluate it; its alerts are resolved."},
    {NULL, 0, OPT_FLAG, NULL, NULL, NULL},
};

static int set(struct cli *cli, int argc, char **argv)
{
    CLEANUP(mem_free_ptr) char *path = cli_path(RULES "/%s", argv[0]);
    return cli_change(cli, path, cli_switch(cli, cli_body(cli)), "--threshold 10");
}

const struct command cmd_alert_set = {.name = "alert set",
                                      .args = "RULE",
                                      .help = "Changes a rule, disables it, or enables it again.",
                                      .options = set_options,
                                      .least = 1,
                                      .most = 1,
                                      .run = set};

static const struct opt add_options[] = {SETTINGS{NULL, 0, OPT_FLAG, NULL, NULL, NULL}};

static int add(struct cli *cli, int argc, char **argv)
{
    json_t *body = cli_body(cli);
    json_object_set_new(body, "name", json_string(argv[0]));
    json_object_set_new(body, "kind", json_string(argv[1]));
    return cli_show(cli, "POST", ALERTS, body);
}

const struct command cmd_alert_add = {.name = "alert add",
                                      .args = "NAME KIND",
                                      .help = "Adds a rule of a kind that Corral knows (docs/alerts.md).",
                                      .options = add_options,
                                      .least = 2,
                                      .most = 2,
                                      .run = add};

static int rm(struct cli *cli, int argc, char **argv)
{
    return cli_each(cli, "DELETE", RULES "/", "", argc, argv);
}

const struct command cmd_alert_rm = {.name = "alert rm",
                                     .args = "RULE...",
                                     .help = "Removes rules; their alerts are resolved.",
                                     .least = 1,
                                     .most = -1,
                                     .run = rm};

/* An alert's id, or the name of a rule. */
static char *silence_path(const char *name)
{
    return cli_path(strncmp(name, "alr_", 4) ? RULES "/%s/silence" : ALERTS "/%s/silence", name);
}

static const struct opt silence_options[] = {
    {"for", 'f', OPT_SECONDS, "TIME", "duration_seconds", "How long, such as 2h. Default: 1h."},
    {"comment", 'm', OPT_TEXT, "TEXT", "comment", "Why."},
    {NULL, 0, OPT_FLAG, NULL, NULL, NULL},
};

static int silence(struct cli *cli, int argc, char **argv)
{
    CLEANUP(mem_free_ptr) char *path = silence_path(argv[0]);
    json_t *body = cli_body(cli);
    if (!json_object_get(body, "duration_seconds"))
        json_object_set_new(body, "duration_seconds", json_integer(3600));
    return cli_show(cli, "POST", path, body);
}

const struct command cmd_alert_silence = {
    .name = "alert silence",
    .args = "ALERT|RULE",
    .help = "Tells nothing of an alert's subject, or of any alert of a rule, for a time.",
    .options = silence_options,
    .least = 1,
    .most = 1,
    .run = silence};

static int unsilence(struct cli *cli, int argc, char **argv)
{
    CLEANUP(mem_free_ptr) char *path = silence_path(argv[0]);
    return cli_show(cli, "DELETE", path, NULL);
}

const struct command cmd_alert_unsilence = {.name = "alert unsilence",
                                            .args = "ALERT|RULE",
                                            .help = "Ends a silence; what fires is told now.",
                                            .least = 1,
                                            .most = 1,
                                            .run = unsilence};
