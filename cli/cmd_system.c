/* Nodes, the system as a whole, and the audit log. */
#include "cli/print.h"
#include "cli/verbs.h"

#include "common/base/mem.h"

static int node_ls(struct cli *cli, int argc, char **argv)
{
    static const struct column columns[] = {
        {"NAME", "name", AS_TEXT, 0},
        {"STATE", "state", AS_STATE, 0},
        {"REGION", "region", AS_TEXT, 4},
        {"SANDBOXES", "reserved.sandboxes", AS_TEXT, 1},
        {"OF", "capacity.sandboxes", AS_TEXT, 5},
        {"WARM", "warm.sandboxes", AS_TEXT, 4},
        {"MEMORY", "reserved.memory_bytes", AS_BYTES, 2},
        {"OF", "capacity.memory_bytes", AS_BYTES, 5},
        {"CPU", "reserved.cpu_millis", AS_TEXT, 3},
        {"OF", "capacity.cpu_millis", AS_TEXT, 5},
        {"SEEN", "last_seen_at", AS_AGO, 2},
    };
    return cli_list(cli, "/sandbox/system/nodes", columns, ARRAY_LEN(columns), "name");
}

const struct command cmd_node_ls = {
    .name = "node ls", .args = "", .help = "Lists nodes.", .list = true, .run = node_ls};

static int node_show(struct cli *cli, int argc, char **argv)
{
    CLEANUP(mem_free_ptr) char *path = cli_path("/sandbox/system/nodes/%s", argv[0]);
    return cli_show(cli, "GET", path, NULL);
}

const struct command cmd_node_show = {
    .name = "node show", .args = "NODE", .help = "Shows a node.", .least = 1, .most = 1, .run = node_show};

static int node_cordon(struct cli *cli, int argc, char **argv)
{
    return cli_each(cli, "POST", "/sandbox/system/nodes/", "/cordon", argc, argv);
}

const struct command cmd_node_cordon = {.name = "node cordon",
                                        .args = "NODE...",
                                        .help = "Keeps new sandboxes off nodes.",
                                        .least = 1,
                                        .most = -1,
                                        .run = node_cordon};

static int node_uncordon(struct cli *cli, int argc, char **argv)
{
    return cli_each(cli, "POST", "/sandbox/system/nodes/", "/uncordon", argc, argv);
}

const struct command cmd_node_uncordon = {.name = "node uncordon",
                                          .args = "NODE...",
                                          .help = "Lets nodes take sandboxes again.",
                                          .least = 1,
                                          .most = -1,
                                          .run = node_uncordon};

static int node_revoke(struct cli *cli, int argc, char **argv)
{
    return cli_each(cli, "POST", "/sandbox/system/nodes/", "/revoke", argc, argv);
}

const struct command cmd_node_revoke = {
    .name = "node revoke",
    .args = "NODE...",
    .help =
        "Ends the session of nodes and refuses their certificates issued so far (corral-controller pki issue "
        "gives a new one).",
    .least = 1,
    .most = -1,
    .run = node_revoke};

static int node_rm(struct cli *cli, int argc, char **argv)
{
    return cli_each(cli, "DELETE", "/sandbox/system/nodes/", "", argc, argv);
}

const struct command cmd_node_rm = {.name = "node rm",
                                    .args = "NODE...",
                                    .help = "Removes nodes that are gone.",
                                    .least = 1,
                                    .most = -1,
                                    .run = node_rm};

static int node_drain(struct cli *cli, int argc, char **argv)
{
    return cli_each(cli, "POST", "/sandbox/system/nodes/", "/drain", argc, argv);
}

const struct command cmd_node_drain = {
    .name = "node drain",
    .args = "NODE...",
    .help = "Keeps new sandboxes off nodes that will be removed; sandboxes on them live to their end.",
    .least = 1,
    .most = -1,
    .run = node_drain};

static int system_stats(struct cli *cli, int argc, char **argv)
{
    return cli_show(cli, "GET", "/sandbox/system/stats", NULL);
}

const struct command cmd_system_stats = {
    .name = "system stats", .args = "", .help = "Totals, capacity and load.", .run = system_stats};

static const struct opt cleanup_options[] = {
    {"dry-run", 'n', OPT_FLAG, NULL, "dry_run", "Only count; remove nothing."},
    {NULL, 0, OPT_FLAG, NULL, NULL, NULL},
};

static int system_cleanup(struct cli *cli, int argc, char **argv)
{
    return cli_show(cli, "POST", "/sandbox/system/cleanup", cli_body(cli));
}

const struct command cmd_system_cleanup = {
    .name = "system cleanup",
    .args = "",
    .help = "Cleans up now: removes orphaned resources, and shows how many.",
    .options = cleanup_options,
    .run = system_cleanup};

static const struct opt audit_options[] = {
    {"actor", 'u', OPT_TEXT, "USER|KEY", "actor",
     "Only what this user (an id or a name) or key (an id) did."},
    {"action", 'a', OPT_TEXT, "ACTION", "action", "Only this action, such as sandbox.create."},
    {"target", 0, OPT_TEXT, "ID", "target", "Only actions on this object, such as a sandbox's id."},
    {"result", 'r', OPT_TEXT, "RESULT", "result", "Only this result: ok, or the code of a refusal."},
    {"from", 0, OPT_TEXT, "TIME", "from", "Only rows from this time on, such as 2026-01-02T03:04:05Z."},
    {"to", 0, OPT_TEXT, "TIME", "to", "Only rows before this time."},
    {NULL, 0, OPT_FLAG, NULL, NULL, NULL},
};

static int audit(struct cli *cli, int argc, char **argv)
{
    static const struct column columns[] = {
        {"ID", "id", AS_TEXT, 3},         {"AGO", "at", AS_AGO, 0},
        {"USER", "user", AS_TEXT, 1},     {"ADDRESS", "address", AS_TEXT, 4},
        {"ACTION", "action", AS_TEXT, 0}, {"TARGET", "target", AS_TEXT, 2},
        {"RESULT", "result", AS_TEXT, 0},
    };
    CLEANUP(mem_free_ptr) char *path = cli_query(cli, "/sandbox/system/audit");
    return cli_list(cli, path, columns, ARRAY_LEN(columns), "id");
}

const struct command cmd_audit = {.name = "audit",
                                  .args = "",
                                  .help = "Who did what, newest first.",
                                  .options = audit_options,
                                  .list = true,
                                  .run = audit};
