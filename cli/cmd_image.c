/* corral image: the catalogue of images; corral registry: credentials of private registries. */
#include "cli/image_progress.h"
#include "cli/print.h"
#include "cli/steady.h"
#include "cli/verbs.h"

#include "common/base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define IMAGES       "/sandbox/system/images"
#define REGISTRIES   "/sandbox/system/registries"
#define AGAIN_US     300000 /* between two looks at a pull */
#define PASSWORD_MAX 4096

static const struct opt ls_options[] = {
    {"node", 'n', OPT_TEXT, "NODE", "node", "Only images that this node has, or pulls."},
    {"pinned", 'p', OPT_FLAG, NULL, "pinned", "Only images that are pinned."},
    {NULL, 0, OPT_FLAG, NULL, NULL, NULL},
};

static int ls(struct cli *cli, int argc, char **argv)
{
    static const struct column columns[] = {
        {"IMAGE", "name", AS_TEXT, 0},          {"STATE", "state", AS_STATE, 0},
        {"SIZE", "size_bytes", AS_BYTES, 1},    {"PINNED", "pinned", AS_TEXT, 1},
        {"SANDBOXES", "sandboxes", AS_TEXT, 2}, {"WARM", "warm", AS_TEXT, 3},
        {"USED", "last_used_at", AS_AGO, 2},    {"DIGEST", "digest", AS_TEXT, 4},
    };
    CLEANUP(mem_free_ptr) char *path = cli_query(cli, IMAGES);
    return cli_list(cli, path, columns, ARRAY_LEN(columns), "ref");
}

const struct command cmd_image_ls = {.name = "image ls",
                                     .args = "",
                                     .help = "Lists images, and how they stand on the nodes.",
                                     .options = ls_options,
                                     .list = true,
                                     .run = ls};

static int show(struct cli *cli, int argc, char **argv)
{
    CLEANUP(mem_free_ptr) char *path = cli_path(IMAGES "/%s", argv[0]);
    return cli_show(cli, "GET", path, NULL);
}

const struct command cmd_image_show = {.name = "image show",
                                       .args = "IMAGE",
                                       .help = "Shows an image, on each node.",
                                       .least = 1,
                                       .most = 1,
                                       .run = show};

/* --- pull --- */

static const struct opt pull_options[] = {
    {"pin", 'p', OPT_FLAG, NULL, "pin", "The nodes hold it, and pull it again where it is missing."},
    {"update", 'u', OPT_FLAG, NULL, "update",
     "Ask the registry again what the name stands for; without this, a tag that has moved changes nothing."},
    {"node", 'n', OPT_LIST, "NODE", "nodes", "Only this node; may be given again. Default: all."},
    {"region", 0, OPT_TEXT, "REGION", "region", "Only nodes of this region."},
    {"label", 'l', OPT_LABEL, "K=V", "labels", "Only nodes with this label; may be given again."},
    {"detach", 'd', OPT_FLAG, NULL, NULL, "Do not wait until the nodes have it."},
    {NULL, 0, OPT_FLAG, NULL, NULL, NULL},
};

/* Shows how it goes on until no node waits or pulls. A node that failed makes the verb fail. */
static int follow(struct cli *cli, const char *ref, struct cli_answer *answer)
{
    CLEANUP(mem_free_ptr) char *path = cli_path(IMAGES "/%s", ref);
    struct image_progress progress;
    int rc = CLI_DONE;
    image_progress_begin(&progress, cli);
    while (!rc && image_progress_show(&progress, answer->json)) {
        usleep(AGAIN_US);
        cli_answer_fini(answer);
        rc = cli_call(cli, "GET", path, NULL, answer);
    }
    image_progress_end(&progress);
    return rc ? rc : progress.failed ? CLI_REFUSED : CLI_DONE;
}

static int pull(struct cli *cli, int argc, char **argv)
{
    struct cli_answer answer;
    json_t *body = cli_body(cli);
    json_object_set_new(body, "ref", json_string(argv[0]));
    int rc = cli_call(cli, "POST", IMAGES, body, &answer);
    if (!rc && !cli_option(cli, "detach"))
        rc = follow(cli, argv[0], &answer);
    if (!rc || answer.json)
        print_object(cli, answer.json);
    cli_answer_fini(&answer);
    return rc;
}

const struct command cmd_image_pull = {.name = "image pull",
                                       .args = "IMAGE",
                                       .help = "Has nodes pull an image, and shows how far each one is.",
                                       .options = pull_options,
                                       .least = 1,
                                       .most = 1,
                                       .run = pull};

/* --- the others --- */

static int set_pin(struct cli *cli, const char *ref, bool pinned)
{
    CLEANUP(mem_free_ptr) char *path = cli_path(IMAGES "/%s", ref);
    return cli_show(cli, "PATCH", path, json_pack("{s:b}", "pinned", pinned));
}

static int pin(struct cli *cli, int argc, char **argv)
{
    return set_pin(cli, argv[0], true);
}

const struct command cmd_image_pin = {.name = "image pin",
                                      .args = "IMAGE",
                                      .help = "Pins an image: nodes never remove it by themselves.",
                                      .least = 1,
                                      .most = 1,
                                      .run = pin};

static int unpin(struct cli *cli, int argc, char **argv)
{
    return set_pin(cli, argv[0], false);
}

const struct command cmd_image_unpin = {
    .name = "image unpin", .args = "IMAGE", .help = "Unpins an image.", .least = 1, .most = 1, .run = unpin};

static int rm(struct cli *cli, int argc, char **argv)
{
    return cli_each(cli, "DELETE", IMAGES "/", "", argc, argv);
}

const struct command cmd_image_rm = {.name = "image rm",
                                     .args = "IMAGE...",
                                     .help = "Removes images from all nodes.",
                                     .least = 1,
                                     .most = -1,
                                     .run = rm};

static const struct opt prune_options[] = {
    {"dry-run", 'n', OPT_FLAG, NULL, "dry_run", "Only name what would be removed."},
    {"older-than", 0, OPT_SECONDS, "TIME", "older_than_seconds",
     "Only what was not used for so long, such as 7d."},
    {NULL, 0, OPT_FLAG, NULL, NULL, NULL},
};

static int prune(struct cli *cli, int argc, char **argv)
{
    return cli_show(cli, "POST", IMAGES "/prune", cli_body(cli));
}

const struct command cmd_image_prune = {.name = "image prune",
                                        .args = "",
                                        .help = "Removes images that nothing needs from the nodes.",
                                        .options = prune_options,
                                        .run = prune};

/* --- registries --- */

static int registry_ls(struct cli *cli, int argc, char **argv)
{
    static const struct column columns[] = {
        {"NAME", "name", AS_TEXT, 0}, {"USER", "username", AS_TEXT, 1}, {"CHANGED", "changed_at", AS_AGO, 2}};
    return cli_list(cli, REGISTRIES, columns, ARRAY_LEN(columns), "name");
}

const struct command cmd_registry_ls = {.name = "registry ls",
                                        .args = "",
                                        .help = "Lists the registries that have credentials.",
                                        .list = true,
                                        .run = registry_ls};

static int registry_set(struct cli *cli, int argc, char **argv)
{
    char password[PASSWORD_MAX + 2] = "";
    if (isatty(STDIN_FILENO))
        fputs("corral: password on standard input: ", stderr);
    if (!fgets(password, sizeof password, stdin) || !(password[strcspn(password, "\r\n")] = 0, password[0]))
        return cli_usage(cli, "no password on standard input");
    json_t *body = json_pack("{s:s,s:s,s:s}", "name", argv[0], "username", argv[1], "password", password);
    explicit_bzero(password, sizeof password);
    return body ? cli_show(cli, "POST", REGISTRIES, body) : cli_usage(cli, "what is given is no UTF-8");
}

const struct command cmd_registry_set = {
    .name = "registry set",
    .args = "REGISTRY USERNAME",
    .help =
        "Sets the credentials with which nodes pull from a registry; reads the password from standard input.",
    .least = 2,
    .most = 2,
    .run = registry_set};

static int registry_rm(struct cli *cli, int argc, char **argv)
{
    return cli_each(cli, "DELETE", REGISTRIES "/", "", argc, argv);
}

const struct command cmd_registry_rm = {.name = "registry rm",
                                        .args = "REGISTRY...",
                                        .help = "Removes the credentials of registries.",
                                        .least = 1,
                                        .most = -1,
                                        .run = registry_rm};
