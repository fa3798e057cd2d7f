/* Users, their keys, and tiers. */
#include "cli/print.h"
#include "cli/verbs.h"

#include "common/base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct opt user_options[] = {
    {"tier", 0, OPT_TEXT, "TIER", "tier", "Tier, such as free, pro or enterprise."},
    {"role", 'r', OPT_TEXT, "user|admin", "role", "Role."},
    {"name", 'n', OPT_TEXT, "NAME", "name", "Name."},
    {"override", 0, OPT_PAIR, "LIMIT=N", NULL,
     "Overrides a limit for this user, such as max_sandboxes=20; an empty value removes it; may be given "
     "again."},
    {NULL, 0, OPT_FLAG, NULL, NULL, NULL},
};

/* Overrides are numbers, or null. */
static int put_override(void *arg, const char *text)
{
    json_t *overrides = arg;
    char name[64], *end;
    const char *value = strchr(text, '=') + 1;
    snprintf(name, sizeof name, "%.*s", (int)(value - text - 1), text);
    long long n = strtoll(value, &end, 10);
    if (*end)
        return CLI_USAGE;
    json_object_set_new(overrides, name, value[0] ? json_integer(n) : json_null());
    return CLI_DONE;
}

static int with_overrides(struct cli *cli, json_t *body)
{
    json_t *overrides = json_object();
    int rc = cli_each_option(cli, "override", put_override, overrides);
    if (json_object_size(overrides))
        json_object_set(body, "overrides", overrides);
    json_decref(overrides);
    return rc ? cli_usage(cli, "--override takes LIMIT=NUMBER") : CLI_DONE;
}

static int user_add(struct cli *cli, int argc, char **argv)
{
    json_t *body = cli_body(cli);
    json_object_set_new(body, "name", json_string(argv[0]));
    if (!json_object_get(body, "tier"))
        json_object_set_new(body, "tier", json_string("free"));
    if (with_overrides(cli, body)) {
        json_decref(body);
        return CLI_USAGE;
    }
    return cli_show(cli, "POST", "/sandbox/system/users", body);
}

const struct command cmd_user_add = {
    .name = "user add",
    .args = "NAME",
    .help = "Adds a user, on tier free by default.",
    .options = user_options,
    .least = 1,
    .most = 1,
    .run = user_add,
};

static int user_ls(struct cli *cli, int argc, char **argv)
{
    static const struct column columns[] = {
        {"ID", "id", AS_TEXT, 0},     {"NAME", "name", AS_TEXT, 1},         {"TIER", "tier", AS_TEXT, 2},
        {"ROLE", "role", AS_TEXT, 3}, {"CREATED", "created_at", AS_AGO, 4},
    };
    return cli_list(cli, "/sandbox/system/users", columns, ARRAY_LEN(columns), "id");
}

const struct command cmd_user_ls = {
    .name = "user ls", .args = "", .help = "Lists users.", .list = true, .run = user_ls};

static int user_show(struct cli *cli, int argc, char **argv)
{
    CLEANUP(mem_free_ptr) char *path = cli_path("/sandbox/system/users/%s", argv[0]);
    return cli_show(cli, "GET", path, NULL);
}

const struct command cmd_user_show = {
    .name = "user show", .args = "USER", .help = "Shows a user.", .least = 1, .most = 1, .run = user_show};

static int user_set(struct cli *cli, int argc, char **argv)
{
    CLEANUP(mem_free_ptr) char *path = cli_path("/sandbox/system/users/%s", argv[0]);
    json_t *body = cli_body(cli);
    if (with_overrides(cli, body)) {
        json_decref(body);
        return CLI_USAGE;
    }
    return cli_change(cli, path, body, "--tier pro");
}

const struct command cmd_user_set = {
    .name = "user set",
    .args = "USER",
    .help = "Changes a user's name, tier, role or overrides.",
    .options = user_options,
    .least = 1,
    .most = 1,
    .run = user_set,
};

static int user_rm(struct cli *cli, int argc, char **argv)
{
    return cli_each(cli, "DELETE", "/sandbox/system/users/", "", argc, argv);
}

const struct command cmd_user_rm = {.name = "user rm",
                                    .args = "USER...",
                                    .help =
                                        "Removes users that have no live sandboxes, and revokes their keys.",
                                    .least = 1,
                                    .most = -1,
                                    .run = user_rm};

static const struct opt key_options[] = {
    {"name", 'n', OPT_TEXT, "NAME", "name", "What the key is for."},
    {"scope", 's', OPT_LIST, "read|exec|write|admin", "scopes",
     "What it may do; may be given again. write has exec in it."},
    {"max-sandboxes", 0, OPT_NUMBER, "N", "max_sandboxes", "Most live sandboxes of this key."},
    {"expires-at", 0, OPT_TEXT, "TIME", "expires_at", "When it expires (RFC 3339)."},
    {NULL, 0, OPT_FLAG, NULL, NULL, NULL},
};

/* Of a user, for administrators; user NULL: one's own. */
static char *keys_path(const char *user)
{
    return user ? cli_path("/sandbox/system/users/%s/keys", user) : cli_path("/sandbox/keys");
}

static int key_add(struct cli *cli, int argc, char **argv)
{
    CLEANUP(mem_free_ptr) char *path = keys_path(argc ? argv[0] : NULL);
    json_t *body = cli_body(cli);
    if (!json_object_get(body, "name"))
        json_object_set_new(body, "name", json_string("default"));
    return cli_show(cli, "POST", path, body);
}

const struct command cmd_key_add = {
    .name = "key add",
    .args = "[USER]",
    .help = "Creates an API key for a user (by id), or of one's own, and shows it, only this once.",
    .options = key_options,
    .least = 0,
    .most = 1,
    .run = key_add,
};

static int key_ls(struct cli *cli, int argc, char **argv)
{
    static const struct column columns[] = {
        {"ID", "id", AS_TEXT, 0},
        {"NAME", "name", AS_TEXT, 1},
        {"PREFIX", "prefix", AS_TEXT, 3},
        {"ENDS", "last_four", AS_TEXT, 5},
        {"SCOPES", "scopes", AS_TEXT, 2},
        {"CREATED", "created_at", AS_AGO, 4},
        {"USED", "last_used_at", AS_AGO, 4},
        {"REVOKED", "revoked_at", AS_AGO, 4},
    };
    CLEANUP(mem_free_ptr) char *path = keys_path(argc ? argv[0] : NULL);
    return cli_list(cli, path, columns, ARRAY_LEN(columns), "id");
}

const struct command cmd_key_ls = {.name = "key ls",
                                   .args = "[USER]",
                                   .help = "Lists a user's API keys, or one's own.",
                                   .list = true,
                                   .least = 0,
                                   .most = 1,
                                   .run = key_ls};

static int key_set(struct cli *cli, int argc, char **argv)
{
    CLEANUP(mem_free_ptr) char *path = cli_path("/sandbox/system/users/%s/keys/%s", argv[0], argv[1]);
    return cli_change(cli, path, cli_body(cli), "--scope read");
}

const struct command cmd_key_set = {
    .name = "key set",
    .args = "USER KEY",
    .help = "Changes an API key's name, scopes, limit or expiry.",
    .options = key_options,
    .least = 2,
    .most = 2,
    .run = key_set,
};

static int key_rm(struct cli *cli, int argc, char **argv)
{
    int first = strncmp(argv[0], "key_", 4) != 0;
    if (argc == first)
        return cli_usage(cli, "name the keys to revoke, by id");
    CLEANUP(mem_free_ptr)
    char *before = first ? cli_path("/sandbox/system/users/%s/keys/", argv[0]) : cli_path("/sandbox/keys/");
    return cli_each(cli, "DELETE", before, "", argc - first, argv + first);
}

const struct command cmd_key_rm = {.name = "key rm",
                                   .args = "[USER] KEY...",
                                   .help = "Revokes API keys (by id) immediately: of a user, or one's own.",
                                   .least = 1,
                                   .most = -1,
                                   .run = key_rm};

static int tier_ls(struct cli *cli, int argc, char **argv)
{
    static const struct column columns[] = {
        {"NAME", "name", AS_TEXT, 0},
        {"SANDBOXES", "max_sandboxes", AS_TEXT, 1},
        {"PER KEY", "max_key_sandboxes", AS_TEXT, 3},
#define AS_MILLIS AS_TEXT
#define AS_COUNT  AS_TEXT
#define LIMIT(KIND, name, UNIT, least, most, asked, live, lent, quota, bit, env, preset, help, option,       \
              letter, option_help, heading)                                                                  \
    {heading, #name, AS_##UNIT, 2},
#include "common/model/limit.def"
        {"LIFETIME", "lifetime_seconds", AS_SECONDS, 1},
    };
    return cli_list(cli, "/sandbox/system/tiers", columns, ARRAY_LEN(columns), "name");
}

const struct command cmd_tier_ls = {
    .name = "tier ls", .args = "", .help = "Lists tiers.", .list = true, .run = tier_ls};

/*
 * Limits of a tier are options; an empty value ("--limit pids=") is null: the installation's default applies.
 */
static const struct opt tier_options[] = {
    {"limit", 'l', OPT_PAIR, "LIMIT=N", NULL,
     "A limit, such as memory_bytes=268435456 or max_sandboxes=5; an empty value stands for the default; may "
     "be given again."},
    {"violation", 0, OPT_PAIR, "LEVEL=N", NULL,
     "A violation threshold of its new sandboxes, in percent, such as memory_warning=80; an empty value "
     "stands for the node's; may be given again."},
    {"image", 0, OPT_LIST, "PATTERN", "images",
     "Images that its users may run, such as docker.io/library/*; may be given again. Default: all that the "
     "registries of the installation allow."},
    {"any-image", 0, OPT_FLAG, NULL, NULL, "Its users may run all of these again."},
    {"no-warm-starts", 0, OPT_FLAG, NULL, NULL, "Its sandboxes never come from the warm pool."},
    {NULL, 0, OPT_FLAG, NULL, NULL, NULL},
};

/* The body of a change of a tier; NULL after printing an error. */
static json_t *tier_body(struct cli *cli)
{
    json_t *body = cli_body(cli), *levels = json_object();
    bool good = !cli_each_option(cli, "limit", put_override, body) &&
                !cli_each_option(cli, "violation", put_override, levels);
    if (json_object_size(levels))
        json_object_set(body, "violations", levels);
    json_decref(levels);
    if (!good) {
        json_decref(body);
        (void)cli_usage(cli, "--limit and --violation take NAME=NUMBER");
        return NULL;
    }
    if (cli_option(cli, "any-image"))
        json_object_set_new(body, "images", json_null());
    if (cli_option(cli, "no-warm-starts"))
        json_object_set_new(body, "warm_starts", json_false());
    return body;
}

static int tier_show(struct cli *cli, int argc, char **argv)
{
    CLEANUP(mem_free_ptr) char *path = cli_path("/sandbox/system/tiers/%s", argv[0]);
    return cli_show(cli, "GET", path, NULL);
}

const struct command cmd_tier_show = {
    .name = "tier show", .args = "TIER", .help = "Shows a tier.", .least = 1, .most = 1, .run = tier_show};

static int tier_add(struct cli *cli, int argc, char **argv)
{
    json_t *body = tier_body(cli);
    if (!body)
        return CLI_USAGE;
    json_object_set_new(body, "name", json_string(argv[0]));
    return cli_show(cli, "POST", "/sandbox/system/tiers", body);
}

const struct command cmd_tier_add = {.name = "tier add",
                                     .args = "NAME",
                                     .help = "Adds a tier; the defaults apply to what is not given.",
                                     .options = tier_options,
                                     .least = 1,
                                     .most = 1,
                                     .run = tier_add};

static int tier_set(struct cli *cli, int argc, char **argv)
{
    CLEANUP(mem_free_ptr) char *path = cli_path("/sandbox/system/tiers/%s", argv[0]);
    json_t *body = tier_body(cli);
    return body ? cli_show(cli, "PATCH", path, body) : CLI_USAGE;
}

const struct command cmd_tier_set = {
    .name = "tier set",
    .args = "TIER",
    .help = "Changes a tier; a limit below current use only stops new sandboxes.",
    .options = tier_options,
    .least = 1,
    .most = 1,
    .run = tier_set};

static int tier_rm(struct cli *cli, int argc, char **argv)
{
    return cli_each(cli, "DELETE", "/sandbox/system/tiers/", "", argc, argv);
}

const struct command cmd_tier_rm = {.name = "tier rm",
                                    .args = "TIER...",
                                    .help = "Removes tiers that no user is on.",
                                    .least = 1,
                                    .most = -1,
                                    .run = tier_rm};
