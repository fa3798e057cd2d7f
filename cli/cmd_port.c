/* corral port: URLs of ports inside sandboxes. */
#include "cli/lookup.h"
#include "cli/print.h"
#include "cli/verbs.h"

#include "common/base/mem.h"
#include "common/base/units.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct opt make_options[] = {
    {"lifetime", 'l', OPT_SECONDS, "TIME", "lifetime_seconds",
     "How long the URL works, such as 30m; default 1h."},
    {"wait", 'w', OPT_TEXT, "TIME", NULL,
     "Wait for something to listen on the port, so long at most (60s); without one, nobody looks."},
    {"admin-access", 0, OPT_FLAG, NULL, NULL, ADMIN_ACCESS_HELP},
    {NULL, 0, OPT_FLAG, NULL, NULL, NULL},
};

static const struct opt options[] = {
    {"admin-access", 0, OPT_FLAG, NULL, NULL, ADMIN_ACCESS_HELP},
    {NULL, 0, OPT_FLAG, NULL, NULL, NULL},
};

/* Adds the query that enters another user's sandbox to the path, which it takes. */
static char *entering(const struct cli *cli, char *path)
{
    char *out = NULL;
    if (!cli_option(cli, "admin-access"))
        return path;
    if (asprintf(&out, "%s?admin_access=true", path) < 0)
        abort();
    free(path);
    return out;
}

static char *path_of(const struct cli *cli, const char *sandbox, const char *port)
{
    return entering(cli, port ? cli_path("/sandbox/%s/ports/%s", sandbox, port)
                              : cli_path("/sandbox/%s/ports", sandbox));
}

/* The body of what is asked for; NULL with a usage error printed. */
static json_t *body_of(const struct cli *cli, const char *port)
{
    const char *wait = cli_option(cli, "wait");
    uint64_t seconds = 0;
    char *end;
    unsigned long number = strtoul(port, &end, 10);
    if (*port < '0' || *port > '9' || *end || !number || number > 65535) {
        (void)cli_usage(cli, "PORT is a number from 1 to 65535");
        return NULL;
    }
    if (wait && (!units_parse_seconds(wait, &seconds) || seconds > 60)) {
        (void)cli_usage(cli, "--wait takes a time of at most 60s");
        return NULL;
    }
    json_t *body = cli_body(cli);
    json_object_set_new(body, "port", json_integer((json_int_t)number));
    if (wait)
        json_object_set_new(body, "wait_ms", json_integer((json_int_t)seconds * 1000));
    return body;
}

static int make(struct cli *cli, int argc, char **argv)
{
    CLEANUP(mem_free_ptr) char *id = NULL;
    struct cli_answer answer;
    json_t *body = body_of(cli, argv[1]);
    if (!body)
        return CLI_USAGE;
    int rc = lookup_sandbox(cli, argv[0], &id);
    if (rc) {
        json_decref(body);
        return rc;
    }
    CLEANUP(mem_free_ptr) char *path = path_of(cli, id, NULL);
    if ((rc = cli_call(cli, "POST", path, body, &answer)))
        return rc;
    const char *url = json_string_value(json_object_get(answer.json, "url"));
    if (cli_wants_json(cli))
        print_json(answer.json);
    else if (url)
        puts(url);
    cli_answer_fini(&answer);
    return CLI_DONE;
}

const struct command cmd_port = {
    .name = "port",
    .args = "SANDBOX PORT",
    .help = "Makes a URL for a port inside a sandbox and prints it, only this once: all who have it can use "
            "the port.",
    .options = make_options,
    .least = 2,
    .most = 2,
    .run = make,
};

static int ls(struct cli *cli, int argc, char **argv)
{
    static const struct column columns[] = {{"ID", "id", AS_TEXT, 0},
                                            {"PORT", "port", AS_TEXT, 0},
                                            {"CREATED", "created_at", AS_AGO, 2},
                                            {"EXPIRES", "expires_at", AS_TEXT, 1}};
    CLEANUP(mem_free_ptr) char *id = NULL;
    int rc = lookup_sandbox(cli, argv[0], &id);
    if (rc)
        return rc;
    CLEANUP(mem_free_ptr) char *path = path_of(cli, id, NULL);
    return cli_list(cli, path, columns, ARRAY_LEN(columns), "id");
}

const struct command cmd_port_ls = {
    .name = "port ls",
    .args = "SANDBOX",
    .help = "Lists the ports of a sandbox that have a URL.",
    .options = options,
    .least = 1,
    .most = 1,
    .list = true,
    .run = ls,
};

static int rm(struct cli *cli, int argc, char **argv)
{
    CLEANUP(mem_free_ptr) char *id = NULL;
    int rc = lookup_sandbox(cli, argv[0], &id);
    for (int i = 1; i < argc && !rc; i++) {
        struct cli_answer answer;
        CLEANUP(mem_free_ptr) char *path = path_of(cli, id, argv[i]);
        rc = cli_call(cli, "DELETE", path, NULL, &answer);
        if (rc)
            break;
        if (!cli_wants_json(cli))
            puts(argv[i]);
        cli_answer_fini(&answer);
    }
    return rc;
}

const struct command cmd_port_rm = {
    .name = "port rm",
    .args = "SANDBOX PORT_ID...",
    .help = "Ends URLs of ports of a sandbox, and their connections at once.",
    .options = options,
    .least = 2,
    .most = -1,
    .run = rm,
};
